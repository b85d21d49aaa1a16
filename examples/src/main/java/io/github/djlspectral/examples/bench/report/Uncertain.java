package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.experiment.Stats.PowerLaw;
import java.util.Arrays;
import java.util.Locale;
import org.apache.commons.math3.distribution.TDistribution;
import org.apache.commons.math3.stat.StatUtils;

/**
 * A number and how well it is known.
 *
 * @param value the number
 * @param margin half the width of its 95% confidence interval; NaN if one sample is all there is
 */
record Uncertain(double value, double margin) {

    private static final double CONFIDENCE = 0.95;
    private static final int DIGITS = 3;

    /** Estimates a mean from independent samples, by Student's t. */
    static Uncertain mean(double[] samples) {
        int count = samples.length;
        double margin =
                count < 2
                        ? Double.NaN
                        : quantile(count - 1) * Math.sqrt(StatUtils.variance(samples) / count);
        return new Uncertain(StatUtils.mean(samples), margin);
    }

    /** Estimates the geometric mean of positive samples, by Student's t on their logarithms. */
    static Uncertain geometricMean(double[] samples) {
        Uncertain logarithm = mean(Arrays.stream(samples).map(Math::log).toArray());
        double value = Math.exp(logarithm.value);
        return new Uncertain(value, value * logarithm.margin);
    }

    /** Returns the exponent of a fit. */
    static Uncertain exponent(PowerLaw law) {
        return new Uncertain(law.exponent(), law.margin());
    }

    private static double quantile(double degreesOfFreedom) {
        return new TDistribution(null, degreesOfFreedom)
                .inverseCumulativeProbability((1 + CONFIDENCE) / 2);
    }

    Uncertain times(double factor) {
        return new Uncertain(value * factor, margin * Math.abs(factor));
    }

    /** Returns the reciprocal, its margin to first order. */
    Uncertain inverse() {
        return new Uncertain(1 / value, margin / (value * value));
    }

    /** Returns a number divided by this one, its margin to first order. */
    Uncertain under(double numerator) {
        return inverse().times(numerator);
    }

    /** Whether another value is within the margin. */
    boolean includes(double other) {
        return Math.abs(other - value) <= margin;
    }

    /** Returns such as "41.2 ± 0.8": three digits of the value, the margin as fine; "41.2 ± ?". */
    @Override
    public String toString() {
        String format = "%." + decimals(value) + "f";
        return String.format(Locale.ROOT, format, value)
                + " ± "
                + (Double.isNaN(margin) ? "?" : String.format(Locale.ROOT, format, margin));
    }

    /** Returns how many decimals show three digits of a number, none beyond six decimals. */
    static int decimals(double value) {
        if (value == 0 || !Double.isFinite(value)) {
            return 0;
        }
        int magnitude = (int) Math.floor(Math.log10(Math.abs(value)));
        return Math.min(6, Math.max(0, DIGITS - 1 - magnitude));
    }
}
