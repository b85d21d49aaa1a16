package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.torch.TorchScript;
import java.util.Arrays;

/**
 * How exact a polar factor is: all its singular values s should be 1. The error is the largest |s -
 * 1| in the directions in which the matrix itself is at least a hundredth as large as in its
 * largest; a direction without any gradient has no polar factor.
 */
final class PolarError {

    private static final TorchScript KERNELS =
            TorchScript.ofResources(PolarError.class, "polar_error.py");

    private PolarError() {}

    /**
     * Measures a map on a dense matrix of pseudorandom numbers, the same on every machine and in
     * {@code peer.py}.
     *
     * @param map the map
     * @param shape rows x columns
     */
    static double of(SpectralMap map, String shape) {
        int[] sides = Arrays.stream(shape.split("x")).mapToInt(Integer::parseInt).toArray();
        float[] numbers = new float[sides[0] * sides[1]];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = number(i);
        }
        boolean tall = sides[0] > sides[1];
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray matrix = manager.create(numbers, new Shape(sides[0], sides[1]));
            NDArray factor = map.apply(matrix);
            factor.attach(manager);
            return KERNELS.callDouble(
                    manager,
                    "error",
                    tall ? matrix.transpose() : matrix,
                    tall ? factor.transpose() : factor);
        }
    }

    /** SplitMix64's output for a state, its upper 24 bits as a number in [-1, 1). */
    static float number(long index) {
        long z = (index + 1) * 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        z ^= z >>> 31;
        return (z >>> 40) / (float) (1 << 23) - 1;
    }
}
