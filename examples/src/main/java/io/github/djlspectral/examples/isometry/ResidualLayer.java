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
import io.github.djlspectral.torch.GraphConstants;

/** The residual layer of everyday, {@code x + scale (V relu(W x + b) + c)}. */
final class ResidualLayer extends AbstractBlock {

    private static final byte VERSION = 1;

    private final Block first;
    private final Block second;
    private final double scale;

    /**
     * Describes the layer.
     *
     * @param first W and b, which keep the shape
     * @param second V and c, too
     */
    ResidualLayer(Block first, Block second, double scale) {
        super(VERSION);
        this.first = addChildBlock("first", first);
        this.second = addChildBlock("second", second);
        this.scale = scale;
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore parameterStore,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray x = inputs.singletonOrThrow();
        NDArray z = first.forward(parameterStore, inputs, training).singletonOrThrow();
        NDList hidden = new NDList(Activation.relu(z));
        NDArray branch = second.forward(parameterStore, hidden, training).singletonOrThrow();
        return new NDList(x.add(GraphConstants.times(branch, scale)));
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
