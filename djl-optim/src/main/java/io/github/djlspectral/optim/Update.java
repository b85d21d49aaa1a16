package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;

/**
 * One parameter and its gradient.
 *
 * @param route what its routing says of it, or null if there is none
 * @param finite whether the gradient is known to be finite
 */
record Update(String id, Route route, NDArray weight, NDArray gradient, boolean finite) {

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
