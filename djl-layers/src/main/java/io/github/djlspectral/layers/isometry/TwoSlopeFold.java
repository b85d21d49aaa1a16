package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;

/**
 * {@code x + tau W^T (sigma(z) - s_2 z)}, {@code z = W x + b}, {@code tau = 2 / (s_2 - s_1)}, sigma
 * an activation of slope s_1 for negative and s_2 for positive arguments: leaky ReLU, too, whose
 * plain residual layer is not isometric. The bracket is 0 where z is positive and {@code (s_1 -
 * s_2) z} elsewhere, so the layer is {@code x + 2 W^T relu(-z)} whatever the slopes are, and is
 * computed so: rows with a negative pre-activation are reflected at their hyperplane, the others
 * pass unchanged. (With W x in place of z in the skip these would be shifted by a constant, and
 * hundreds of layers drift apart. Taken literally, close slopes leave nothing but rounding: in
 * float32 the Jacobian is off by 4e-5 for 0.999 and 1.)
 *
 * <p>Up to an orthogonal matrix and constants every layer {@code A x + B sigma(C x + b)}, the rows
 * of C in general position, whose Jacobian is orthogonal is of this form.
 */
public final class TwoSlopeFold extends Fold {

    private final double below;
    private final double above;

    private TwoSlopeFold(Builder builder) {
        super(builder, builder.rows());
        below = builder.below;
        above = builder.above;
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
        return copy.setSlopes(below, above).build();
    }

    /** Builds a {@link TwoSlopeFold}. The bias is 2 at first, so that few rows are reflected. */
    public static final class Builder extends RowsBuilder<Builder> {

        private double below = Double.NaN;
        private double above = Double.NaN;

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
