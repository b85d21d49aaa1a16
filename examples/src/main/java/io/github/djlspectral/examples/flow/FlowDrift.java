package io.github.djlspectral.examples.flow;

import io.github.djlspectral.layers.flow.Drift;

/** How the weights move, on the command line. */
enum FlowDrift {
    /** Towards rotating targets, without noise. */
    OSCILLATING("oscillating weights", 0) {
        @Override
        Drift drift() {
            return Drift.oscillating();
        }
    },
    /** Ornstein-Uhlenbeck: towards the identity, with noise of variance 2. */
    OU("Ornstein-Uhlenbeck weights", 2) {
        @Override
        Drift drift() {
            return Drift.ornsteinUhlenbeck();
        }
    },
    /** Not at all, unless noise is asked for. */
    FROZEN("frozen weights", 0) {
        @Override
        Drift drift() {
            return Drift.frozen();
        }
    };

    private final String label;
    private final double noise;

    FlowDrift(String label, double noise) {
        this.label = label;
        this.noise = noise;
    }

    abstract Drift drift();

    /** The name for pictures. */
    String label() {
        return label;
    }

    /** The variance of the noise per unit of time unless another is given. */
    double noise() {
        return noise;
    }
}
