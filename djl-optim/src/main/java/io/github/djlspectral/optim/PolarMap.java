package io.github.djlspectral.optim;

import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.optim.minimax.PolarExpress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The computation of {@link SpectralMap#polar} by shape and device. */
final class PolarMap extends SpectralMap {

    // Singular values within this distance of 1 wherever s / s_max exceeds the next.
    private static final double TOLERANCE = 0.02;
    private static final double RANGE = 1e-2;

    // Up to here the exact route takes as long as the polynomials (k x k: k = 16) to three times as
    // long, but no more than 0.6 ms.
    private static final long LARGEST_EXACT = 32;

    // Minima of 25 to 200 interleaved maps of k x n, float32, libtorch 2.7.1 on 2 cores with
    // AVX-512: Halley overtakes the polynomials with one thread at 25,000 entries for n = k, 4 k
    // and 16 k alike, with two threads at 65,000 entries for n = k and below 20,000 for the others.
    private static final long SMALLEST_HALLEY = 32_768;

    // The same with products of bfloat16 numbers, medians of nine with two threads on 2 cores with
    // AMX: 3.3 ms against Halley's 4.1 for 256 x 256, 28 against 35 for 768 x 768, 45 against 43
    // for 768 x 1536 and 82 against 63 for 768 x 3072, where Halley has 1.6 products of that size
    // and the polynomials have ten.
    private static final double WIDEST_BFLOAT16 = 1.5;

    private final boolean halfAllowed;
    private final Map<Integer, Kernel> half = new ConcurrentHashMap<>();
    private final Map<Integer, Kernel> polynomials = new ConcurrentHashMap<>();
    private final Map<Integer, Kernel> rational = new ConcurrentHashMap<>();

    /** Creates the computation, which may use products of bfloat16 numbers or not. */
    PolarMap(String name, boolean halfAllowed) {
        super(name);
        this.halfAllowed = halfAllowed;
    }

    @Override
    protected Kernel kernel(Matrix matrix, long draw) {
        int k = matrix.rank();
        if (matrix.type() == DataType.FLOAT64 || k <= LARGEST_EXACT) {
            return Kernel.named("exact_polar");
        }
        if (isHalf(matrix)) {
            // Rounding takes 0.005 of the tolerance; it also moves the smallest singular values.
            return half.computeIfAbsent(
                    k, key -> polarExpress("polar_bfloat16", k, 0.7 * RANGE, 0.015, 0.01));
        }
        boolean large = matrix.rows() * matrix.columns() >= SMALLEST_HALLEY;
        if (large && !matrix.device().isGpu()) {
            return rational.computeIfAbsent(k, PolarMap::halley);
        }
        return polynomials.computeIfAbsent(
                k, key -> polarExpress("polar_polynomial", k, RANGE, TOLERANCE, 0));
    }

    private boolean isHalf(Matrix matrix) {
        if (!halfAllowed || matrix.device().isGpu()) {
            return halfAllowed;
        }
        return matrix.ratio() <= WIDEST_BFLOAT16 && isFasterInBfloat16(matrix);
    }

    /**
     * The steps for a k x k Gram matrix, which, divided by its Frobenius norm, has a largest
     * eigenvalue in [k^(-1/2), 1].
     */
    private static Kernel halley(int k) {
        double lower = RANGE * RANGE / Math.sqrt(k);
        return Kernel.named("halley", flat(halley(lower, 1 - (1 - TOLERANCE) * (1 - TOLERANCE))));
    }

    /**
     * The fewest dynamically weighted Halley steps (w, v, d), {@code A <- (w + v / (A + d))^2 A},
     * that take [lower, 1] to within a distance of 1. Each is the best of its type on what the
     * steps before have made of the interval: with its ends at l^2 and 1, {@code (a + b A) / (1 + c
     * A)}, which leaves its largest value there. Nakatsukasa, Bai and Gygi, SIAM J. Matrix Anal.
     * Appl. 31 (2010), equations 3.14 and 3.15. Scaled so that 1 is in the middle.
     */
    static List<double[]> halley(double lower, double tolerance) {
        List<double[]> steps = new ArrayList<>();
        double high = 1;
        double ratio = lower; // l^2
        while (steps.isEmpty() || high - 1 > tolerance) {
            double d = Math.cbrt(4 * (1 - ratio) / (ratio * ratio));
            double root = Math.sqrt(1 + d);
            double a = root + Math.sqrt(8 - 4 * d + 8 * (2 - ratio) / (ratio * root)) / 2;
            double b = (a - 1) * (a - 1) / 4;
            double c = a + b - 1;
            double least = (a + b * ratio) / (1 + c * ratio);
            ratio *= least * least;
            double scale = Math.sqrt(2 / (high * (1 + ratio)));
            steps.add(new double[] {scale * b / c, scale * (a - b / c) * high / c, high / c});
            high = 2 / (1 + ratio);
        }
        return steps;
    }

    /** For k singular values divided by |(X X^T)^2|_F^(1/4): the largest is in [k^(-1/8), 1]. */
    private static Kernel polarExpress(
            String name, int k, double range, double tolerance, double rounding) {
        double lower = range / Math.pow(k, 0.125);
        return Kernel.named(name, flat(PolarExpress.within(lower, tolerance, rounding).steps()));
    }
}
