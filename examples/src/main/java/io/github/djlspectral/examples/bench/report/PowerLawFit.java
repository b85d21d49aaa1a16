package io.github.djlspectral.examples.bench.report;

import org.apache.commons.math3.stat.regression.SimpleRegression;

/**
 * {@code y = factor x^exponent}, by least squares of the logarithms.
 *
 * @param exponent with its margin, by how far points are from the line; the margin is NaN for two
 *     points
 * @param factor y at x = 1
 */
record PowerLawFit(Uncertain exponent, double factor) {

    private static final double SIGNIFICANCE = 0.05;

    /**
     * Fits.
     *
     * @param x positive, at least two different ones
     * @param y positive, as many
     */
    static PowerLawFit of(double[] x, double[] y) {
        SimpleRegression line = new SimpleRegression();
        for (int i = 0; i < x.length; i++) {
            line.addData(Math.log(x[i]), Math.log(y[i]));
        }
        double margin = x.length < 3 ? Double.NaN : line.getSlopeConfidenceInterval(SIGNIFICANCE);
        return new PowerLawFit(
                new Uncertain(line.getSlope(), margin), Math.exp(line.getIntercept()));
    }

    double at(double x) {
        return factor * Math.pow(x, exponent.value());
    }
}
