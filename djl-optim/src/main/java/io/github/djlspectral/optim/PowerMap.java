package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.StatefulOptimizer.require;

import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.optim.Freon.Method;
import io.github.djlspectral.optim.Freon.Normalization;
import io.github.djlspectral.optim.minimax.PartialFractions;
import java.util.Arrays;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.DoubleStream;

/** The computation of {@link SpectralMap#power}, of which {@link Freon} sets every option. */
final class PowerMap extends SpectralMap {

    static final double DEFAULT_FLOOR = 1e-2;

    // Below, the shifts of the partial fractions fall below what a Cholesky factorization resolves.
    private static final double LEAST_FRACTIONS_FLOOR = 1e-4;

    private static final double ROUNDING = 1e-12;

    // Relative errors of the partial fractions: below what float32 gradients can show.
    private static final double TOLERANCE = 1e-7;

    private final double exponent;
    private final OptionalDouble floor;
    private final Normalization normalization;
    private final Method method;
    private final Map<Integer, Kernel> rational = new ConcurrentHashMap<>();

    /**
     * Creates the computation.
     *
     * @param method the method, or null for the best one known
     */
    PowerMap(
            String name,
            double exponent,
            OptionalDouble floor,
            Normalization normalization,
            Method method) {
        super(name);
        require(exponent >= 0 && exponent <= 1, "The exponent must be in [0, 1]", exponent);
        double given = floor.orElse(0);
        require(given >= 0 && given <= 1, "The floor must be in [0, 1]", given);
        this.exponent = exponent;
        this.floor = floor;
        this.normalization = normalization;
        this.method = method;
        if (method == Method.PARTIAL_FRACTIONS && refusal() != null) {
            throw new IllegalArgumentException(
                    "Method " + method + " " + refusal() + "; use EIGH or SVD");
        }
    }

    /** Says why partial fractions cannot serve; null if they can. */
    private String refusal() {
        if (exponent == 1 && normalization == Normalization.SCHATTEN_OVER_RANK) {
            // a weighted geometric mean, alone among the normalisations, needs the eigenvalues
            return "cannot average over the rank for an exponent of 1";
        }
        if (exponent > 0 && exponent < 0.001 || exponent > 0.999 && exponent < 1) {
            return "needs an exponent of 0, in [0.001, 0.999], or 1, was " + exponent;
        }
        double actual = floor.orElse(DEFAULT_FLOOR);
        return actual >= LEAST_FRACTIONS_FLOOR
                ? null
                : "needs a floor of at least " + LEAST_FRACTIONS_FLOOR + ", was " + actual;
    }

    @Override
    protected Kernel kernel(Matrix matrix, long draw) {
        if (exponent == 0 && normalization == Normalization.SCHATTEN) {
            return Kernel.named("normalised");
        }
        int k = matrix.rank();
        return switch (method == null ? best(matrix) : method) {
            case EIGH -> Kernel.named("power_eigh", parameters(k));
            case SVD -> Kernel.named("power_svd", parameters(k));
            case PARTIAL_FRACTIONS -> rational.computeIfAbsent(k, this::partialFractions);
        };
    }

    /**
     * The most accurate for float64. For float32 an eigendecomposition is exact enough, and
     * measured the fastest on a CPU at every size; on a GPU it is slow, where many independent
     * factorizations are not.
     */
    private Method best(Matrix matrix) {
        if (matrix.type() == DataType.FLOAT64) {
            return Method.SVD;
        }
        boolean fractions = matrix.device().isGpu() && refusal() == null;
        return fractions ? Method.PARTIAL_FRACTIONS : Method.EIGH;
    }

    /** What is added to the squared singular values, as a share of the sum of their k squares. */
    private double regularisation(int k) {
        if (floor.isEmpty() && exponent <= 0.5) {
            return ROUNDING;
        }
        double f = floor.orElse(DEFAULT_FLOOR);
        return f * f / k;
    }

    private double[] parameters(int k, double... more) {
        double[] first = {exponent, regularisation(k), normalization.ordinal()};
        return DoubleStream.concat(Arrays.stream(first), Arrays.stream(more)).toArray();
    }

    /** The constant, then pole and weight of each term. */
    private Kernel partialFractions(int k) {
        double[] flat = exponent == 0 ? new double[] {1} : new double[] {0, 0, 1};
        if (exponent > 0 && exponent < 1) {
            // at most the smallest eigenvalue of the regularised Gram matrix by its largest one
            double lower = regularisation(k) / (1 + regularisation(k));
            PartialFractions best =
                    PartialFractions.inversePower(exponent, Math.min(lower, 0.01), TOLERANCE);
            flat = new double[1 + 2 * best.poles().length];
            flat[0] = best.constant();
            for (int j = 0; j < best.poles().length; j++) {
                flat[2 * j + 1] = best.poles()[j];
                flat[2 * j + 2] = best.weights()[j];
            }
        }
        return Kernel.named("power_fractions", parameters(k, flat));
    }
}
