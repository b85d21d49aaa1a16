package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.Freon.Normalization;
import java.util.Arrays;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.DoubleStream;

/** Matrices with known factors, and what the maps make of their singular values, by formula. */
final class ClosedForms {

    private ClosedForms() {}

    /** {@code U diag(s) V^T}, s descending. */
    record Factored(NDArray u, double[] s, NDArray v) {

        static Factored of(NDManager manager, int rows, int columns, double[] s) {
            return new Factored(
                    basis(manager, rows, s.length), s, basis(manager, columns, s.length));
        }

        /** Orthonormal columns: those of the sine transform, reflected. */
        private static NDArray basis(NDManager manager, int n, int k) {
            double[] normal = new Random(n).doubles(n, -1, 1).toArray();
            double square = DoubleStream.of(normal).map(x -> x * x).sum();
            double[][] a = new double[n][k];
            for (int j = 0; j < k; j++) {
                double along = 0;
                for (int i = 0; i < n; i++) {
                    double angle = Math.PI * (i + 1) * (j + 1) / (n + 1);
                    a[i][j] = Math.sqrt(2.0 / (n + 1)) * Math.sin(angle);
                    along += normal[i] * a[i][j];
                }
                for (int i = 0; i < n; i++) {
                    a[i][j] -= 2 * along / square * normal[i];
                }
            }
            return manager.create(PlainMatrix.flat(a), new Shape(n, k));
        }

        NDArray with(double[] spectrum) {
            return u.mul(u.getManager().create(spectrum)).matMul(v.transpose());
        }
    }

    static double sum(double[] s, DoubleUnaryOperator f) {
        return DoubleStream.of(s).map(f).sum();
    }

    static double frobenius(double[] s) {
        return Math.sqrt(sum(s, x -> x * x));
    }

    /** The bound of the polar maps: the fourth root of the squared Frobenius norm of G G^T. */
    static double gramNorm(double[] s) {
        return Math.pow(sum(s, x -> x * x * x * x), 0.25);
    }

    /** The norm of the Gram matrix's square, of such an entry. */
    static double squareNorm(double[] s) {
        return Math.pow(sum(s, x -> Math.pow(x, 8)), 0.125);
    }

    static double quintics(double[] flat, double s) {
        for (int i = 0; i < flat.length; i += 3) {
            s *= flat[i] + s * s * (flat[i + 1] + s * s * flat[i + 2]);
        }
        return s;
    }

    /** The square is (w + v / (a + d))^2 a, from a = s^2. */
    static double halley(double[] flat, double s) {
        for (int i = 0; i < flat.length; i += 3) {
            s *= flat[i] + flat[i + 1] / (s * s + flat[i + 2]);
        }
        return s;
    }

    static double chaos(int iterations, double s) {
        for (int i = 0; i < iterations; i++) {
            s *= 4.1 * (1 - s * s) * (1 - s * s);
        }
        return s / 1.175;
    }

    /** As {@link Freon} documents it; eps is relative to the sum of squares. */
    static double[] power(double[] s, double c, double eps, Normalization kind) {
        double size = frobenius(s);
        double q = 2 - 2 * c;
        double[] images = new double[s.length];
        double total = 0;
        double mean = 0;
        double energy = 0;
        double rank = 0;
        for (int i = 0; i < s.length; i++) {
            double x = s[i] / size;
            double l = x * x + eps;
            images[i] = x == 0 ? 0 : x * Math.pow(l, -c);
            energy += images[i] * images[i];
            double weight = x == 0 ? 0 : x * x / l;
            rank += weight;
            weight = kind == Normalization.SCHATTEN ? 1 : weight;
            total += weight;
            mean += weight == 0 ? 0 : weight * (q == 0 ? Math.log(l) : Math.pow(l, q / 2));
        }
        mean /= total;
        double norm = q == 0 ? Math.exp(mean / 2) : Math.pow(mean, 1 / q);
        double mu =
                kind == Normalization.MUON_RMS
                        ? Math.sqrt(rank / energy)
                        : Math.pow(norm, 2 * c - 1);
        return DoubleStream.of(images).map(x -> mu * x).toArray();
    }

    static double[] truncated(double[] s, int dropped) {
        double[] images = s.clone();
        Arrays.fill(images, 0, dropped, 0);
        double scale = Math.sqrt(s.length) / frobenius(images);
        return DoubleStream.of(images).map(x -> scale * x).toArray();
    }
}
