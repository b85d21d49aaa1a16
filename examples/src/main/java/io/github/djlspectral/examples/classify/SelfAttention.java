package io.github.djlspectral.examples.classify;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.NormalInitializer;
import ai.djl.util.PairList;
import io.github.djlspectral.torch.GraphConstants;
import java.util.ArrayList;
import java.util.List;

/**
 * Layers of ordinary multi-head self-attention: {@code x <- x + O attention(Q h, K h, V h)}, h the
 * token x divided by its root mean square. Without biases and gains, so that a layer has exactly
 * the 4 d x d parameters of a flow's step with four heads.
 *
 * <p>Unit vectors [B, n, d] in and out, as in a flow; in between lengths are free.
 */
final class SelfAttention extends AbstractBlock {

    private static final byte VERSION = 1;
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
            NDArray h = GraphConstants.times(Tokens.unit(x), Math.sqrt(dimension));
            NDArray[] projected = new NDArray[MATRICES.length - 1];
            for (int i = 0; i < projected.length; i++) {
                projected[i] = split(h.matMul(value(parameterStore, layer[i], h, training)));
            }
            NDArray mixed = merge(attention(projected[0], projected[1], projected[2]));
            NDArray output = value(parameterStore, layer[projected.length], h, training);
            x = x.add(mixed.matMul(output));
        }
        return new NDList(Tokens.unit(x));
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
