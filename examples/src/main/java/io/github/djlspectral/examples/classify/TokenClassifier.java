package io.github.djlspectral.examples.classify;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.NormalInitializer;
import ai.djl.util.PairList;
import io.github.djlspectral.examples.data.Mnist;
import io.github.djlspectral.layers.flow.AttentionFlow;
import io.github.djlspectral.torch.GraphConstants;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Digits [B, 1, 28, 28] in, logits [B, 10] out. Patches become tokens by a linear map, gain a
 * learnt vector for their position and are divided by their length; the mixer moves the tokens on
 * the unit sphere; a linear head reads their mean. All that looks at more than one patch is the
 * mixer.
 */
final class TokenClassifier extends AbstractBlock {

    private static final byte VERSION = 1;

    private final int patch;
    private final int width;
    private final int tokens;
    private final Block embedding;
    private final Parameter positions;
    private final Block mixer;
    private final Block head;

    TokenClassifier(Mixer mixer, ClassifierExperiment.Settings settings) {
        super(VERSION);
        patch = settings.patch();
        width = settings.width();
        tokens = settings.tokens();
        embedding = addChildBlock("embedding", Linear.builder().setUnits(width).build());
        positions =
                addParameter(
                        Parameter.builder()
                                .setName("position_embedding")
                                .setType(Parameter.Type.WEIGHT)
                                .optShape(new Shape(tokens, width))
                                .optInitializer(
                                        new NormalInitializer((float) (1 / Math.sqrt(width))))
                                .build());
        this.mixer = addChildBlock("mixer", mixer.block(settings));
        head = addChildBlock("head", Linear.builder().setUnits(Mnist.CLASSES).build());
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore parameterStore,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray embedded = embed(parameterStore, inputs.singletonOrThrow(), training);
        NDList mixed = mixer.forward(parameterStore, new NDList(embedded), training);
        NDArray mean = mixed.singletonOrThrow().mean(new int[] {1});
        return head.forward(
                parameterStore, new NDList(GraphConstants.times(mean, Math.sqrt(width))), training);
    }

    /** Returns the tokens before the mixer, unit vectors [B, n, d]. */
    NDArray embed(ParameterStore parameterStore, NDArray images, boolean training) {
        NDArray patches = patches(images, patch);
        NDArray x =
                embedding.forward(parameterStore, new NDList(patches), training).singletonOrThrow();
        NDArray places = parameterStore.getValue(positions, images.getDevice(), training);
        return unit(x.add(places));
    }

    Block mixer() {
        return mixer;
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        embedding.initialize(manager, dataType, new Shape(1, tokens, (long) patch * patch));
        mixer.initialize(manager, dataType, new Shape(1, tokens, width));
        head.initialize(manager, dataType, new Shape(1, width));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {new Shape(inputShapes[0].get(0), Mnist.CLASSES)};
    }

    /** Divides each token by its length. */
    static NDArray unit(NDArray x) {
        return x.div(x.square().sum(new int[] {-1}, true).sqrt());
    }

    /**
     * Cuts images into square patches.
     *
     * @param images [B, 1, side, side]
     * @param patch the height and width of a patch, a divisor of the side
     * @return [B, (side / patch)^2, patch^2]
     */
    static NDArray patches(NDArray images, int patch) {
        long batch = images.getShape().get(0);
        long across = images.getShape().get(2) / patch;
        return images.reshape(batch, across, patch, across, patch)
                .transpose(0, 1, 3, 2, 4)
                .reshape(batch, across * across, (long) patch * patch);
    }

    /** What lets the tokens of a classifier see each other. Both have d x d parameters per head. */
    enum Mixer {
        /** Attention as a gradient flow, with weights of its own for each step. */
        FLOW("attention flow"),
        /** Ordinary attention: as many layers as the flow has steps. */
        ATTENTION("ordinary attention");

        /**
         * A step of the flow has a matrix per head, a layer Q, K, V and O: with four they are
         * equal.
         */
        static final int HEADS = 4;

        private final String label;

