package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.experiment.Table;
import java.util.Arrays;
import org.apache.commons.math3.distribution.TDistribution;
import org.apache.commons.math3.stat.StatUtils;

/** A number and half the width of its 95% confidence interval, NaN if there is one sample only. */
record Uncertain(double value, double margin) {

    /** Estimates a mean from independent samples, by Student's t. */
    static Uncertain mean(double[] samples) {
        int count = samples.length;
        double margin =
                count < 2
                        ? Double.NaN
                        : new TDistribution(null, count - 1).inverseCumulativeProbability(0.975)
                                * Math.sqrt(StatUtils.variance(samples) / count);
        return new Uncertain(StatUtils.mean(samples), margin);
    }

    /** Estimates the geometric mean of positive samples, by Student's t on their logarithms. */
    static Uncertain geometricMean(double[] samples) {
        Uncertain logarithm = mean(Arrays.stream(samples).map(Math::log).toArray());
        double value = Math.exp(logarithm.value);
        return new Uncertain(value, value * logarithm.margin);
    }

    Uncertain times(double factor) {
        return new Uncertain(value * factor, margin * Math.abs(factor));
    }

    /** Returns a number divided by this one, its margin to first order. */
    Uncertain under(double numerator) {
        return new Uncertain(1 / value, margin / (value * value)).times(numerator);
    }

    boolean includes(double other) {
        return Math.abs(other - value) <= margin;
    }

    /** Returns such as "41.2 ± 0.8": three digits of the value, the margin as fine; "41.2 ± ?". */
    @Override
    public String toString() {
        return number(value, value) + " ± " + (Double.isNaN(margin) ? "?" : number(margin, value));
    }

    /** Returns such as "+3.1% ± 0.2%" for 0.031. */
    String percent() {
        String share = Table.text("%+.1f%% ± ", 100 * value);
        return share + (Double.isNaN(margin) ? "?" : Table.text("%.1f%%", 100 * margin));
    }

    /** Prints a number with as many decimals as show three digits of another, at most six. */
    static String number(double number, double as) {
        boolean plain = as == 0 || !Double.isFinite(as);
        int magnitude = plain ? 3 : (int) Math.floor(Math.log10(Math.abs(as)));
        return Table.text("%." + Math.min(6, Math.max(0, 2 - magnitude)) + "f", number);
    }
}
