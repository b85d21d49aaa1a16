package io.github.djlspectral.layers.flow;

import static io.github.djlspectral.layers.Require.require;

import java.util.Objects;

/**
 * How the weights of a {@link FlowSimulator} move: {@code dD_h = rate (target_h(t) - D_h) dt +
 * sigma dW_h}. Immutable if the targets are.
 */
public final class Drift {

    /** A symmetric matrix that depends on head and time. */
    @FunctionalInterface
    public interface Target {

        /**
         * {@return the target of a head, d x d, symmetric and finite}
         *
         * @param head the head, from 0
         * @param heads the number of heads
         * @param dimension d
         * @param time the time, from 0
         */
        double[][] at(int head, int heads, int dimension, double time);
    }

    private final String name;
    final double rate;
    private final Target target;

    private Drift(String name, double rate, Target target) {
        this.name = name;
        this.rate = rate;
        this.target = target;
    }

    /** {@return the drift of the Ornstein-Uhlenbeck process, {@code I - D}} */
    public static Drift ornsteinUhlenbeck() {
        return new Drift("ou", 1, (head, heads, d, time) -> diagonal(d));
    }

    /**
     * {@return {@code target_h(t) - D} with the rotating targets of arXiv:2605.18870, whose phase
     * advances by 2 pi / H from head to head} For d of 4 and more: {@code 2 + 1.5 cos(t + 2 pi i /
     * d)} on the diagonal and {@code sin(2 t + 2 pi p / P)} at the p-th of the P pairs beside it.
     */
    public static Drift oscillating() {
        return new Drift("oscillating", 1, Drift::rotating);
    }

    /** {@return no drift: weights move by noise only, or stay} */
    public static Drift frozen() {
        return new Drift("frozen", 0, (head, heads, d, time) -> diagonal(d));
    }

    /**
     * {@return a drift of one's own}
     *
     * @param rate the speed of relaxation, finite and at least 0
     * @param target what each head is drawn to
     */
    public static Drift towards(double rate, Target target) {
        boolean legal = rate >= 0 && rate < Double.POSITIVE_INFINITY;
        require(legal, "The rate must be finite and at least 0, was %s", rate);
        return new Drift("towards", rate, Objects.requireNonNull(target, "target"));
    }

    /**
     * {@return what a head is drawn to, d x d; the identity if nothing draws}
     *
     * @param head the head, from 0 to {@code heads - 1}
     * @param heads the number of heads
     * @param dimension d
     * @param time the time
     */
    public double[][] target(int head, int heads, int dimension, double time) {
        return target.at(head, heads, dimension, time);
    }

    /** Writes the targets of all heads at a time, row by row. */
    void write(double[] into, int offset, int heads, int d, double time) {
        int next = offset;
        for (int h = 0; h < heads; h++) {
            double[][] matrix = target.at(h, heads, d, time);
            requireSymmetric(matrix, h, d, time);
            for (double[] row : matrix) {
                System.arraycopy(row, 0, into, next, d);
                next += d;
            }
        }
    }

    private static void requireSymmetric(double[][] matrix, int head, int d, double time) {
        boolean legal = matrix.length == d;
        for (int i = 0; legal && i < d; i++) {
            legal = matrix[i].length == d;
            for (int j = 0; legal && j <= i; j++) {
                legal = Double.isFinite(matrix[i][j]) && matrix[i][j] == matrix[j][i];
            }
        }
        String rule = "The target of head %s at time %s must be a finite, symmetric %s x %s matrix";
        require(legal, rule, head, time, d, d);
    }

    private static double[][] diagonal(int d) {
        double[][] matrix = new double[d][d];
        for (int i = 0; i < d; i++) {
            matrix[i][i] = 1;
        }
        return matrix;
    }

    private static double[][] rotating(int head, int heads, int d, double time) {
        double t = time + 2 * Math.PI * head / heads;
        if (d == 2) {
            double c = 1.5 * Math.cos(t);
            double s = Math.sin(2 * t);
            return new double[][] {{2 + c, s}, {s, 2 - c}};
        }
        if (d == 3) {
            double xy = Math.sin(2 * t);
            double xz = Math.sin(t);
            double yz = Math.cos(2 * t);
            return new double[][] {
                {2 + 1.5 * Math.cos(t), xy, xz},
                {xy, 2 + 1.5 * Math.sin(t), yz},
                {xz, yz, 2 + 1.5 * Math.cos(t + Math.PI / 4)}
            };
        }
        double[][] matrix = new double[d][d];
        int pairs = d * (d - 1) / 2;
        int pair = 0;
        for (int i = 0; i < d; i++) {
            matrix[i][i] = 2 + 1.5 * Math.cos(t + 2 * Math.PI * i / d);
            for (int j = i + 1; j < d; j++) {
                matrix[i][j] = Math.sin(2 * t + 2 * Math.PI * pair / pairs);
                matrix[j][i] = matrix[i][j];
                pair++;
            }
        }
        return matrix;
    }

    @Override
    public String toString() {
        return name;
    }
}
