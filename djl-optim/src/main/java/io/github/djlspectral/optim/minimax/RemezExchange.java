package io.github.djlspectral.optim.minimax;

/**
 * The best relative approximation of {@code x^(-c)} on [l, 1] of type (n, n), as {@code r(x) ~
 * prod_j (x + z_j) / (x + d_j)}.
 *
 * <p>The problem is its own image under {@code x -> l/x}, {@code r -> 1/r}. So {@code z_j = l /
 * d_(n+1-j)}, and {@code h(t) = ln(x^c r(x))}, r scaled so that h runs between levels of equal
 * size, is odd in {@code t = ln(x / sqrt(l))}. It alternates at 2n+2 points; by symmetry the n
 * poles and the level follow from the n+1 points with t > 0.
 *
 * <p>Remez' exchange: level h on a set of points by Newton's iteration, move each point to the
 * extremum of h next to it, repeat. Two to four rounds reach the rounding of h, about 2e-15; cost
 * O(n^3) per Newton step, in all well below a millisecond for n = 9 and a few for n = 30.
 */
final class RemezExchange {

    private static final int MAX_ROUNDS = 40;
    private static final int HALVINGS = 30; // h is flat at an extremum: 1e-9 here is 1e-18 there
    private static final double MAX_CHANGE = 2; // of a ln(d_j) in one Newton step
    private static final double CONVERGED = 1e-7; // its square, the next change, is below rounding
    private static final double LEVELLED = 1e-9; // what a certificate promises, of the level ..
    private static final double ROUNDING = 1e-14; // .. or absolutely, where h cannot be told better

    private final double exponent;
    private final double lower;
    private final double[] poles;
    private final double[] points; // falling from 1; the alternation points below sqrt(l) mirror
    private double level;

    private RemezExchange(double exponent, double lower, int terms) {
        this.exponent = exponent;
        this.lower = lower;
        poles = new double[terms];
        points = new double[terms + 1];
    }

    /** Returns the poles d_j of the best approximation, increasing. */
    static double[] poles(double exponent, double lower, int terms) {
        RemezExchange remez = new RemezExchange(exponent, lower, terms);
        remez.start();
        remez.run();
        return remez.poles;
    }

    /**
     * Starts from Zolotarev's solution for c = 1/2 in elliptic functions (see {@link
     * PartialFractions}). Its alternation points {@code dn^2} are nearly those of every c; the
     * poles move against the zeros in proportion to c - 1/2, because at c = 0 the two cancel, as
     * they do at c = 1 but for the smallest pole, which tends to 0 with 1 - c.
     */
    private void start() {
        int n = poles.length;
        double unit = JacobiElliptic.quarterPeriod(lower) / (2 * n + 1);
        for (int j = 0; j < n; j++) {
            double position = 2 * j + 1.5 - exponent;
            if (j == 0 && exponent > 0.5) {
                position = Math.sqrt(2 - 2 * exponent);
            }
            poles[j] = lower * JacobiElliptic.squaredTangent(position * unit, lower);
        }
        points[0] = 1;
        for (int i = 1; i <= n; i++) {
            double tangent = JacobiElliptic.squaredTangent(i * unit, lower);
            points[i] = (1 + lower * tangent) / (1 + tangent);
        }
    }

    private void run() {
        double spread = Double.POSITIVE_INFINITY;
        double before;
        int round = 0;
        do {
            before = spread;
            level();
            exchange();
            spread = spread();
            round++;
        } while (round < MAX_ROUNDS && spread > 1e-12 * level && spread < before / 2);
        if (!(level > 0 && spread <= LEVELLED * level + ROUNDING)) {
            throw new ArithmeticException(
                    String.format(
                            "No equioscillation for exponent %s, lower %s, terms %s: levels about %s"
                                    + " differ by %s",
                            exponent, lower, poles.length, level, spread));
        }
    }

    /** Newton's iteration on (ln d_1, .., ln d_n, level) for h(x_i) = (-1)^i level. */
    private void level() {
        int n = poles.length;
        double before = Double.POSITIVE_INFINITY;
        for (int round = 0; round < MAX_ROUNDS; round++) {
            double[] change = LinearSystem.solve(linearised());
            level = change[n];
            double largest = 0;
            for (int j = 0; j < n; j++) {
                largest = Math.max(largest, Math.abs(change[j]));
            }
            double damping = Math.min(1, MAX_CHANGE / largest);
            for (int j = 0; j < n; j++) {
                poles[j] *= Math.exp(damping * change[j]);
            }
            boolean atRounding = largest < 1e-2 && largest >= before;
            if (largest < CONVERGED || atRounding) {
                return;
            }
            before = largest;
        }
    }

    private double[][] linearised() {
        int n = poles.length;
        double[][] system = new double[n + 1][n + 2];
        for (int i = 0; i <= n; i++) {
            double x = points[i];
            for (int j = 0; j < n; j++) {
                double d = poles[j]; // dh / d(ln d_j), from the pole d_j and the zero l / d_j
                system[i][j] = d * (x * x - lower) / ((x + d) * (x * d + lower));
            }
            system[i][n] = i % 2 == 0 ? -1 : 1;
            system[i][n + 1] = -h(x);
        }
        return system;
    }

    /**
     * Moves every point but the end of the interval to the extremum of h between its neighbours; a
     * levelled h has one, because it alternates.
     */
    private void exchange() {
        double[] old = points.clone();
        for (int i = 1; i < old.length; i++) {
            boolean maximum = i % 2 == 0;
            double low = i + 1 < old.length ? old[i + 1] : Math.sqrt(lower);
            double high = old[i - 1];
            for (int k = 0; k < HALVINGS; k++) {
                double middle = Math.sqrt(low * high);
                if (slope(middle) > 0 == maximum) {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            points[i] = Math.sqrt(low * high);
        }
    }

    /** Returns the difference between the largest and the smallest |h| at the points. */
    private double spread() {
        double least = Double.POSITIVE_INFINITY;
        double largest = 0;
        for (double x : points) {
            double size = Math.abs(h(x));
            least = Math.min(least, size);
            largest = Math.max(largest, size);
        }
        return largest - least;
    }

    /** Returns h, as the odd part of ln(x^c r(x)), so that the scale of r drops out. */
    private double h(double x) {
        int n = poles.length;
        double mirrored = lower / x;
        double ratio = Math.pow(x / mirrored, exponent);
        for (int j = 0; j < n; j++) {
            double zero = lower / poles[n - 1 - j];
            ratio *= (x + zero) / (x + poles[j]);
            ratio *= (mirrored + poles[j]) / (mirrored + zero);
        }
        return Math.log(ratio) / 2;
    }

    /** Returns dh/dt. */
    private double slope(double x) {
        int n = poles.length;
        double slope = exponent;
        for (int j = 0; j < n; j++) {
            double zero = lower / poles[n - 1 - j];
            slope += x * (poles[j] - zero) / ((x + zero) * (x + poles[j]));
        }
        return slope;
    }
}
