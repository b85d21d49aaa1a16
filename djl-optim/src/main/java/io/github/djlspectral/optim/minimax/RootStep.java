package io.github.djlspectral.optim.minimax;

/**
 * The minimax problem of one step of {@link InverseRoot} on an interval [l, u], in the variables
 * {@code s = sqrt(l u)}, {@code t = ln(x / s)} in [-L, L]: with {@code w(x) = K (1 + rho e^t) /
 * (rho + e^t)},
 *
 * <pre>
 * ln(x w^b) = ln(s K^b) + b h(t),    h(t) = t/b - 2 artanh(kappa tanh(t/2)),    kappa = (1 - rho) / (1 + rho)
 * </pre>
 *
 * h is odd, falls from 0 to its minimum at t1 > 0 and rises from there to L; best is the rho for
 * which {@code h(L) = -h(t1)}. Then {@code ln(x w^b)} runs between levels {@code 2 b h(L)} apart:
 * the image of an interval of half-width L has half-width {@code L' = b h(L)}.
 *
 * <p>On a short interval h is of the order of L^3, the small rest of terms of the order of L.
 * {@link #distortion} therefore sums the differences themselves, which keeps every digit of a
 * half-width of 1e-40.
 */
final class RootStep {

    /** Beyond it the terms of h no longer cancel, while kappa, near 1, would lose digits of rho. */
    private static final double WIDE = 4;

    private final double root;
    private final double halfWidth;
    private final double inner; // t1
    private final double rho;
    private final double kappa;
    private final double kappaMinusLimit; // kappa - 1/b, which tends to 0 with L

    private RootStep(double root, double halfWidth, double inner) {
        this.root = root;
        this.halfWidth = halfWidth;
        this.inner = inner;
        // h'(t1) = 0 is quadratic in rho and in kappa; both roots are written without differences.
        double cosh = Math.cosh(inner);
        rho = (root - 1) / (cosh + Math.sqrt(cosh * cosh + root * root - 1));
        double tanh = Math.tanh(inner / 2);
        double cosh2 = Math.cosh(inner / 2);
        double narrowed = root / (cosh2 * cosh2);
        kappa = 2 / (narrowed + Math.hypot(narrowed, 2 * tanh));
        kappaMinusLimit = tanh * tanh * kappa * (root - kappa) / root;
    }

    /**
     * Returns the best step for the b-th root, b = {@code root}, on an interval of this half-width.
     */
    static RootStep best(int root, double halfWidth) {
        double low = 0;
        double high = halfWidth;
        double middle = high / 2;
        while (low < middle && middle < high) {
            RootStep trial = new RootStep(root, halfWidth, middle);
            if (trial.distortion(halfWidth) + trial.distortion(middle) > 0) {
                low = middle;
            } else {
                high = middle;
            }
            middle = (low + high) / 2;
        }
        return new RootStep(root, halfWidth, middle);
    }

    /** Returns rho. */
    double rho() {
        return rho;
    }

    /** Returns the half-width L' of the image, the larger of the two levels. */
    double imageHalfWidth() {
        return root * Math.max(distortion(halfWidth), -distortion(inner));
    }

    /** Returns h(t) for t in [0, L]. */
    private double distortion(double t) {
        if (halfWidth > WIDE) {
            double bend = Math.log1p(rho * Math.exp(t)) - Math.log1p(rho * Math.exp(-t));
            return t / root - t + bend;
        }
        double tanh = Math.tanh(t / 2);
        return 2 * (kappa * excess(tanh) - excess(kappa * tanh) - kappaMinusLimit * t / 2);
    }

    /** Returns artanh(u) - u for u in [0, 1). */
    private static double excess(double u) {
        if (u > 0.5) {
            return Math.log1p(2 * u / (1 - u)) / 2 - u;
        }
        double square = u * u;
        double power = u * square;
        double sum = 0;
        for (int k = 3; sum + power / k > sum; k += 2) {
            sum += power / k;
            power *= square;
        }
        return sum;
    }
}
