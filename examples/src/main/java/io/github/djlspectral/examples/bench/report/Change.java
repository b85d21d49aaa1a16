package io.github.djlspectral.examples.bench.report;

import java.util.Arrays;
import java.util.Locale;
import org.apache.commons.math3.distribution.TDistribution;
import org.apache.commons.math3.stat.StatUtils;

/**
 * How much a quantity of which less is better has changed between two runs, from what their rounds
 * found: iterations of one process have its memory layout and its minute in common, so that they
 * are not independent.
 *
 * @param ratio new by old, of geometric means
 * @param low the lower end of the 98% interval of the ratio; NaN if a run has one round only
 * @param high its upper end
 */
record Change(double ratio, double low, double high) {

    /** Less than this is no regression, however sure: code moves, and with it alignment. */
    private static final double FLOOR = 1.05;

    /** On each side: one in a hundred unchanged quantities is taken for slower by chance. */
    private static final double SIGNIFICANCE = 0.01;

    /**
     * Returns what the words below mean.
     *
     * @param compared how many quantities are judged
     */
    static String rule(int compared) {
        return String.format(
                Locale.ROOT,
                "A regression is at least 5%% more, and beyond noise: the 98%% Welch interval of the"
                        + " ratio, from the logarithms of the rounds' times, lies above 1. By"
                        + " chance alone that holds for 1 in 100, and less with the 5%%: at most"
                        + " about %.1f of the %d compared here. Less than two rounds are not"
                        + " judged.",
                SIGNIFICANCE * compared,
                compared);
    }

    /**
     * Compares what rounds found.
     *
     * @param before positive, at least one
     * @param after positive, at least one
     */
    static Change between(double[] before, double[] after) {
        double[] old = Arrays.stream(before).map(Math::log).toArray();
        double[] fresh = Arrays.stream(after).map(Math::log).toArray();
        double difference = StatUtils.mean(fresh) - StatUtils.mean(old);
        double margin = old.length < 2 || fresh.length < 2 ? Double.NaN : welch(old, fresh);
        return new Change(
                Math.exp(difference), Math.exp(difference - margin), Math.exp(difference + margin));
    }

    /** Half the width of the interval of the difference of means, by Welch and Satterthwaite. */
    private static double welch(double[] a, double[] b) {
        double squareA = StatUtils.variance(a) / a.length;
        double squareB = StatUtils.variance(b) / b.length;
        double square = squareA + squareB;
        if (square == 0) {
            return 0;
        }
        double freedom =
                square
                        * square
                        / (squareA * squareA / (a.length - 1) + squareB * squareB / (b.length - 1));
        TDistribution student = new TDistribution(null, freedom);
        return student.inverseCumulativeProbability(1 - SIGNIFICANCE) * Math.sqrt(square);
    }

    boolean isRegression() {
        return ratio >= FLOOR && low > 1;
    }

    private boolean isImprovement() {
        return ratio <= 1 / FLOOR && high < 1;
    }

    String verdict() {
        if (Double.isNaN(low)) {
            return "not judged";
        }
        if (isRegression()) {
            return "REGRESSION";
        }
        return isImprovement() ? "better" : "";
    }

    /** Returns such as "1.21 [1.15, 1.27]". */
    @Override
    public String toString() {
        return Double.isNaN(low)
                ? String.format(Locale.ROOT, "%.2f", ratio)
                : String.format(Locale.ROOT, "%.2f [%.2f, %.2f]", ratio, low, high);
    }
}
