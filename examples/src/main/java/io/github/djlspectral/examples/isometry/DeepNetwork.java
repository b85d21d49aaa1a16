package io.github.djlspectral.examples.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.djlspectral.torch.GraphConstants;
import java.util.function.UnaryOperator;

/**
 * Images [B, 1, side, side] in, logits [B, classes] out: every image brought to mean 0 and unit
 * root mean square, an embedding that keeps that scale at first, so that biases of the layers mean
 * the same for all, the layers, a linear head.
 */
final class DeepNetwork extends AbstractBlock {

    private static final byte VERSION = 1;
    private static final double LEAST_VARIANCE = 1e-6; // of an image of one grey

    private final Block embedding;
    private final SequentialBlock layers;
    private final Block head;

    DeepNetwork(Block embedding, SequentialBlock layers, int classes) {
        super(VERSION);
        this.embedding = addChildBlock("embedding", embedding);
        this.layers = addChildBlock("layers", layers);
        this.head = addChildBlock("head", Linear.builder().setUnits(classes).build());
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore parameterStore,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray state = embed(parameterStore, inputs.singletonOrThrow(), training);
        NDArray last =
                layers.forward(parameterStore, new NDList(state), training).singletonOrThrow();
        NDArray flat = last.reshape(last.getShape().get(0), -1);
        return head.forward(parameterStore, new NDList(flat), training);
    }

    /** Returns what the first layer gets. */
    NDArray embed(ParameterStore parameterStore, NDArray images, boolean training) {
        return embedding
                .forward(parameterStore, new NDList(standardized(images)), training)
                .singletonOrThrow();
    }

    private static NDArray standardized(NDArray images) {
        NDArray flat = images.reshape(images.getShape().get(0), -1);
        int[] pixels = {1};
        NDArray centred = flat.sub(flat.mean(pixels, true));
        NDArray variance = centred.square().mean(pixels, true);
        return centred.div(variance.add(LEAST_VARIANCE).sqrt()).reshape(images.getShape());
    }

    /** The layers between embedding and head. */
    SequentialBlock layers() {
        return layers;
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        embedding.initialize(manager, dataType, inputShapes);
        Shape[] states = embedding.getOutputShapes(inputShapes);
        layers.initialize(manager, dataType, states);
        head.initialize(manager, dataType, flat(layers.getOutputShapes(states)[0]));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape[] last = layers.getOutputShapes(embedding.getOutputShapes(inputShapes));
        return head.getOutputShapes(new Shape[] {flat(last[0])});
    }

    private static Shape flat(Shape states) {
        return new Shape(states.get(0), states.size() / states.get(0));
    }

    /** A linear map and an activation: layers to compare with. */
    static final class Plain extends AbstractBlock {

        private final Block map;
        private final UnaryOperator<NDArray> activation;

        private Plain(Block map, UnaryOperator<NDArray> activation) {
            super(VERSION);
            this.activation = activation;
            this.map = addChildBlock("map", map);
        }

        /** relu(W x + b). */
        static Plain relu(Block map) {
            return new Plain(map, Activation::relu);
        }

        /** tanh(W x + b). */
        static Plain tanh(Block map) {
            return new Plain(map, NDArray::tanh);
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

    /** The residual layer of everyday, {@code x + scale (V relu(W x + b) + c)}. */
    static final class Residual extends AbstractBlock {

        private final Block first;
        private final Block second;
        private final double scale;

        /**
         * Describes the layer.
         *
         * @param first W and b, which keep the shape
         * @param second V and c, too
         */
        Residual(Block first, Block second, double scale) {
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
}
