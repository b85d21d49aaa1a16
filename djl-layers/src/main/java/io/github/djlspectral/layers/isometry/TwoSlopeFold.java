package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import io.github.djlspectral.torch.GraphConstants;

/**
 * The general fold with an activation sigma of two slopes, s_1 for negative and s_2 for positive
 * arguments: leaky ReLU, too, whose plain residual layer is not isometric. With {@code z = V^T x +
 * b}, {@code kappa = (s_1 + s_2) / (s_2 - s_1)}, {@code tau = 2 / (s_2 - s_1)},
 *
 * <pre>
 * M x - kappa U V^T x + tau U sigma(z) - (1 + kappa) U b_0
 * </pre>
 *
 * <p>U and V have orthonormal columns and M maps what is orthogonal to V's onto what is orthogonal
 * to U's. Up to constants every layer {@code A x + B sigma(C x + b)}, the rows of C in general
 * position, whose Jacobian is orthogonal is of this form. It is computed as {@code Q (x + W^T (2
 * relu(-z) + (1 + kappa) (b - b_0)))}, {@code W = V^T}, {@code U = Q W^T}: rows with a negative
 * pre-activation are reflected at their hyperplane. (Taken literally, close slopes leave nothing
 * but rounding: in float32 the Jacobian is off by 4e-5 for 0.999 and 1.) The last term, b_0 the
 * bias at first, takes away a shift by which hundreds of layers would drift apart; how the bias
 * moves the output is left to the slopes. Q is I, so that U = V, unless {@link
 * Builder#optIndependent}.
 */
public final class TwoSlopeFold extends Fold {

    private final double below;
    private final double above;
    private final float centre;
    private final boolean independent;

    private TwoSlopeFold(Builder builder) {
        super(
                builder,
                builder.rows(),
                builder.independent,
                "parametrization",
                builder.parametrization,
                "slopes",
                builder.below + " and " + builder.above,
                "bias at first",
                builder.bias());
        below = builder.below;
        above = builder.above;
        centre = builder.bias();
        independent = builder.independent;
    }

    @Override
    NDArray shift(NDArray bias) {
        try (NDArray moved = bias.sub(centre)) {
            return GraphConstants.times(moved, 2 * above / (above - below)); // 1 + kappa
        }
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    String function() {
        return "two_slope_fold";
    }

    @Override
    Fold with(Parametrization way) {
        Builder copy = builder().setWidth(width).optRows(rows).optParametrization(way);
        copy.setSlopes(below, above).optIndependent(independent);
        return copy.optInitialBias(centre).build();
    }

    /** Builds a {@link TwoSlopeFold}. The bias is 2 at first, so that few rows are reflected. */
    public static final class Builder extends RowsBuilder<Builder> {

        private double below = Double.NaN;
        private double above = Double.NaN;
        private boolean independent;

        private Builder() {
            super(2);
        }

        /**
         * Sets the slopes of the activation (required).
         *
         * @param below s_1, the slope for negative arguments
         * @param above s_2, the slope for positive arguments, another one; both finite
         * @return this builder
         */
        public Builder setSlopes(double below, double above) {
            this.below = below;
            this.above = above;
            return this;
        }

        /**
         * Sets whether U is independent of V, by an orthogonal matrix Q of its own. Default: false.
         *
         * @param independent whether it is
         * @return this builder
         */
        public Builder optIndependent(boolean independent) {
            this.independent = independent;
            return this;
        }

        /** {@return the block, not yet initialised} Values out of their ranges are refused. */
        public TwoSlopeFold build() {
            check(rows());
            boolean legal = Double.isFinite(above - below) && above != below;
            String rule = "The slopes must be finite and different, were %s and %s";
            require(legal, rule, below, above);
            return new TwoSlopeFold(this);
        }
    }
}
