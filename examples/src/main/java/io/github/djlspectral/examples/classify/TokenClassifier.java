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

    /** A step of the flow has a matrix per head, a layer Q, K, V and O: with 4 as many. */
    static final int HEADS = 4;

    final Block mixer;

    private final int patch;
    private final int width;
    private final Block embedding;
    private final Parameter positions;
    private final Block head;

    TokenClassifier(Mixer mixer, ClassifyCommand options) {
        patch = options.patch;
        width = options.width;
        int across = Mnist.SIDE / patch;
        embedding = addChildBlock("embedding", Linear.builder().setUnits(width).build());
        Shape shape = new Shape(across * across, width);
        positions = addParameter(weight("position_embedding", shape, 1 / Math.sqrt(width)));
        AttentionFlow.Builder flow = AttentionFlow.builder().setDimension(width).setHeads(HEADS);
        Block mix =
                mixer == Mixer.ATTENTION
                        ? new SelfAttention(width, options.depth)
                        : flow.setSteps(options.depth).setStepSize(options.stepSize).build();
        this.mixer = addChildBlock("mixer", mix);
        head = addChildBlock("head", Linear.builder().setUnits(Mnist.CLASSES).build());
    }

    private static Parameter weight(String name, Shape shape, double deviation) {
        return Parameter.builder()
                .setName(name)
                .setType(Parameter.Type.WEIGHT)
                .optShape(shape)
                .optInitializer(new NormalInitializer((float) deviation))
                .build();
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store, NDList inputs, boolean training, PairList<String, Object> more) {
        NDArray embedded = embed(store, inputs.singletonOrThrow(), training);
        NDList mixed = mixer.forward(store, new NDList(embedded), training);
        NDArray mean = mixed.singletonOrThrow().mean(new int[] {1});
        NDArray scaled = GraphConstants.times(mean, Math.sqrt(width));
        return head.forward(store, new NDList(scaled), training);
    }

    /** Returns the tokens before the mixer, unit vectors [B, n, d]. */
    NDArray embed(ParameterStore store, NDArray images, boolean training) {
        NDList patches = new NDList(patches(images, patch));
        NDArray x = embedding.forward(store, patches, training).singletonOrThrow();
        return unit(x.add(store.getValue(positions, images.getDevice(), training)));
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        long tokens = positions.getShape().get(0);
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

    /** Cuts images [B, 1, side, side] into squares, [B, (side / patch)^2, patch^2]. */
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

        final String label;

        Mixer(String label) {
            this.label = label;
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * Layers of ordinary multi-head self-attention: {@code x <- x + O attention(Q h, K h, V h)},
     * where attention is {@code softmax(Q K^T / sqrt(d / heads)) V} and h the token x divided by
     * its root mean square. Without biases and gains, so that a layer has exactly the 4 d x d
     * parameters of a flow's step with four heads.
     *
     * <p>Unit vectors [B, n, d] in and out, as in a flow; in between lengths are free.
     */
    static final class SelfAttention extends AbstractBlock {

        private static final List<String> MATRICES = List.of("query", "key", "value", "output");

        private final int width;

        SelfAttention(int width, int depth) {
            this.width = width;
            for (int layer = 0; layer < depth; layer++) {
                for (String matrix : MATRICES) {
                    String name = "layer." + layer + "." + matrix + ".weight";
                    // smaller outputs, as in GPT-2: the sum of the layers then keeps its variance
                    double layers = matrix.equals("output") ? depth : 1;
                    double deviation = 1 / Math.sqrt(width) / Math.sqrt(layers);
                    addParameter(weight(name, new Shape(width, width), deviation));
                }
            }
        }

        @Override
        protected NDList forwardInternal(
                ParameterStore store,
                NDList inputs,
                boolean training,
                PairList<String, Object> params) {
            double root = Math.sqrt(width);
            double scale = Math.sqrt((double) HEADS / width);
            NDArray x = GraphConstants.times(inputs.singletonOrThrow(), root);
            List<NDArray> weights = new ArrayList<>();
            for (Parameter matrix : getDirectParameters().values()) {
                weights.add(store.getValue(matrix, x.getDevice(), training));
            }
            for (int i = 0; i < weights.size(); i += MATRICES.size()) {
                NDArray h = GraphConstants.times(unit(x), root);
                NDArray query = split(h.matMul(weights.get(i)));
                NDArray key = split(h.matMul(weights.get(i + 1)));
                NDArray value = split(h.matMul(weights.get(i + 2)));
                NDArray scores = query.matMul(key.transpose(0, 1, 3, 2));
                NDArray shares = GraphConstants.times(scores, scale).softmax(-1);
                NDArray mixed = shares.matMul(value).transpose(0, 2, 1, 3).reshape(h.getShape());
                x = x.add(mixed.matMul(weights.get(i + 3)));
            }
            return new NDList(unit(x));
        }

        /** [B, n, d] to [B, heads, n, d / heads]. */
        private NDArray split(NDArray x) {
            long batch = x.getShape().get(0);
            return x.reshape(batch, -1, HEADS, width / HEADS).transpose(0, 2, 1, 3);
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return inputShapes;
        }
    }
}
