package io.github.djlspectral.optim;

/**
 * Truncated SGD: steps along the momentum without its largest singular values, which says how much
 * of a spectral optimizer's gain comes from those alone. "Muon is Not That Special: Random or
 * Inverted Spectra Work Just as Well", arXiv:2605.11181. Every update has singular values of mean
 * square 1, as {@link Freon}'s with exponent 0, which is this with fraction 0. See {@link
 * SpectralOptimizer} for the step and for what it applies to.
 *
 * <p>A momentum whose rank is not above the number of singular values to drop, such as the gradient
 * of a linear layer for a single vector, moves nothing but by weight decay: nothing is left of it.
 * Of k singular values with k times the fraction below 1/2 none is dropped, so single rows and
 * columns do move. Where momenta of small rank are to be expected, lower the fraction or route the
 * parameter to the fallback.
 */
public final class TruncatedSgd extends SpectralOptimizer {

    private TruncatedSgd(Builder builder) {
        super(builder, SpectralMap.truncated(builder.fraction));
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    /** Builds a {@link TruncatedSgd}. */
    public static final class Builder extends SpectralOptimizer.Builder<Builder> {

        private double fraction = 0.05;

        private Builder() {}

        /**
         * Sets the share of the singular values to drop, from the largest down. Default: 0.05.
         *
         * @param fraction in [0, 1); that times the number of singular values is rounded, and at
         *     least one of them stays
         * @return this builder
         */
        public Builder optFraction(double fraction) {
            this.fraction = fraction;
            return this;
        }

        /** {@return the optimizer, without state} Values out of their ranges are refused. */
        public TruncatedSgd build() {
            return new TruncatedSgd(this);
        }
    }
}
