package io.github.djlspectral.optim.extra;

import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.UpdateScale;

/**
 * Scion, norm-constrained: {@code w = (1 - lr) w - lr r sqrt(out / in) U}, a step of the stochastic
 * conditional gradient: no weight leaves the ball of spectral norm {@code r sqrt(out / in)}.
 * Pethick et al., "Training Deep Learning Models with Norm-Constrained LMOs", arXiv:2502.07529. No
 * state beside the momentum. Use it where rates are to carry over between widths; embeddings and
 * heads go to the fallback, where the paper gives them norms of their own.
 */
public final class Scion extends SpectralOptimizer {

    private final double radius;

    private Scion(Builder builder) {
        super(builder, SpectralMap.polar(), "scion.py");
        radius = builder.radius;
    }

    /** {@return a new builder: radius 50, {@link UpdateScale#SPECTRAL_CONDITION}} */
    public static Builder builder() {
        return new Builder().optUpdateScale(UpdateScale.SPECTRAL_CONDITION).optNesterov(false);
    }

    @Override
    protected double[] numbers() {
        return new double[] {radius};
    }

    /** Builds a {@link Scion}. */
    public static final class Builder extends SpectralOptimizer.Builder<Builder> {

        private double radius = 50;

        private Builder() {}

        /**
         * Sets the radius r of the ball. Default: 50, the paper's for a GPT.
         *
         * @param radius positive and finite
         * @return this builder
         * @throws IllegalArgumentException if it is out of range
         */
        public Builder optRadius(double radius) {
            require(
                    radius > 0 && radius < Double.POSITIVE_INFINITY,
                    "optRadius must be positive and finite",
                    radius);
            this.radius = radius;
            return this;
        }

        /** {@return the optimizer, without state} */
        public Scion build() {
            return new Scion(this);
        }
    }
}
