package io.github.djlspectral.examples.experiment;

import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.apache.commons.math3.stat.regression.SimpleRegression;

/** Numbers over seeds. */
public final class Stats {

    private Stats() {}

    /** Returns the mean of some outcomes' numbers with the least and the largest, 2 [1.9, 2.1]. */
    public static <T> String cell(
            String format, List<T> outcomes, ToDoubleFunction<? super T> number) {
        double[] sorted = outcomes.stream().mapToDouble(number).sorted().toArray();
        double mean = Arrays.stream(sorted).average().orElseThrow();
        String three = format + " [" + format + ", " + format + "]";
        return Table.text(three, mean, sorted[0], sorted[sorted.length - 1]);
    }

    /** Returns the larger of the two middle numbers; of one or more. */
    public static double median(double... values) {
        return Arrays.stream(values).sorted().skip(values.length / 2).findFirst().orElseThrow();
    }

    /** Returns the mean of equally long curves. */
    public static double[] mean(List<double[]> curves) {
        return IntStream.range(0, curves.get(0).length)
                .mapToDouble(i -> curves.stream().mapToDouble(c -> c[i]).average().orElseThrow())
                .toArray();
    }

    /**
     * {@code y = factor x^exponent}.
     *
     * @param exponent the slope on logarithmic axes
     * @param margin half the width of the exponent's 95% confidence interval, by Student's t; NaN
     *     if there are two points only
     * @param factor y at x = 1
     */
    public record PowerLaw(double exponent, double margin, double factor) {

        /** Fits positive numbers at two or more different ones, by the logarithms' squares. */
        public static PowerLaw fit(double[] x, double[] y) {
            SimpleRegression line = new SimpleRegression();
            for (int i = 0; i < x.length; i++) {
                line.addData(Math.log(x[i]), Math.log(y[i]));
            }
            double margin = x.length < 3 ? Double.NaN : line.getSlopeConfidenceInterval(0.05);
            return new PowerLaw(line.getSlope(), margin, Math.exp(line.getIntercept()));
        }

        /** Returns y at a positive x. */
        public double at(double x) {
            return factor * Math.pow(x, exponent);
        }
    }
}
