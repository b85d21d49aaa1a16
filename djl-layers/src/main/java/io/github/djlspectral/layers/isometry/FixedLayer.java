package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import java.util.function.UnaryOperator;

/** A named function of one array, without parameters. */
abstract class FixedLayer extends AbstractBlock {

    private static final byte VERSION = 1;

    final String name;
    final UnaryOperator<NDArray> map;
    private final UnaryOperator<Shape> outputs;

    FixedLayer(String name, UnaryOperator<Shape> outputs, UnaryOperator<NDArray> map) {
        super(VERSION);
        this.name = name;
        this.outputs = outputs;
        this.map = map;
    }

    /** Throws an IllegalArgumentException if the layer cannot take such an input. */
    abstract void check(Shape input);

    static void requireAtLeastTwo(String what, int value) {
        if (value < 2) {
            throw new IllegalArgumentException(what + " must be at least 2, was " + value);
        }
    }

    static void requireFinite(String what, double value) {
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException(what + " must be finite, was " + value);
        }
    }

    @Override
    protected final NDList forwardInternal(
            ParameterStore parameterStore,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray x = inputs.singletonOrThrow();
        check(x.getShape());
        return new NDList(map.apply(x));
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if the shape of the input does not suit the layer
     */
    @Override
    public final Shape[] getOutputShapes(Shape[] inputShapes) {
        check(inputShapes[0]);
        return new Shape[] {outputs.apply(inputShapes[0])};
    }

    @Override
    public final String toString() {
        return name;
    }
}
