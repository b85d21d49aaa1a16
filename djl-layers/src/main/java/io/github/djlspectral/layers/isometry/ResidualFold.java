package io.github.djlspectral.layers.isometry;

/**
 * {@code x - 2 W^T relu(W x + b)}: a residual layer whose Jacobian is {@code prod (I - 2 w_i
 * w_i^T)} over the rows that fire. Two products of [.., n] with [m, n].
 */
public final class ResidualFold extends Fold {

    private ResidualFold(Builder builder) {
        super(builder, builder.rows());
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    String function() {
        return "residual_fold";
    }

    @Override
    boolean reflectsPositive() {
        return true;
    }

    @Override
    Fold with(Parametrization way) {
        return builder().setWidth(width).optRows(rows).optParametrization(way).build();
    }

    /** Builds a {@link ResidualFold}. The bias is -2 at first, so that few rows fire. */
    public static final class Builder extends RowsBuilder<Builder> {

        private Builder() {
            super(-2);
        }

        /** {@return the block, not yet initialised} Values out of their ranges are refused. */
        public ResidualFold build() {
            check(rows());
            return new ResidualFold(this);
        }
    }
}
