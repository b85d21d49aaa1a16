package io.github.djlspectral.examples.descent;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Random;

/** Float64 matrices for tests. */
final class Matrices {

    private Matrices() {}

    static NDArray gaussian(NDManager manager, long seed, long rows, long columns) {
        Random random = new Random(seed);
        double[] values = new double[Math.toIntExact(rows * columns)];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextGaussian();
        }
        return manager.create(values, new Shape(rows, columns));
    }
}
