package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.SelfDescribingBlock;
import java.util.Objects;

/**
 * {@code Q x + b}, [.., n] to [.., p], n taken from the first input: Q is orthogonal if p = n, a
 * Parseval frame ({@code Q^T Q = I}, lengths are kept) if p > n, and has orthonormal rows ({@code Q
 * Q^T = I}, gradients keep their length) if p &lt; n. With the activations of {@link FixedIsometry}
 * between, it gives networks such as {@code Q |V x + b|}, sawtooth or MaxMin networks. Chains whose
 * widths never fall are isometric, those whose widths never rise are co-isometric; expanding first
 * and contracting later is neither. What {@link Fold} says of the rate of folds holds here too.
 */
public final class OrthogonalLinear extends SelfDescribingBlock implements IsometricLayer {

    private final int units;
    private final OrthogonalWeight weight;
    private final Parameter bias;

    private OrthogonalLinear(Builder builder) {
        super("parametrization", builder.parametrization, "units", builder.units);
        units = builder.units;
        weight = new OrthogonalWeight("", builder.parametrization);
        weight.beginNear(builder.weight);
        weight.parameters().forEach(this::addParameter);
        bias = builder.bias ? addParameter(LayerBuilder.bias("bias", units, 0)) : null;
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    protected void prepare(Shape[] inputShapes) {
        requireActivations(inputShapes[0]);
        weight.setShape(units, inputShapes[0].get(inputShapes[0].dimension() - 1));
        weight.keepOrthonormal();
    }

    @Override
    protected NDList forwardOne(ParameterStore store, NDArray x, boolean training) {
        requireActivations(x.getShape());
        NDArray b = store.getValue(bias, x.getDevice(), training);
        NDArray q = weight.value(store, x, training);
        try {
            Fold.requireActivations(x.getShape(), q.getShape().get(1));
            NDList parameters = b == null ? new NDList(q) : new NDList(q, b);
            return OrthogonalWeight.KERNELS.forward(
                    training, x.getManager(), "linear", x, parameters);
        } finally {
            weight.release(q);
        }
    }

    private static void requireActivations(Shape shape) {
        require(shape.dimension() > 1, "Activations must be [.., n], were %s", shape);
    }

    /**
     * {@return a copy of the effective matrix Q [p, n], for inference, inspection or another
     * framework}
     *
     * @param manager the manager of the result
     */
    public NDArray effectiveWeight(NDManager manager) {
        return weight.copy(manager);
    }

    @Override
    public Block materialise(NDManager manager) {
        OrthogonalLinear copy =
                builder()
                        .setUnits(units)
                        .optBias(bias != null)
                        .optParametrization(Parametrization.INITIAL)
                        .build();
        try (NDManager scratch = manager.newSubManager()) {
            copy.weight.beginWith(weight, scratch);
            if (bias != null) {
                OrthogonalWeight.beginWith(copy.bias, bias);
            }
            NDArray q = weight.copy(scratch);
            copy.initialize(manager, q.getDataType(), new Shape(1, q.getShape().get(1)));
            return copy;
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        requireActivations(inputShapes[0]);
        int last = inputShapes[0].dimension() - 1;
        return new Shape[] {inputShapes[0].slice(0, last).add(units)};
    }

    /** Builds an {@link OrthogonalLinear}. The bias is 0 at first. */
    public static final class Builder {

        private int units;
        private boolean bias = true;
        private NDArray weight;
        private Parametrization parametrization = Parametrization.RETRACTION;

        private Builder() {}

        /**
         * Sets the width of the output (required).
         *
         * @param units p, at least 1
         * @return this builder
         */
        public Builder setUnits(int units) {
            this.units = units;
            return this;
        }

        /**
         * Sets whether there is a bias. Default: true.
         *
         * @param bias whether there is one
         * @return this builder
         */
        public Builder optBias(boolean bias) {
            this.bias = bias;
            return this;
        }

        /**
         * Sets how the weight is kept orthogonal. Default: {@link Parametrization#RETRACTION}.
         *
         * @param parametrization the way
         * @return this builder
         */
        public Builder optParametrization(Parametrization parametrization) {
            this.parametrization = Objects.requireNonNull(parametrization, "parametrization");
            return this;
        }

        /**
         * Sets the matrix to begin with, or the orthonormal one that is nearest to it. Default: a
         * random one, uniformly distributed. Not with {@link Parametrization#HOUSEHOLDER}.
         *
         * @param weight Q [p, n], of full rank; it is read, and refused if it has another shape,
         *     when the layer is initialised
         * @return this builder
         */
        public Builder optInitialWeight(NDArray weight) {
            this.weight = weight;
            return this;
        }

        /** {@return the block, not yet initialised} Values out of their ranges are refused. */
        public OrthogonalLinear build() {
            requireAtLeast(1, "The number of units", units);
            return new OrthogonalLinear(this);
        }
    }
}
