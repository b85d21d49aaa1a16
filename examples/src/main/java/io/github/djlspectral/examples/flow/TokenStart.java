package io.github.djlspectral.examples.flow;

import java.util.SplittableRandom;

/** The tokens to begin with. */
enum TokenStart {
    /** Uniform on the sphere. */
    UNIFORM,
    /**
     * Near the axes: token i at plus or minus the axis i modulo d, off by about two degrees, as in
     * the reference run with Ornstein-Uhlenbeck weights. Then no flow under the identity adds its
     * own slope to that of the noise.
     */
    AXES;

    private static final double SPREAD = 0.03;

    /** Draws the tokens, [n, d] row by row. */
    double[] tokens(int n, int d, SplittableRandom random) {
        double[] values = new double[n * d];
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < d; k++) {
                values[i * d + k] = random.nextGaussian() * (this == AXES ? SPREAD : 1);
            }
            if (this == AXES) {
                values[i * d + i % d] += random.nextBoolean() ? 1 : -1;
            }
            normalise(values, i * d, d);
        }
        return values;
    }

    private static void normalise(double[] values, int first, int d) {
        double square = 0;
        for (int k = first; k < first + d; k++) {
            square += values[k] * values[k];
        }
        for (int k = first; k < first + d; k++) {
            values[k] /= Math.sqrt(square);
        }
    }
}
