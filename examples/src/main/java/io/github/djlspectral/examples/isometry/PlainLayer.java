package io.github.djlspectral.examples.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.core.Linear;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import java.util.function.UnaryOperator;

/** A linear map [B, n] to [B, n] and an activation: layers to compare with. */
final class PlainLayer extends AbstractBlock {

    private static final byte VERSION = 1;

    private final Block linear;
    private final UnaryOperator<NDArray> activation;

    private PlainLayer(int width, Initializer weights, UnaryOperator<NDArray> activation) {
        super(VERSION);
        this.activation = activation;
        Linear.Builder builder = Linear.builder().setUnits(width);
        linear = addChildBlock("linear", builder.build());
        linear.setInitializer(weights, "weight");
    }

    /** relu(W x + b). */
    static PlainLayer relu(int width, Initializer weights) {
        return new PlainLayer(width, weights, z -> NDArrays.maximum(z, 0));
    }

    /** tanh(W x + b). */
    static PlainLayer tanh(int width, Initializer weights) {
        return new PlainLayer(width, weights, z -> z.tanh());
    }

    /** W x + b. */
    static PlainLayer linear(int width, Initializer weights) {
        return new PlainLayer(width, weights, z -> z);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore parameterStore,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray z = linear.forward(parameterStore, inputs, training).singletonOrThrow();
        return new NDList(activation.apply(z));
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        linear.initialize(manager, dataType, inputShapes);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0]};
    }
}
