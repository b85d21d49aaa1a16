package io.github.djlspectral.examples.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

/** Measures what the device can do at best, to judge training speed by. */
final class MachineSpeed {

    private static final int SIZE = 1024;
    private static final int SIZE_ON_GPU = 4096;
    private static final double SECONDS = 0.3;
    private static final double NANO = 1e-9;

    private MachineSpeed() {}

    /**
     * Returns the rate of float32 matrix products on the manager's device, in operations a second.
     */
    static double matrixProductRate(NDManager manager) {
        int size = manager.getDevice().isGpu() ? SIZE_ON_GPU : SIZE;
        try (NDManager scratch = manager.newSubManager()) {
            NDArray a = scratch.ones(new Shape(size, size));
            multiply(a); // the first product sets up the library
            int products = 0;
            long begin = System.nanoTime();
            double seconds;
            do {
                multiply(a);
                products++;
                seconds = (System.nanoTime() - begin) * NANO;
            } while (seconds < SECONDS);
            return 2.0 * size * size * size * products / seconds;
        }
    }

    private static void multiply(NDArray a) {
        try (NDArray product = a.matMul(a);
                NDArray corner = product.get(0, 0)) {
            corner.getFloat(); // waits for the device
        }
    }
}
