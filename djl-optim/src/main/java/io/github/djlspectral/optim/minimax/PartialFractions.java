package io.github.djlspectral.optim.minimax;

/**
 * A rational approximation {@code r(x) = constant + sum_j weights[j] / (x + poles[j])} of an
 * inverse power x^(-c) of x on [lower, 1], best in the relative error {@code x^c r(x) - 1}: it
 * takes its largest value, with alternating sign, at 2 terms + 2 points, which proves that no other
 * function of this type does better. Poles and weights are positive (x^(-c) is a Stieltjes
 * function), so that r of a positive semidefinite matrix takes one well-conditioned Cholesky solve
 * per term.
 *
 * <p>For c = 1/2 this is Zolotarev's approximation: {@code s r(s^2)} is the best odd approximation
 * of sign(s) of type (2 terms + 1, 2 terms). Closed form in elliptic functions: Nakatsukasa and
 * Freund, "Computing fundamental matrix decompositions accurately via the matrix sign function in
 * two iterations", SIAM Review 58 (2016), equations 3.2 to 3.5. For the other exponents it is the
 * start of a Remez exchange. The error is about
 *
 * <pre>
 * 4 sin(pi c) exp(-pi (2 terms + 1) K / K') ~ 4 sin(pi c) exp(-pi^2 (2 terms + 1) / ln(16 / lower)),
 * </pre>
 *
 * K and K' the complete elliptic integrals for the modulus sqrt(lower) and its complement: nine
 * terms give 5e-5 at lower = 1e-6. Computed in double precision, r has a relative rounding error of
 * a few 1e-15 of its own; levels are equal within 1e-9 of the error or within 1e-14, whichever is
 * more.
 *
 * @param constant the value at infinity, positive
 * @param poles the shifts, positive and increasing
 * @param weights the numerators, positive
 * @param error the largest relative error on the interval, in (0, 1)
 */
public record PartialFractions(double constant, double[] poles, double[] weights, double error) {

    /**
     * {@return the best approximation of {@code x^(-exponent)} with the fewest terms that is at
     * least this accurate}
     *
     * @param exponent the exponent c, in [0.001, 0.999]
     * @param lower the left end of the interval, in [1e-16, 0.01]
     * @param tolerance the largest relative error allowed, in [1e-12, 1)
     * @throws ArithmeticException if the exchange does not level the error; not seen in 100,000
     *     random problems in this range
     */
    public static PartialFractions inversePower(double exponent, double lower, double tolerance) {
        require(
                exponent >= 1e-3 && exponent <= 0.999,
                "exponent must be in [0.001, 0.999]",
                exponent);
        require(lower >= 1e-16 && lower <= 0.01, "lower must be in [1e-16, 0.01]", lower);
        require(tolerance >= 1e-12 && tolerance < 1, "tolerance must be in [1e-12, 1)", tolerance);
        int terms = 1;
        // The true error is 0.5 to 2.4 times the expected one.
        while (expectedError(exponent, lower, terms) > 2 * tolerance) {
            terms++;
        }
        PartialFractions fewest = inversePower(exponent, lower, terms);
        while (fewest.error > tolerance) {
            terms++;
            fewest = inversePower(exponent, lower, terms);
        }
        return fewest;
    }

    private static void require(boolean legal, String rule, double value) {
        if (!legal) {
            throw new IllegalArgumentException(rule + ", was " + value);
        }
    }

    /** Returns the asymptotic formula for the error. */
    static double expectedError(double exponent, double lower, int terms) {
        double periods =
                JacobiElliptic.quarterPeriod(1 - lower) / JacobiElliptic.quarterPeriod(lower);
        return 4 * Math.sin(Math.PI * exponent) * Math.exp(-Math.PI * (2 * terms + 1) * periods);
    }

    /**
     * Returns the best approximation of {@code x^(-exponent)} with so many terms, whose error must
     * not be below 6e-14, where rounding hides the alternation: a product split into fractions and
     * scaled to a largest error as small as possible. Takes less than a millisecond up to nine
     * terms and a few for thirty, once compiled.
     */
    static PartialFractions inversePower(double exponent, double lower, int terms) {
        double[] poles = RemezExchange.poles(exponent, lower, terms);
        double[] zeros = new double[terms];
        for (int j = 0; j < terms; j++) {
            zeros[j] = lower / poles[terms - 1 - j];
        }
        // The ends of the interval are alternation points, with the smallest and the largest value.
        double least = Math.pow(lower, exponent) * product(lower, zeros, poles);
        double largest = product(1, zeros, poles);
        double scale = 2 / (least + largest);
        double[] weights = new double[terms];
        for (int j = 0; j < terms; j++) {
            weights[j] = scale * residue(j, zeros, poles);
        }
        double error = (largest - least) / (largest + least);
        return new PartialFractions(scale, poles, weights, error);
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
