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

/** The residual layer of everyday, {@code x + scale V relu(W x + b) + c}, [B, n] to [B, n]. */
final class ResidualLayer extends AbstractBlock {

    private static final byte VERSION = 1;

    private final Block first;
    private final Block second;
    private final double scale;

    /**
     * Describes the layer.
     *
     * @param inner initial values of W
     * @param outer of V
     */
    ResidualLayer(int width, Initializer inner, Initializer outer, double scale) {
        super(VERSION);
        this.scale = scale;
        first = addChildBlock("first", Linear.builder().setUnits(width).build());
        first.setInitializer(inner, "weight");
        second = addChildBlock("second", Linear.builder().setUnits(width).build());
        second.setInitializer(outer, "weight");
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore parameterStore,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray x = inputs.singletonOrThrow();
        NDArray z = first.forward(parameterStore, inputs, training).singletonOrThrow();
        NDList hidden = new NDList(NDArrays.maximum(z, 0));
        NDArray branch = second.forward(parameterStore, hidden, training).singletonOrThrow();
        return new NDList(x.add(branch.mul(scale)));
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        first.initialize(manager, dataType, inputShapes);
        second.initialize(manager, dataType, inputShapes);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0]};
    }
}
