package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.StatefulOptimizer.check;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

/** What an optimizer remembers of one parameter on one device. */
final class ParameterState {

    private final Shape shape;
    private final DataType type;
    private NDList arrays;
    private int step;

    /** Of a parameter of the weight's shape and type. */
    ParameterState(NDArray weight, int step, NDArray... arrays) {
        shape = weight.getShape();
        type = weight.getDataType();
        this.step = step;
        keep(new NDList(arrays));
    }

    private void keep(NDList arrays) {
        this.arrays = arrays;
        NDScope.unregister(arrays); // a scope around the caller's step must not free them
    }

    /** The number of updates made so far. */
    int step() {
        return step;
    }

    void setStep(int step) {
        this.step = step;
    }

    /** The arrays, in the order of {@link StatefulOptimizer#states}. */
    NDList arrays() {
        return arrays;
    }

    /** The array with this index in {@link StatefulOptimizer#states}. */
    NDArray array(int index) {
        return arrays.get(index);
    }

    /** Whether the arrays still are of the shape and type of their parameter. */
    boolean fits(NDArray weight) {
        return weight.getShape().equals(shape) && weight.getDataType() == type;
    }

    /** Fails if they are not, naming the parameter. */
    void requireFit(String label, NDArray weight) {
        String words =
                "The state of parameter %s is %s%s, but the parameter is now %s%s;"
                        + " OptimizerState.retain(optimizer, block) drops what no longer fits";
        check(fits(weight), words, label, type, shape, weight.getDataType(), weight.getShape());
    }

    /** Moves the arrays to a device, if they lie on another one. */
    void moveTo(Device device) {
        if (!arrays.isEmpty() && !array(0).getDevice().equals(device)) {
            try (NDList old = arrays) {
                keep(old.toDevice(device, true));
            }
        }
    }
}
