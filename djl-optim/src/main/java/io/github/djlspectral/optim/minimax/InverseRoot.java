package io.github.djlspectral.optim.minimax;

import java.util.ArrayList;
import java.util.List;

/**
 * Rational functions whose composition is x^(-1/b) on [lower, 1]. From {@code A_0 = A}, {@code C_0
 * = I}, all matrices commuting, repeat
 *
 * <pre>
 * W_t = (alpha_t I + beta_t A_t) (I + gamma_t A_t)^(-1),    A_(t+1) = W_t^b A_t,    C_(t+1) = W_t C_t;
 * </pre>
 *
 * then {@code A_t -> I} and {@code C_t -> A^(-1/b)}. Step by step, the coefficients minimise the
 * largest {@code |1 - x w(x)^b|} over the image of [lower, 1] under the steps before. All are
 * positive: W is positive definite and I + gamma A safe for Cholesky. In the limit alpha = gamma =
 * (b + 1) / (b - 1) and beta = 1; convergence is cubic.
 *
 * <p>For b = 2 this is the dynamically weighted Halley iteration, Nakatsukasa, Bai and Gygi,
 * "Optimizing Halley's iteration for computing the matrix polar decomposition", SIAM J. Matrix
 * Anal. Appl. 31 (2010); for the general root see Gawlik, "Rational minimax iterations for
 * computing the matrix pth root", Constr. Approx. 54 (2021). Here each step is a closed form but
 * for the root of one monotone function, a few microseconds of bisection.
 *
 * <p>Composed errors at lower = 1e-6 are below. Those of the only published tables for b > 2, found
 * by Nelder and Mead's search for another interval, are reported as 17 for b = 4, 2.3 for b = 6 and
 * 1.0 for b = 8 and 10: no approximation at all.
 *
 * <table>
 * <caption>Largest |1 - x C^b| after each step</caption>
 * <tr><th>b</th><th>1 step</th><th>2</th><th>3</th><th>4</th></tr>
 * <tr><td>2</td><td>0.884</td><td>0.0378</td><td>8.4e-7</td><td>9.4e-21</td></tr>
 * <tr><td>4</td><td>0.940</td><td>0.0867</td><td>1.3e-5</td><td>4.1e-17</td></tr>
 * <tr><td>6</td><td>0.947</td><td>0.0990</td><td>2.0e-5</td><td>1.6e-16</td></tr>
 * <tr><td>8</td><td>0.950</td><td>0.1036</td><td>2.3e-5</td><td>2.5e-16</td></tr>
 * <tr><td>10</td><td>0.951</td><td>0.1057</td><td>2.5e-5</td><td>3.1e-16</td></tr>
 * </table>
 *
 * @param root the root b, at least 2
 * @param lower the left end of the interval, in (0, 1)
 * @param steps the coefficients; valid only as a whole and in this order
 * @param error the largest {@code |1 - x C(x)^b|} of the composition on the interval, as real
 *     numbers; double arithmetic adds a rounding of about b 1e-15. As an approximation of x^(-1/b)
 *     its relative error is at most {@code 1 - (1 - error)^(1/b)}, about error / b
 */
public record InverseRoot(int root, double lower, List<Step> steps, double error) {

    private static final double LEAST_TOLERANCE = 1e-16;

    /**
     * One step, {@code w(x) = (alpha + beta x) / (1 + gamma x)}.
     *
     * @param alpha the value at 0, positive
     * @param beta positive
     * @param gamma positive, and more than beta / alpha: w falls
     * @param error the largest {@code |1 - x C(x)^b|} of the composition up to this step, which is
     *     also the half-width of the interval around 1 that the next step starts from
     */
    public record Step(double alpha, double beta, double gamma, double error) {}

    /**
     * {@return the composition with the fewest steps, at least one, that is at least this accurate}
     * Four or five steps reach 1e-10 from lower = 1e-14 for every root from 2 to 12. Any positive
     * lower is served; a matrix in double precision has no eigenvalues below about 1e-16 of its
     * largest that mean anything.
     *
     * @param root the root b, at least 2
     * @param lower the left end of the interval, in (0, 1) and not subnormal
     * @param tolerance the largest {@code |1 - x C(x)^b|} allowed, in [1e-16, 1)
     */
    public static InverseRoot within(int root, double lower, double tolerance) {
        if (root < 2) {
            throw new IllegalArgumentException("root must be at least 2, was " + root);
        }
        if (!(lower >= Double.MIN_NORMAL && lower < 1)) {
            throw new IllegalArgumentException("lower must be in (0, 1), was " + lower);
        }
        if (!(tolerance >= LEAST_TOLERANCE && tolerance < 1)) {
            throw new IllegalArgumentException("tolerance must be in [1e-16, 1), was " + tolerance);
        }
        List<Step> steps = new ArrayList<>();
        double centre = Math.sqrt(lower);
        double halfWidth = -Math.log(lower) / 2;
        double error;
        do {
            RootStep best = RootStep.best(root, halfWidth);
            halfWidth = best.imageHalfWidth();
            error = Math.tanh(halfWidth);
            double imageCentre = 1 / Math.cosh(halfWidth);
            double scale = Math.pow(imageCentre / centre, 1.0 / root);
            double rho = best.rho();
            steps.add(new Step(scale / rho, scale / centre, 1 / (rho * centre), error));
            centre = imageCentre;
        } while (error > tolerance);
        return new InverseRoot(root, lower, List.copyOf(steps), error);
    }

    /** Returns C(x), close to x^(-1/b), for x in [lower, 1]. */
    double valueAt(double x) {
        double a = x;
        double c = 1;
        for (Step step : steps) {
            double w = (step.alpha + step.beta * a) / (1 + step.gamma * a);
            a *= Math.pow(w, root);
            c *= w;
        }
        return c;
    }
}
