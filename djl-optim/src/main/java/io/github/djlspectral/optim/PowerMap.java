package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.StatefulOptimizer.require;

import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.optim.Freon.Normalization;
import io.github.djlspectral.optim.Freon.Route;
import io.github.djlspectral.optim.minimax.InverseRoot;
import io.github.djlspectral.optim.minimax.PartialFractions;
import java.util.Arrays;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.DoubleStream;

/** The computation of {@link SpectralMap#power}, of which {@link Freon} sets every option. */
final class PowerMap implements Kernel.Choice {

    static final double DEFAULT_FLOOR = 1e-2;

    // Below, the coupled iteration loses the small singular values in rounding, and the shifts of
    // the partial fractions fall below what a Cholesky factorization resolves.
    private static final double LEAST_COUPLED_FLOOR = 1e-3;
    private static final double LEAST_FRACTIONS_FLOOR = 1e-4;
    private static final double LARGEST_LOWER = 0.01;

    private static final double ROUNDING = 1e-12;
    private static final int LARGEST_ROOT = 12;

    // Relative errors of the rational routes: below what float32 gradients can show.
    private static final double TOLERANCE = 1e-7;

    private final double exponent;
    private final OptionalDouble floor;
    private final Normalization normalization;
    private final Route route;
    private final Map<Integer, Kernel> rational = new ConcurrentHashMap<>();

    /** Creates the computation; a route of null is the best one known. */
    PowerMap(double exponent, OptionalDouble floor, Normalization normalization, Route route) {
        requireExponent(exponent);
        floor.ifPresent(PowerMap::requireFloor);
        this.exponent = exponent;
        this.floor = floor;
        this.normalization = normalization;
        this.route = route;
        if (route != null && refusal(route) != null) {
            throw new IllegalArgumentException(
                    "Route " + route + " " + refusal(route) + "; use EIGH or SVD");
        }
    }

    /** Says why a route cannot serve; null if it can. */
    private String refusal(Route route) {
        if (route == Route.EIGH || route == Route.SVD) {
            return null;
        }
        if (exponent == 1 && normalization == Normalization.SCHATTEN_OVER_RANK) {
            // a weighted geometric mean, alone among the normalisations, needs the eigenvalues
            return "cannot average over the rank for an exponent of 1";
        }
        return route == Route.COUPLED ? refusalOfCoupled() : refusalOfFractions();
    }

    private String refusalOfCoupled() {
        if (root() > LARGEST_ROOT) {
            return "needs an exponent a/b with b at most " + LARGEST_ROOT + ", was " + exponent;
        }
        double actual = floor.orElse(exponent > 0.5 ? DEFAULT_FLOOR : 0);
        return actual >= LEAST_COUPLED_FLOOR
                ? null
                : "needs a floor of at least " + LEAST_COUPLED_FLOOR + ", was " + actual;
    }

    private String refusalOfFractions() {
        if (exponent > 0 && exponent < 0.001 || exponent > 0.999 && exponent < 1) {
            return "needs an exponent of 0, in [0.001, 0.999], or 1, was " + exponent;
        }
        double actual = floor.orElse(DEFAULT_FLOOR);
        return actual >= LEAST_FRACTIONS_FLOOR
                ? null
                : "needs a floor of at least " + LEAST_FRACTIONS_FLOOR + ", was " + actual;
    }

    /** Returns the least b for which b times the exponent is a whole number, if it is not large. */
    private int root() {
        int b = 2;
        while (b <= LARGEST_ROOT && Math.abs(exponent * b - Math.rint(exponent * b)) > 1e-9) {
            b++;
        }
        return b;
    }

    static void requireExponent(double exponent) {
        require(exponent >= 0 && exponent <= 1, "The exponent must be in [0, 1]", exponent);
    }

    static void requireFloor(double floor) {
        require(floor >= 0 && floor <= 1, "The floor must be in [0, 1]", floor);
    }

    @Override
    public Kernel kernel(Kernel.Target matrix, long draw) {
        if (exponent == 0 && normalization == Normalization.SCHATTEN) {
            return Kernel.NORMALISED;
        }
        int k = matrix.rank();
        return switch (route == null ? best(matrix) : route) {
            case EIGH -> new Kernel("power_eigh", parameters(k));
            case SVD -> new Kernel("power_svd", parameters(k));
            case PARTIAL_FRACTIONS -> rational.computeIfAbsent(k, this::partialFractions);
            case COUPLED -> rational.computeIfAbsent(k, this::coupled);
        };
    }

    /**
     * The most accurate for float64. For float32 an eigendecomposition is exact enough, and
     * measured the fastest on a CPU at every size; on a GPU it is slow, where many independent
     * factorizations are not.
     */
    private Route best(Kernel.Target matrix) {
        if (matrix.type() == DataType.FLOAT64) {
            return Route.SVD;
        }
        boolean fractions = matrix.device().isGpu() && refusal(Route.PARTIAL_FRACTIONS) == null;
        return fractions ? Route.PARTIAL_FRACTIONS : Route.EIGH;
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

    private Kernel partialFractions(int k) {
        return new Kernel("power_fractions", parameters(k, fractions(lower(k))));
    }

    private double[] fractions(double lower) {
        if (exponent == 0) {
            return new double[] {1};
        }
        if (exponent == 1) {
            return new double[] {0, 0, 1};
        }
        return Kernel.flat(PartialFractions.inversePower(exponent, lower, TOLERANCE));
    }

    private Kernel coupled(int k) {
        int b = root();
        DoubleStream steps =
                InverseRoot.within(b, lower(k), TOLERANCE).steps().stream()
                        .flatMapToDouble(s -> DoubleStream.of(s.alpha(), s.beta(), s.gamma()));
        DoubleStream all = DoubleStream.concat(DoubleStream.of(Math.rint(exponent * b), b), steps);
        return new Kernel("power_coupled", parameters(k, all.toArray()));
    }

    /** At most the smallest eigenvalue of the regularised Gram matrix by its largest possible. */
    private double lower(int k) {
        double epsilon = regularisation(k);
        return Math.min(epsilon / (1 + epsilon), LARGEST_LOWER);
    }
}
