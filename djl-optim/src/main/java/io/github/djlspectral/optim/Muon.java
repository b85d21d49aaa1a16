package io.github.djlspectral.optim;

import java.util.Objects;

/**
 * Muon: steps along the polar factor of the momentum, so that every direction of a hidden matrix
 * moves by the same amount. Jordan et al., "Muon: An optimizer for hidden layers in neural
 * networks" (2024); see {@link SpectralOptimizer} for the step and for what it applies to.
 *
 * <pre>{@code
 * Optimizer muon = Muon.builder()
 *         .optLearningRateTracker(Tracker.fixed(0.02f))
 *         .optRouting(ParameterRouting.of(block))
 *         .build();
 * }</pre>
 */
public final class Muon extends SpectralOptimizer {

    private Muon(Builder builder) {
        super(builder, builder.map);
    }

    /** {@return a new builder with the reference's defaults and an accurate polar map} */
    public static Builder builder() {
        return new Builder();
    }

    /** Builds a {@link Muon}. */
    public static final class Builder extends SpectralOptimizer.Builder<Builder> {

        private SpectralMap map = SpectralMap.polar();

        private Builder() {}

        /**
         * Sets the map. Default: {@link SpectralMap#polar}.
         *
         * @param map the map, such as {@link SpectralMap#newtonSchulz} for parity with the
         *     reference
         * @return this builder
         */
        public Builder optMap(SpectralMap map) {
            this.map = Objects.requireNonNull(map, "map");
            return this;
        }

        /** {@return the optimizer, without state} */
        public Muon build() {
            return new Muon(this);
        }
    }
}
