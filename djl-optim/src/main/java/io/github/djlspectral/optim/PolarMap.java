package io.github.djlspectral.optim;

import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.optim.minimax.InverseRoot;
import io.github.djlspectral.optim.minimax.PolarExpress;
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

    private final Map<Integer, Kernel> polynomials = new ConcurrentHashMap<>();
    private final Map<Integer, Kernel> rational = new ConcurrentHashMap<>();

    PolarMap() {
        super("polar");
    }

    @Override
    protected Kernel kernel(Matrix matrix, long draw) {
        int k = matrix.rank();
        if (matrix.type() == DataType.FLOAT64 || k <= LARGEST_EXACT) {
            return Kernel.named("exact_polar");
        }
        boolean large = matrix.rows() * matrix.columns() >= SMALLEST_HALLEY;
        if (large && !matrix.device().isGpu()) {
            return rational.computeIfAbsent(k, PolarMap::halley);
        }
        return polynomials.computeIfAbsent(k, PolarMap::polarExpress);
    }

    // Divided by its Frobenius norm, a k x k Gram matrix has a largest eigenvalue in [k^(-1/2), 1].
    private static Kernel halley(int k) {
        double lower = RANGE * RANGE / Math.sqrt(k);
        // of the squares
        double tolerance = 1 - (1 - TOLERANCE) * (1 - TOLERANCE);
        // R <- w R + v (A + d I)^-1 R is the partial fraction of (alpha + beta x) / (1 + gamma x)
        List<double[]> steps =
                InverseRoot.within(2, lower, tolerance).steps().stream()
                        .map(
                                step -> {
                                    double w = step.beta() / step.gamma();
                                    double v = (step.alpha() - w) / step.gamma();
                                    return new double[] {w, v, 1 / step.gamma()};
                                })
                        .toList();
        return Kernel.named("halley", flat(steps));
    }

    private static Kernel polarExpress(int k) {
        double lower = RANGE / Math.sqrt(Math.sqrt(k));
        return Kernel.named(
                "polar_polynomial", flat(PolarExpress.within(lower, TOLERANCE).steps()));
    }
}
