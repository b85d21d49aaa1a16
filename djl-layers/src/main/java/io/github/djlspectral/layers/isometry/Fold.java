package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.SelfDescribingBlock;
import io.github.djlspectral.torch.Host;
import io.github.djlspectral.torch.TorchScript;
import java.util.OptionalDouble;

/**
 * A layer [.., n] to [.., n] whose Jacobian is orthogonal almost everywhere: an orthogonal matrix
 * after mirror reflections of one side of some hyperplanes, whose normals are the orthonormal rows
 * of a matrix W [m, n]. Gradients keep their length exactly, at any depth. Isometry alone does not
 * make a deep network train: with many rows and bias 0 every layer folds half of space, and the
 * Jacobians of nearby inputs lose all resemblance after some tens of layers; a bias of about -2, or
 * few rows, folds less. Characterisation, proofs and measurements behind this class are the
 * project's own, after "Neural Networks with Orthogonal Jacobian", arXiv:2508.02882.
 */
public abstract class Fold extends SelfDescribingBlock implements IsometricLayer {

    final int width;
    final int rows;
    private final OrthogonalWeight weight;
    private final Parameter bias;
    private final OrthogonalWeight turn; // or null

    Fold(Builder<?> builder, int rows) {
        this(builder, rows, false, "parametrization", builder.parametrization);
    }

    /** A fold, or one that a learnt orthogonal matrix follows, with what else tells it. */
    Fold(Builder<?> builder, int rows, boolean turns, Object... settings) {
        super(settings);
        width = builder.width;
        this.rows = rows;
        weight = new OrthogonalWeight("", builder.parametrization, rows, width);
        weight.beginNear(builder.weight);
        weight.parameters().forEach(this::addParameter);
        bias = addParameter(builder.bias(rows));
        Parametrization way = builder.parametrization;
        turn = turns ? new OrthogonalWeight("turn_", way, width, width) : null;
        if (turns) {
            turn.parameters().forEach(this::addParameter);
        }
    }

    /** What is added, times W^T, as a function of the bias; null: nothing. */
    NDArray shift(NDArray bias) {
        return null;
    }

    /**
     * The native function, of activations, W, bias and shift if there is one. There is a second
     * one, {@code _cayley} after its name, that takes free entries and base in place of W.
     */
    abstract String function();

    @Override
    protected void prepare(Shape[] inputShapes) {
        requireActivations(inputShapes[0], width);
        weight.keepOrthonormal();
        if (turn != null) {
            turn.keepOrthonormal();
        }
    }

    @Override
    protected final NDList forwardOne(ParameterStore store, NDArray x, boolean training) {
        requireActivations(x.getShape(), width);
        NDArray b = store.getValue(bias, x.getDevice(), training);
        try (NDArray shift = TorchScript.withAutograd(training, () -> shift(b));
                NDList folded = folded(store, x, b, shift, training)) {
            if (turn == null) {
                return new NDList(folded.remove(0));
            }
            NDArray q = turn.value(store, x, training);
            try {
                return call("linear", folded.get(0), training, new NDList(q));
            } finally {
                turn.release(q);
            }
        }
    }

    private NDList folded(
            ParameterStore store, NDArray x, NDArray b, NDArray shift, boolean training) {
        NDList parameters = new NDList(b);
        if (shift != null) {
            parameters.add(shift);
        }
        if (weight.isBetterImplicit(x.size() / width)) {
            parameters.addAll(0, weight.factors(store, x, training));
            return call(function() + "_cayley", x, training, parameters.toArray());
        }
        NDArray w = weight.value(store, x, training);
        try {
            parameters.add(0, w);
            return call(function(), x, training, parameters.toArray());
        } finally {
            weight.release(w);
        }
    }

    private static NDList call(String function, NDArray x, boolean training, Object... parameters) {
        return OrthogonalWeight.KERNELS.forward(training, x.getManager(), function, x, parameters);
    }

    /**
     * {@return a copy of the effective matrix W [m, n], orthonormal rows, for inference, inspection
     * or another framework}
     *
     * @param manager the manager of the result
     */
    public NDArray effectiveWeight(NDManager manager) {
        return weight.copy(manager);
    }

    /** Whether z = W x + b is reflected where it is positive, rather than where it is negative. */
    boolean reflectsPositive() {
        return false;
    }

    @Override
    public final OptionalDouble foldRate(NDArray input) {
        try (NDManager scratch = input.getManager().newSubManager()) {
            NDArray x = input.stopGradient();
            x.attach(scratch);
            NDArray z = x.matMul(weight.copy(scratch).transpose()).add(bias.getArray());
            return share(reflectsPositive() ? z.gt(0) : z.lt(0));
        }
    }

    static OptionalDouble share(NDArray reflected) {
        NDArray mean = reflected.toType(DataType.FLOAT64, false).mean();
        return OptionalDouble.of(Host.read(mean, NDArray::getDouble));
    }

    /** Another layer of the same options. */
    abstract Fold with(Parametrization parametrization);

    @Override
    public final Fold materialise(NDManager manager) {
        Fold copy = with(Parametrization.INITIAL);
        try (NDManager scratch = manager.newSubManager()) {
            copy.weight.beginWith(weight, scratch);
            OrthogonalWeight.beginWith(copy.bias, bias);
            if (turn != null) {
                copy.turn.beginWith(turn, scratch);
            }
            copy.initialize(manager, bias.getArray().getDataType(), new Shape(1, width));
            return copy;
        }
    }

    static void requireActivations(Shape shape, long width) {
        int last = shape.dimension() - 1;
        boolean legal = last > 0 && shape.get(last) == width;
        require(legal, "Activations must be [.., %s], were %s", width, shape);
    }

    /**
     * Builds a {@link Fold}.
     *
     * @param <T> the concrete builder
     */
    public abstract static class Builder<T extends Builder<T>> extends LayerBuilder<T> {

        int width;
        private NDArray weight;

        Builder(float bias) {
            super(bias);
        }

        /**
         * Sets the width (required).
         *
         * @param width n, at least 1
         * @return this builder
         */
        public T setWidth(int width) {
            this.width = width;
            return self();
        }

        /**
         * Sets the matrix to begin with, or the orthonormal one that is nearest to it. Default: a
         * random one, uniformly distributed. Not with {@link Parametrization#HOUSEHOLDER}.
         *
         * @param weight W [m, n], of full rank; it is read, and refused if it has another shape,
         *     when the layer is initialised
         * @return this builder
         */
        public T optInitialWeight(NDArray weight) {
            this.weight = weight;
            return self();
        }

        final void check(int rows) {
            requireAtLeast(1, "The width", width);
            String rule = "The number of rows must be in [1, %s], more are not orthonormal, was %s";
            require(rows >= 1 && rows <= width, rule, width, rows);
            checkBias();
        }
    }

    /**
     * Builds a {@link Fold} along fewer hyperplanes than there are dimensions, if so wished.
     *
     * @param <T> the concrete builder
     */
    public abstract static class RowsBuilder<T extends RowsBuilder<T>> extends Builder<T> {

        private int rows;

        RowsBuilder(float bias) {
            super(bias);
        }

        final int rows() {
            return rows == 0 ? width : rows;
        }

        /**
         * Sets the number of hyperplanes to fold along. Default: the width.
         *
         * @param rows m, in [1, width]
         * @return this builder
         */
        public T optRows(int rows) {
            requireAtLeast(1, "The number of rows", rows);
            this.rows = rows;
            return self();
        }
    }
}
