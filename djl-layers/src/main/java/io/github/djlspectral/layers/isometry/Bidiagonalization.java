package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.layers.isometry.JacobianSpectrum.Extremes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Golub-Kahan-Lanczos bidiagonalization with full reorthogonalization, in float64 on the host but
 * for the products: {@code A V = U B, A^T U = V B^T + beta v e_k^T}, B upper bidiagonal. A is J, or
 * its transpose if J has fewer rows than columns, so that A has no null space of its own.
 */
final class Bidiagonalization {

    // What is left of a vector below this, relative to the largest coefficient, is rounding.
    private static final double ROUNDING = 1e-14;

    private final Linearization linear;
    private final boolean wide;
    private final double tolerance;
    private final SeededNormals normals;
    private final List<double[]> left = new ArrayList<>();
    private final List<double[]> right = new ArrayList<>();
    private final List<Double> diagonal = new ArrayList<>();
    private final List<Double> above = new ArrayList<>();
    private double scale;

    /** The tolerance is that of the residuals, relative to the largest singular value. */
    Bidiagonalization(Linearization linear, double tolerance, long seed) {
        this.linear = linear;
        this.tolerance = tolerance;
        wide = linear.outputs.size() < linear.inputs.size();
        normals = new SeededNormals(seed);
    }

    Extremes run(int maxSteps) {
        int most = Math.toIntExact(Math.min(linear.inputs.size(), linear.outputs.size()));
        double[] v = randomUnit(most, right);
        for (int k = 1; ; k++) {
            right.add(v);
            double[] u = product(v, true);
            double alpha = orthogonalize(u, left);
            boolean vanished = alpha <= ROUNDING * scale;
            diagonal.add(vanished ? 0 : alpha);
            left.add(vanished ? randomUnit(u.length, left) : scaled(u, alpha));
            scale = Math.max(scale, alpha);
            double[] next = product(left.get(k - 1), false);
            double beta = orthogonalize(next, right);
            if (!Double.isFinite(alpha + beta)) {
                return new Extremes(Double.NaN, Double.NaN, Double.NaN, Double.NaN, k);
            }
            scale = Math.max(scale, beta);
            boolean last = k >= most || k >= maxSteps || beta <= ROUNDING * scale;
            if (last || isDue(k)) {
                Extremes found = extremes(k, k >= most ? 0 : beta);
                if (last || isKnown(found)) {
                    return found;
                }
            }
            above.add(beta);
            v = scaled(next, beta);
        }
    }

    /** The check costs k^3: it is made at every step at first, then after each eighth. */
    private static boolean isDue(int k) {
        return k % Math.max(1, k / 8) == 0;
    }

    private Extremes extremes(int k, double beta) {
        double[] found;
        try (NDArray d = linear.scratch.create(array(diagonal));
                NDArray a = linear.scratch.create(array(above), new Shape(above.size()));
                NDArray both = Linearization.call(linear.scratch, "bidiagonal", d, a)) {
            found = both.toDoubleArray();
        }
        // of the triplet i: beta times the last entry of the left vector
        double first = beta * Math.abs(found[k]);
        double last = beta * Math.abs(found[2 * k - 1]);
        return new Extremes(found[0], first, found[k - 1], last, k);
    }

    private boolean isKnown(Extremes found) {
        return Math.max(found.largestResidual(), found.smallestResidual())
                <= tolerance * found.largest();
    }

    private static double[] array(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** A v, or A^T u. */
    private double[] product(double[] vector, boolean forward) {
        boolean jacobian = forward != wide;
        NDArray like = jacobian ? linear.inputs : linear.outputs;
        try (NDArray exact = linear.scratch.create(vector, like.getShape());
                NDArray typed = exact.toType(like.getDataType(), true);
                NDArray result = jacobian ? linear.jvp(typed) : linear.vjp(typed);
                NDArray exactResult = result.toType(DataType.FLOAT64, true)) {
            return exactResult.toDoubleArray();
        }
    }

    private double[] randomUnit(int length, List<double[]> basis) {
        double[] vector = new double[length];
        normals.fill(vector);
        return scaled(vector, orthogonalize(vector, basis));
    }

    /** Subtracts the projection on the basis, twice, in place; returns the length left. */
    private static double orthogonalize(double[] vector, List<double[]> basis) {
        for (int pass = 0; pass < 2; pass++) {
            for (double[] unit : basis) {
                double along = inner(vector, unit);
                for (int i = 0; i < vector.length; i++) {
                    vector[i] -= along * unit[i];
                }
            }
        }
        return Math.sqrt(inner(vector, vector));
    }

    private static double inner(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    private static double[] scaled(double[] vector, double length) {
        return Arrays.stream(vector).map(value -> value / length).toArray();
    }
}
