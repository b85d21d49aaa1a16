package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Block;
import io.github.djlspectral.torch.GraphConstants;

/**
 * {@code x + tau W^T (sigma(W x + b) - s_2 W x)}, {@code tau = 2 / (s_2 - s_1)}, for any activation
 * sigma with two different slopes, s_1 below 0 and s_2 above: leaky ReLU too, whose plain residual
 * layer is not isometric. Up to an orthogonal matrix and constants this is every layer with hidden
 * rows in general position whose Jacobian is orthogonal. Rows with a positive pre-activation pass
 * unchanged but for a shift, the others are reflected. As the slopes come closer, tau grows and
 * with it rounding.
 */
public final class TwoSlopeFold extends Fold {

    private final double[] slopes;

    private TwoSlopeFold(Builder builder) {
        super(builder, builder.rows());
        slopes = new double[] {builder.below, builder.above};
    }

    /**
     * Returns a builder.
     *
     * @return a new builder
     */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    String function() {
        return "two_slope_fold";
    }

    @Override
    NDList constants(NDArray activation) {
        return new NDList(
                GraphConstants.of(activation.getManager(), activation.getDataType(), slopes));
    }

    /** {@code x + 2 W^T relu(-W x - b) + tau s_2 W^T b}: all these layers fold alike. */
    @Override
    Block plain(NDArray w, NDArray b) {
        double share = 2 * slopes[1] / (slopes[1] - slopes[0]);
        try (NDArray back = w.transpose();
                NDArray shift = back.matMul(b)) {
            Block outer = PlainLayers.linear(back.mul(2), shift.mul(share));
            w.muli(-1);
            b.muli(-1);
            return PlainLayers.residual(PlainLayers.hidden(w, b, outer), w, w.getShape().get(1));
        }
    }

    /** Builds a {@link TwoSlopeFold}. The bias is 1 at first, so that few rows are reflected. */
    public static final class Builder extends RowsBuilder<Builder> {

        private double below = Double.NaN;
        private double above = Double.NaN;

        private Builder() {
            super(1);
        }

        /**
         * Sets the slopes of the activation (required).
         *
         * @param below s_1, the slope for negative arguments
         * @param above s_2, the slope for positive arguments, another one
         * @return this builder
         */
        public Builder setSlopes(double below, double above) {
            this.below = below;
            this.above = above;
            return this;
        }

        /**
         * Builds the block, not yet initialised.
         *
         * @return the block
         * @throws IllegalArgumentException if a required value is not set, a value is out of range,
         *     or the slopes are equal or not finite
         */
        public TwoSlopeFold build() {
            check(rows());
            if (!(Double.isFinite(above - below) && above != below)) {
                throw new IllegalArgumentException(
                        "The slopes must be finite and different, were " + below + " and " + above);
            }
            return new TwoSlopeFold(this);
        }

        @Override
        Builder self() {
            return this;
        }
    }
}
