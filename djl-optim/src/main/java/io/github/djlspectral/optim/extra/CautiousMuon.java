package io.github.djlspectral.optim.extra;

import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.SpectralOptimizer;

/**
 * Muon with cautious weight decay: {@code w = w - lr (scale U + d [U w >= 0] w)}, so that weights
 * that the step moves away from zero do not decay. Chen et al., "Cautious Weight Decay",
 * arXiv:2510.12402. No state beside the momentum. Use it in place of a decay that costs training
 * loss; {@code optWeightDecays} is then that of the fallback, and of the hidden matrices too if it
 * is not 0.
 */
public final class CautiousMuon extends SpectralOptimizer {

    private final double decay;

    private CautiousMuon(Builder builder) {
        super(builder, SpectralMap.polar(), "cautious.py");
        decay = builder.decay;
    }

    /** {@return a new builder with Muon's defaults and a cautious decay of 0.1} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    protected double[] numbers() {
        return new double[] {decay};
    }

    /** Builds a {@link CautiousMuon}. */
    public static final class Builder extends SpectralOptimizer.Builder<Builder> {

        private double decay = 0.1;

        private Builder() {}

        /**
         * Sets the decay d. Default: 0.1.
         *
         * @param decay at least 0 and finite
         * @return this builder
         * @throws IllegalArgumentException if it is out of range
         */
        public Builder optCautiousDecay(double decay) {
            require(
                    decay >= 0 && decay < Double.POSITIVE_INFINITY,
                    "optCautiousDecay must be finite and at least 0",
                    decay);
            this.decay = decay;
            return this;
        }

        /** {@return the optimizer, without state} */
        public CautiousMuon build() {
            return new CautiousMuon(this);
        }
    }
}
