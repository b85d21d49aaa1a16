package io.github.djlspectral.optim.minimax;

import java.util.ArrayList;
import java.util.List;

/**
 * Odd quintic polynomials whose composition is the best approximation of 1 on [lower, 1]: step by
 * step, each is minimax on the image of the interval under those before it. Amsel, Persson, Musco
 * and Gower, "The Polar Express", arXiv:2505.16932, theorem 3.1.
 *
 * @param lower the left end of the interval, in (0, 1)
 * @param steps the coefficients (a, b, c) of {@code a s + b s^3 + c s^5}, one triple per step;
 *     valid only as a whole and in this order
 * @param error the largest distance of the composition from 1 on the interval
 */
public record PolarExpress(double lower, List<double[]> steps, double error) {

    private static final int MAX_EXCHANGES = 100;

    /**
     * Returns the composition with the fewest steps that is at least this accurate.
     *
     * @param lower the left end of the interval, in (0, 1)
     * @param tolerance the largest error allowed, in (0, 1)
     * @return the composition
     * @throws IllegalArgumentException if an argument is out of its range
     */
    public static PolarExpress within(double lower, double tolerance) {
        if (!(lower > 0 && lower < 1)) {
            throw new IllegalArgumentException("lower must be in (0, 1), was " + lower);
        }
        if (!(tolerance > 1e-14 && tolerance < 1)) {
            throw new IllegalArgumentException("tolerance must be in (1e-14, 1), was " + tolerance);
        }
        List<double[]> steps = new ArrayList<>();
        double low = lower;
        double high = 1;
        double error = 1;
        while (error > tolerance) {
            double[] step = minimax(low, high);
            steps.add(new double[] {step[0], step[1], step[2]});
            error = step[3];
            low = 1 - error;
            high = 1 + error;
        }
        return new PolarExpress(lower, List.copyOf(steps), error);
    }

    /** Remez exchange for {a, b, c, error}: the two inner alternation points are the extrema. */
    private static double[] minimax(double low, double high) {
        double inner = (3 * low + high) / 4;
        double outer = (low + 3 * high) / 4;
        double[] solution = levelled(low, inner, outer, high);
        for (int i = 0; i < MAX_EXCHANGES; i++) {
            double a = solution[0];
            double b = solution[1];
            double c = solution[2];
            double root = Math.sqrt(9 * b * b - 20 * a * c);
            inner = Math.sqrt((-3 * b - root) / (10 * c));
            outer = Math.sqrt((-3 * b + root) / (10 * c));
            double before = solution[3];
            solution = levelled(low, inner, outer, high);
            if (Math.abs(solution[3] - before) <= 1e-15) {
                break;
            }
        }
        return solution;
    }

    /** Solves a x + b x^3 + c x^5 + sign * error = 1 with alternating signs at four points. */
    private static double[] levelled(double... points) {
        double[][] system = new double[4][];
        for (int i = 0; i < 4; i++) {
            double x = points[i];
            system[i] =
                    new double[] {x, x * x * x, x * x * x * x * x, i % 2 == 0 ? 1 : -1, /* = */ 1};
        }
        return LinearSystem.solve(system);
    }
}
