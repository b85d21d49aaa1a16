package io.github.djlspectral.optim.minimax;

import java.util.ArrayList;
import java.util.List;

/**
 * Odd quintic polynomials whose composition is the best approximation of 1 on [lower, 1]: step by
 * step, each is minimax on the image of the interval under those before it. Amsel, Persson, Musco
 * and Gower, "The Polar Express", arXiv:2505.16932, theorem 3.1.
 *
 * @param steps the coefficients (a, b, c) of {@code a s + b s^3 + c s^5}, one triple per step;
 *     valid only as a whole and in this order
 * @param error the largest distance of the composition from 1 on the interval
 */
public record PolarExpress(List<double[]> steps, double error) {

    private static final int MAX_EXCHANGES = 100;

    /** At this distance from 1 the quintic that is flattest there errs by less than rounding. */
    private static final double NARROW = 1e-5;

    /**
     * {@return the composition with the fewest steps that is at least this accurate, where each may
     * also miss by a rounding} A step may raise what exceeds its interval by a large factor, and
     * the next one what that makes of it: without an allowance orthogonal matrices in bfloat16
     * ended at 40,000.
     *
     * @param lower the left end of the interval, in (0, 1)
     * @param tolerance the largest error allowed, in (0, 1), rounding apart
     * @param rounding relative, as much at either end of the interval of each step, below 1; or 0
     */
    public static PolarExpress within(double lower, double tolerance, double rounding) {
        if (!(lower > 0 && lower < 1)) {
            throw new IllegalArgumentException("lower must be in (0, 1), was " + lower);
        }
        if (!(tolerance > 1e-14 && tolerance < 1)) {
            throw new IllegalArgumentException("tolerance must be in (1e-14, 1), was " + tolerance);
        }
        List<double[]> steps = new ArrayList<>();
        double low = lower;
        double high = 1 + rounding;
        double error = 1;
        while (error > tolerance) {
            double[] step = minimax(low, high);
            steps.add(new double[] {step[0], step[1], step[2]});
            error = step[3];
            low = (1 - error) * (1 - rounding);
            high = (1 + error) * (1 + rounding);
        }
        return new PolarExpress(List.copyOf(steps), error);
    }

    /** Returns {a, b, c, error} of the best approximation of 1 on an interval around 1. */
    private static double[] minimax(double low, double high) {
        double distance = Math.max(1 - low, high - 1);
        if (distance < NARROW) {
            return new double[] {15 / 8.0, -10 / 8.0, 3 / 8.0, 2.5 * Math.pow(distance, 3)};
        }
        return exchange((high * high + low * low) / 2, (high - low) * (high + low) / 2);
    }

    /**
     * Remez exchange over the squares in centre +- half, as {@code x (p + q u + r u^2)} with {@code
     * x^2 = centre + half u}: in powers of x the system is singular on a short interval. The two
     * inner alternation points are the extrema.
     */
    private static double[] exchange(double centre, double half) {
        double inner = -0.5; // Chebyshev's points
        double outer = 0.5;
        double[] solution = levelled(centre, half, inner, outer);
        double before = Double.POSITIVE_INFINITY;
        for (int i = 0; i < MAX_EXCHANGES && Math.abs(solution[3] - before) > 1e-15; i++) {
            double a = 5 * half * solution[2];
            double b = 3 * half * solution[1] + 4 * centre * solution[2];
            double c = half * solution[0] + 2 * centre * solution[1];
            double root = Math.sqrt(b * b - 4 * a * c);
            inner = (-b - root) / (2 * a);
            outer = (-b + root) / (2 * a);
            before = solution[3];
            solution = levelled(centre, half, inner, outer);
        }
        double linear = solution[1] / half;
        double quadratic = solution[2] / (half * half);
        return new double[] {
            solution[0] - centre * (linear - centre * quadratic),
            linear - 2 * centre * quadratic,
            quadratic,
            solution[3]
        };
    }

    /** Solves x (p + q u + r u^2) + sign * error = 1 with alternating signs at four points. */
    private static double[] levelled(double centre, double half, double inner, double outer) {
        double[] points = {-1, inner, outer, 1};
        double[][] system = new double[4][];
        for (int i = 0; i < 4; i++) {
            double u = points[i];
            double x = Math.sqrt(centre + half * u);
            system[i] = new double[] {x, x * u, x * u * u, i % 2 == 0 ? 1 : -1, /* = */ 1};
        }
        return LinearSystem.solve(system);
    }
}
