package io.github.djlspectral.optim.minimax;

/**
 * Jacobi's elliptic functions for a modulus close to one, given by the square of the complementary
 * modulus, {@code m1 = 1 - k^2}, which would be lost in k itself.
 *
 * <p>Descending Landen transformation by the arithmetic-geometric mean; Abramowitz and Stegun,
 * sections 16.4 and 17.6.
 */
final class JacobiElliptic {

    private static final int STEPS = 12; // quadratic convergence; enough from m1 = 1e-300

    private JacobiElliptic() {}

    /** Returns the complete elliptic integral of the first kind. */
    static double quarterPeriod(double m1) {
        double a = 1;
        double b = Math.sqrt(m1);
        for (int i = 0; i < STEPS; i++) {
            double mean = (a + b) / 2;
            b = Math.sqrt(a * b);
            a = mean;
        }
        return Math.PI / (2 * a);
    }

    /** Returns sn(u)^2 / cn(u)^2 for u strictly inside (0, quarter period). */
    static double squaredTangent(double u, double m1) {
        double[] a = new double[STEPS + 1];
        double[] c = new double[STEPS + 1];
        a[0] = 1;
        double b = Math.sqrt(m1);
        for (int i = 0; i < STEPS; i++) {
            a[i + 1] = (a[i] + b) / 2;
            c[i + 1] = (a[i] - b) / 2;
            b = Math.sqrt(a[i] * b);
        }
        double phi = Math.scalb(a[STEPS] * u, STEPS);
        for (int i = STEPS; i > 0; i--) {
            phi = (phi + Math.asin(c[i] * Math.sin(phi) / a[i])) / 2;
        }
        double tangent = Math.tan(phi);
        return tangent * tangent;
    }
}
