package io.github.djlspectral.optim.minimax;

/**
 * A rational approximation {@code r(x) = constant + sum_j weights[j] / (x + poles[j])} of an
 * inverse power of x on [lower, 1]. Poles and weights are positive, so that r of a positive
 * semidefinite matrix takes one well-conditioned Cholesky solve per term.
 *
 * @param lower the left end of the interval, in (0, 1)
 * @param constant the value at infinity, positive
 * @param poles the shifts, positive and increasing
 * @param weights the numerators, positive
 * @param error the largest relative error on the interval
 */
public record PartialFractions(
        double lower, double constant, double[] poles, double[] weights, double error) {

    /**
     * Zolotarev's best relative approximation of {@code x^(-1/2)} of type (terms, terms); {@code s
     * r(s^2)} is the best odd approximation of sign(s) of type (2 terms + 1, 2 terms). Closed form:
     * Nakatsukasa and Freund, "Computing fundamental matrix decompositions accurately via the
     * matrix sign function in two iterations", SIAM Review 58 (2016), equations 3.2 to 3.5.
     *
     * @param lower the left end of the interval, in (0, 1)
     * @param terms the number of poles, at least 1
     * @return the approximation
     * @throws IllegalArgumentException if an argument is out of its range
     */
    public static PartialFractions inverseSquareRoot(double lower, int terms) {
        if (!(lower > 0 && lower < 1)) {
            throw new IllegalArgumentException("lower must be in (0, 1), was " + lower);
        }
        if (terms < 1) {
            throw new IllegalArgumentException("terms must be at least 1, was " + terms);
        }
        double[] poles = new double[terms];
        double[] zeros = new double[terms];
        double quarterPeriod = JacobiElliptic.quarterPeriod(lower);
        for (int j = 0; j < terms; j++) {
            double unit = quarterPeriod / (2 * terms + 1);
            poles[j] = lower * JacobiElliptic.squaredTangent((2 * j + 1) * unit, lower);
            zeros[j] = lower * JacobiElliptic.squaredTangent((2 * j + 2) * unit, lower);
        }
        // The ends of the interval are alternation points, with the smallest and the largest value.
        double least = Math.sqrt(lower) * product(lower, zeros, poles);
        double largest = product(1, zeros, poles);
        double scale = 2 / (least + largest);
        double[] weights = new double[terms];
        for (int j = 0; j < terms; j++) {
            weights[j] = scale * residue(j, zeros, poles);
        }
        double error = (largest - least) / (largest + least);
        return new PartialFractions(lower, scale, poles, weights, error);
    }

    /**
     * Returns the approximation with the fewest terms that is at least this accurate.
     *
     * @param lower the left end of the interval, in (0, 1)
     * @param tolerance the largest relative error allowed, positive
     * @return the approximation
     * @throws IllegalArgumentException if an argument is out of its range
     */
    public static PartialFractions inverseSquareRoot(double lower, double tolerance) {
        if (!(tolerance > 1e-14)) {
            throw new IllegalArgumentException("tolerance must exceed 1e-14, was " + tolerance);
        }
        int terms = 1;
        while (inverseSquareRoot(lower, terms).error > tolerance) {
            terms++;
        }
        return inverseSquareRoot(lower, terms);
    }

    /**
     * Evaluates the approximation.
     *
     * @param x the argument, not negative
     * @return r(x)
     */
    public double valueAt(double x) {
        double sum = constant;
        for (int j = 0; j < poles.length; j++) {
            sum += weights[j] / (x + poles[j]);
        }
        return sum;
    }

    private static double product(double x, double[] zeros, double[] poles) {
        double product = 1;
        for (int j = 0; j < poles.length; j++) {
            product *= (x + zeros[j]) / (x + poles[j]);
        }
        return product;
    }

    private static double residue(int j, double[] zeros, double[] poles) {
        double residue = zeros[j] - poles[j];
        for (int i = 0; i < poles.length; i++) {
            if (i != j) {
                residue *= (zeros[i] - poles[j]) / (poles[i] - poles[j]);
            }
        }
        return residue;
    }
}
