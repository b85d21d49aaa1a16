package io.github.djlspectral.layers.isometry;

/**
 * {@code |V x + b|}, V orthogonal: the one feedforward layer without a skip whose Jacobian is
 * orthogonal (no ReLU or leaky ReLU is). It folds along all n hyperplanes. A product with another
 * orthogonal matrix would only be taken over by the V of the next layer.
 */
public final class AbsFold extends Fold {

    private AbsFold(Builder builder) {
        super(builder, builder.width);
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    String function() {
        return "absolute_fold";
    }

    @Override
    Fold with(Parametrization way) {
        return builder().setWidth(width).optParametrization(way).build();
    }

    /** Builds an {@link AbsFold}. The bias is 0 at first. */
    public static final class Builder extends Fold.Builder<Builder> {

        private Builder() {
            super(0);
        }

        /** {@return the block, not yet initialised} Values out of their ranges are refused. */
        public AbsFold build() {
            check(width);
            return new AbsFold(this);
        }
    }
}
