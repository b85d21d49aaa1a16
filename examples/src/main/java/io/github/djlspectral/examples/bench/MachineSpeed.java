package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.Host;

/** Measures what the device can do at best, to judge training speed by. */
public final class MachineSpeed {

    private static final int SIZE = 1024;
    private static final int SIZE_ON_GPU = 4096;
    private static final long NANOS = 300_000_000;
    private static final double NANO = 1e-9;

    private MachineSpeed() {}

    /**
     * Measures for a third of a second how fast a float32 matrix product is at best: what else runs
     * on the machine can only slow a product down.
     *
     * @param manager on the device to measure
     * @return floating-point operations a second
     */
    public static double matrixProductRate(NDManager manager) {
        int size = manager.getDevice().isGpu() ? SIZE_ON_GPU : SIZE;
        try (NDManager scratch = manager.newSubManager()) {
            NDArray a = scratch.ones(new Shape(size, size));
            multiply(a); // the first product sets up the library
            long shortest = Long.MAX_VALUE;
            long end = System.nanoTime() + NANOS;
            do {
                long begin = System.nanoTime();
                multiply(a);
                shortest = Math.min(shortest, System.nanoTime() - begin);
            } while (System.nanoTime() < end);
            return 2.0 * size * size * size / (shortest * NANO);
        }
    }

    private static void multiply(NDArray a) {
        try (NDArray product = a.matMul(a);
                NDArray corner = product.get(0, 0)) {
            Host.read(corner, NDArray::getFloat); // waits for the device
        }
    }
}
