package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;

/**
 * One parameter and its gradient.
 *
 * @param route what its routing says of it, or null if there is none
 * @param finite whether the gradient is known to be finite
 * @param factor what it is multiplied by before all else, in (0, 1]; if it is less than 1, it is
 *     the one attached to the weight and may be overwritten
 */
record Update(
        String id, Route route, NDArray weight, NDArray gradient, boolean finite, double factor) {

    /** Fails unless the types are those of an optimizer and weight and gradient fit. */
    void requireMatching(String optimizer) {
        DataType type = weight.getDataType();
        if (type != DataType.FLOAT32 && type != DataType.FLOAT64) {
            throw new IllegalArgumentException(
                    "%s updates float32 and float64, but parameter %s is %s"
                            .formatted(optimizer, label(), type));
        }
        if (!weight.getShape().equals(gradient.getShape()) || type != gradient.getDataType()) {
            String own = type.toString() + weight.getShape();
            String other = gradient.getDataType().toString() + gradient.getShape();
            throw new IllegalArgumentException(
                    "Parameter %s is %s but its gradient is %s".formatted(label(), own, other));
        }
    }

    /** What messages call the parameter. */
    String label() {
        return route == null ? id : route.name();
    }

    /** The shape of the matrices that it consists of. */
    long[] blocks() {
        return SpectralMap.blocks(weight.getShape(), route == null ? 1 : route.blocks());
    }

    String at(int step) {
        return " at step " + step + " of parameter " + label();
    }
}
