package io.github.djlspectral.examples.report;

import org.apache.commons.math3.stat.regression.SimpleRegression;

/**
 * {@code y = factor x^exponent}.
 *
 * @param exponent the slope on logarithmic axes
 * @param margin half the width of the exponent's 95% confidence interval; NaN if there are two
 *     points only
 * @param factor y at x = 1
 */
public record PowerLaw(double exponent, double margin, double factor) {

    private static final double SIGNIFICANCE = 0.05;

    /**
     * Fits by least squares of the logarithms.
     *
     * @param x positive, at least two different ones
     * @param y positive, as many
     * @return the law; its margin tells how far points are from it, by Student's t
     */
    public static PowerLaw fit(double[] x, double[] y) {
        SimpleRegression line = new SimpleRegression();
        for (int i = 0; i < x.length; i++) {
            line.addData(Math.log(x[i]), Math.log(y[i]));
        }
        double margin = x.length < 3 ? Double.NaN : line.getSlopeConfidenceInterval(SIGNIFICANCE);
        return new PowerLaw(line.getSlope(), margin, Math.exp(line.getIntercept()));
    }

    /**
     * Evaluates.
     *
     * @param x positive
     * @return y
     */
    public double at(double x) {
        return factor * Math.pow(x, exponent);
    }
}
