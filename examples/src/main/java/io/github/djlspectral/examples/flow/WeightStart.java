package io.github.djlspectral.examples.flow;

import io.github.djlspectral.layers.flow.Drift;
import java.util.SplittableRandom;

/** The weights to begin with. */
enum WeightStart {
    /**
     * Where the drift keeps them: at the targets at time 0 if they oscillate, else at the identity
     * plus symmetric normal noise of variance 1, which is the stationary law of the
     * Ornstein-Uhlenbeck process with noise of variance 2.
     */
    DRIFT {
        @Override
        double[] weights(FlowSettings settings, SplittableRandom random) {
            boolean still = settings.drift() == FlowDrift.OSCILLATING;
            double[] weights = symmetric(settings, still ? 0 : 1, random);
            Drift drift = settings.drift().drift();
            int d = settings.dimension();
            for (int h = 0; h < settings.heads(); h++) {
                double[][] target = drift.target(h, settings.heads(), d, 0);
                for (int i = 0; i < d * d; i++) {
                    weights[h * d * d + i] += target[i / d][i % d];
                }
            }
            return weights;
        }
    },
    /** Symmetric normal of standard deviation 2, for every drift, as in the reference runs. */
    NORMAL {
        @Override
        double[] weights(FlowSettings settings, SplittableRandom random) {
            return symmetric(settings, 2, random);
        }
    };

    /** Draws the weights, [heads, d, d] row by row. */
    abstract double[] weights(FlowSettings settings, SplittableRandom random);

    /** {@code (A + A^T) / 2} with normal entries of A of a standard deviation. */
    private static double[] symmetric(
            FlowSettings settings, double deviation, SplittableRandom random) {
        int d = settings.dimension();
        double[] values = new double[settings.heads() * d * d];
        for (int first = 0; first < values.length; first += d * d) {
            for (int i = 0; i < d; i++) {
                for (int j = 0; j <= i; j++) {
                    // beside the diagonal the mean of two independent entries
                    double scale = deviation / (i == j ? 1 : Math.sqrt(2));
                    double value = scale * random.nextGaussian();
                    values[first + i * d + j] = value;
                    values[first + j * d + i] = value;
                }
            }
        }
        return values;
    }
}
