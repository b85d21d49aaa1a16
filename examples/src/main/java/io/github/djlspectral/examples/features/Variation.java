package io.github.djlspectral.examples.features;

import java.util.Arrays;

/** How much a sequence of numbers varies. */
final class Variation {

    private Variation() {}

    /** Returns the coefficient of variation, standard deviation / mean; NaN of no values. */
    static double coefficient(double... values) {
        double mean = Arrays.stream(values).average().orElse(Double.NaN);
        double variance =
                Arrays.stream(values)
                        .map(v -> (v - mean) * (v - mean))
                        .average()
                        .orElse(Double.NaN);
        return Math.sqrt(variance) / Math.abs(mean);
    }

    /**
     * Returns the coefficient of variation about the trend: a value's logarithm is compared with
     * the mean of its neighbours', which an exponential trend does not change. The root mean square
     * of these differences is divided by sqrt(3/2), so that independent values of standard
     * deviation sigma about a smooth trend give sigma.
     *
     * @param values none zero; signs do not count
     * @return NaN for less than 3 values
     */
    static double aboutTrend(double... values) {
        if (values.length < 3) {
            return Double.NaN;
        }
        double[] logs = Arrays.stream(values).map(v -> Math.log(Math.abs(v))).toArray();
        double sum = 0;
        for (int i = 1; i < logs.length - 1; i++) {
            double difference = logs[i] - (logs[i - 1] + logs[i + 1]) / 2;
            sum += difference * difference;
        }
        return Math.sqrt(sum / (logs.length - 2) / 1.5);
    }
}
