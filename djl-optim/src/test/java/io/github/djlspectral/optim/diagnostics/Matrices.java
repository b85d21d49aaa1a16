package io.github.djlspectral.optim.diagnostics;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Random;

/** Float64 matrices for tests. */
final class Matrices {

    private Matrices() {}

    static NDArray gaussian(NDManager manager, long seed, long rows, long columns) {
        double[] values = new double[Math.toIntExact(rows * columns)];
        Random random = new Random(seed);
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextGaussian();
        }
        return manager.create(values, new Shape(rows, columns));
    }

    /** Returns a dense matrix with these singular values: a diagonal, reflected on both sides. */
    static NDArray withSpectrum(
            NDManager manager, long seed, int rows, int columns, double... spectrum) {
        double[] diagonal = new double[rows * columns];
        for (int i = 0; i < spectrum.length; i++) {
            diagonal[i * columns + i] = spectrum[i];
        }
        NDArray matrix = manager.create(diagonal, new Shape(rows, columns));
        return reflected(reflected(matrix, seed).transpose(), seed + 1).transpose();
    }

    private static NDArray reflected(NDArray matrix, long seed) {
        NDArray normal = gaussian(matrix.getManager(), seed, matrix.getShape().get(0), 1);
        NDArray unit = normal.div(normal.norm());
        return matrix.sub(unit.mul(2).matMul(unit.transpose().matMul(matrix)));
    }
}
