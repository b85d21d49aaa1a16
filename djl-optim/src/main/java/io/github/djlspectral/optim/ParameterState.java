package io.github.djlspectral.optim;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;

/** What an optimizer remembers of one parameter on one device. */
final class ParameterState {

    private final NDArray[] arrays;
    private int step;

    ParameterState(int step, NDArray... arrays) {
        this.step = step;
        this.arrays = arrays;
    }

    /** The number of updates made so far. */
    int step() {
        return step;
    }

    void setStep(int step) {
        this.step = step;
    }

    /** The array with this index in {@link StatefulOptimizer#stateNames}. */
    NDArray array(int index) {
        return arrays[index];
    }

    /** Moves the arrays to a device, if they lie on another one. */
    void moveTo(Device device) {
        for (int i = 0; i < arrays.length; i++) {
            if (!arrays[i].getDevice().equals(device)) {
                try (NDArray old = arrays[i]) {
                    arrays[i] = old.toDevice(device, true);
                }
            }
        }
    }
}
