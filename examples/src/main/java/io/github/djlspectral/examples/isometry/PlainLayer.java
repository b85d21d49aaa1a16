package io.github.djlspectral.examples.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import java.util.function.UnaryOperator;

/** A linear map and an activation: layers to compare with. */
final class PlainLayer extends AbstractBlock {

    private static final byte VERSION = 1;

    private final Block map;
    private final UnaryOperator<NDArray> activation;

    private PlainLayer(Block map, UnaryOperator<NDArray> activation) {
        super(VERSION);
        this.activation = activation;
        this.map = addChildBlock("map", map);
    }

    /** relu(W x + b). */
    static PlainLayer relu(Block map) {
        return new PlainLayer(map, Activation::relu);
    }

    /** tanh(W x + b). */
    static PlainLayer tanh(Block map) {
        return new PlainLayer(map, NDArray::tanh);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore parameterStore,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray z = map.forward(parameterStore, inputs, training).singletonOrThrow();
        return new NDList(activation.apply(z));
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        map.initialize(manager, dataType, inputShapes);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return map.getOutputShapes(inputShapes);
    }
}
