package io.github.djlspectral.spark;

import ai.djl.TrainingDivergedException;

/**
 * What moves the weights after a round: stochastic gradient descent with Nesterov's momentum, the
 * mean change of the workers in place of the negative gradient.
 *
 * @param rate the outer rate, positive; 0.7 is usual, 1 with a momentum of 0 takes the mean
 * @param momentum in [0, 1); 0.9 is usual, 0.5 for short rounds
 */
public record OuterStep(double rate, double momentum) {

    /**
     * Checks the ranges.
     *
     * @param rate the rate
     * @param momentum the momentum
     * @throws IllegalArgumentException if one is out of its range
     */
    public OuterStep {
        boolean legal = rate > 0 && rate < Double.POSITIVE_INFINITY;
        LocalUpdates.require(legal, "The outer rate is %s, but must be positive and finite", rate);
        legal = momentum >= 0 && momentum < 1;
        LocalUpdates.require(legal, "The outer momentum is %s, but must be in [0, 1)", momentum);
    }

    /** Returns the weights moved, given the workers' mean, and changes the velocity. */
    float[] moved(float[] weights, double[] mean, float[] velocity) {
        float[] moved = new float[mean.length];
        for (int i = 0; i < mean.length; i++) {
            double pushed = 0;
            if (momentum > 0) {
                velocity[i] = (float) (momentum * velocity[i] + (mean[i] - weights[i]));
                pushed = momentum * velocity[i];
            }
            // weights + rate (mean - weights + pushed), and the mean to the bit at a rate of 1
            moved[i] = (float) ((1 - rate) * weights[i] + rate * mean[i] + rate * pushed);
            if (!Float.isFinite(moved[i])) {
                String what = "A weight is %s after the outer step: lower the rates";
                throw new TrainingDivergedException(what.formatted(moved[i]));
            }
        }
        return moved;
    }
}
