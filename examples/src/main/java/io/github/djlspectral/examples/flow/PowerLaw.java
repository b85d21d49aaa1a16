package io.github.djlspectral.examples.flow;

/**
 * {@code y = factor x^exponent}.
 *
 * @param exponent the slope on logarithmic axes
 * @param factor y at x = 1
 */
record PowerLaw(double exponent, double factor) {

    /**
     * Fits by least squares of the logarithms.
     *
     * @param x positive, at least two different ones
     * @param y positive, as many
     */
    static PowerLaw fit(double[] x, double[] y) {
        double meanX = 0;
        double meanY = 0;
        for (int i = 0; i < x.length; i++) {
            meanX += Math.log(x[i]) / x.length;
            meanY += Math.log(y[i]) / x.length;
        }
        double covariance = 0;
        double variance = 0;
        for (int i = 0; i < x.length; i++) {
            double deviation = Math.log(x[i]) - meanX;
            covariance += deviation * (Math.log(y[i]) - meanY);
            variance += deviation * deviation;
        }
        double exponent = covariance / variance;
        return new PowerLaw(exponent, Math.exp(meanY - exponent * meanX));
    }

    double at(double x) {
        return factor * Math.pow(x, exponent);
    }
}
