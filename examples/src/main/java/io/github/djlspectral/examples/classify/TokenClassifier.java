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
import io.github.djlspectral.torch.GraphConstants;

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

    TokenClassifier(Mixer mixer, ClassifierSettings settings) {
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
        NDArray patches = Tokens.patches(images, patch);
        NDArray x =
                embedding.forward(parameterStore, new NDList(patches), training).singletonOrThrow();
        NDArray places = parameterStore.getValue(positions, images.getDevice(), training);
        return Tokens.unit(x.add(places));
    }

    Block mixer() {
        return mixer;
    }

    /** The number of parameters once initialised. */
    long size() {
        return getParameters().values().stream()
                .mapToLong(parameter -> parameter.getShape().size())
                .sum();
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
}