        Mixer(String label) {
            this.label = label;
        }

        Block block(ClassifierExperiment.Settings settings) {
            return switch (this) {
                case FLOW ->
                        AttentionFlow.builder()
                                .setDimension(settings.width())
                                .setHeads(HEADS)
                                .setSteps(settings.depth())
                                .setStepSize(settings.stepSize())
                                .build();
                case ATTENTION -> new SelfAttention(settings.width(), HEADS, settings.depth());
            };
        }

        /** Names it to people. */
        String label() {
            return label;
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * Layers of ordinary multi-head self-attention: {@code x <- x + O attention(Q h, K h, V h)}, h
     * the token x divided by its root mean square. Without biases and gains, so that a layer has
     * exactly the 4 d x d parameters of a flow's step with four heads.
     *
     * <p>Unit vectors [B, n, d] in and out, as in a flow; in between lengths are free.
     */
    static final class SelfAttention extends AbstractBlock {

        private static final String[] MATRICES = {"query", "key", "value", "output"};

        private final int dimension;
        private final int heads;
        private final List<Parameter[]> layers = new ArrayList<>();

        SelfAttention(int dimension, int heads, int depth) {
            super(VERSION);
            this.dimension = dimension;
            this.heads = heads;
            for (int layer = 0; layer < depth; layer++) {
                Parameter[] matrices = new Parameter[MATRICES.length];
                for (int i = 0; i < MATRICES.length; i++) {
                    matrices[i] = matrix("layer." + layer + "." + MATRICES[i] + ".weight", depth);
                }
                layers.add(matrices);
            }
        }

        /** The output matrices begin smaller, as in GPT-2: their sum then keeps its variance. */
        private Parameter matrix(String name, int depth) {
            double deviation = 1 / Math.sqrt(dimension);
            if (name.contains("output")) {
                deviation /= Math.sqrt(depth);
            }
            return addParameter(
                    Parameter.builder()
                            .setName(name)
                            .setType(Parameter.Type.WEIGHT)
                            .optShape(new Shape(dimension, dimension))
                            .optInitializer(new NormalInitializer((float) deviation))
                            .build());
        }

        @Override
        protected NDList forwardInternal(
                ParameterStore parameterStore,
                NDList inputs,
                boolean training,
                PairList<String, Object> params) {
            NDArray x = GraphConstants.times(inputs.singletonOrThrow(), Math.sqrt(dimension));
            for (Parameter[] layer : layers) {
                NDArray h = GraphConstants.times(unit(x), Math.sqrt(dimension));
                NDArray[] projected = new NDArray[MATRICES.length - 1];
                for (int i = 0; i < projected.length; i++) {
                    projected[i] = split(h.matMul(value(parameterStore, layer[i], h, training)));
                }
                NDArray mixed = merge(attention(projected[0], projected[1], projected[2]));
                NDArray output = value(parameterStore, layer[projected.length], h, training);
                x = x.add(mixed.matMul(output));
            }
            return new NDList(unit(x));
        }

        private static NDArray value(
                ParameterStore parameterStore, Parameter parameter, NDArray x, boolean training) {
            return parameterStore.getValue(parameter, x.getDevice(), training);
        }

        /** softmax(Q K^T / sqrt(d / heads)) V, all [B, heads, n, d / heads]. */
        private NDArray attention(NDArray query, NDArray key, NDArray value) {
            double scale = Math.sqrt((double) heads / dimension);
            NDArray scores = GraphConstants.times(query.matMul(key.transpose(0, 1, 3, 2)), scale);
            return scores.softmax(-1).matMul(value);
        }

        private NDArray split(NDArray x) {
            Shape shape = x.getShape();
            return x.reshape(shape.get(0), shape.get(1), heads, dimension / heads)
                    .transpose(0, 2, 1, 3);
        }

        private NDArray merge(NDArray x) {
            Shape shape = x.getShape();
            return x.transpose(0, 2, 1, 3).reshape(shape.get(0), shape.get(2), dimension);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return new Shape[] {inputShapes[0]};
        }
    }
}
