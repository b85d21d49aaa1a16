package io.github.djlspectral.layers.gpt;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Embedding;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.LayerNorm;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The same model as {@link Gpt2}, without dropout, composed of DJL's stock blocks and array
 * operations: the oracle of its results in float64, and of its speed in float32.
 */
public final class ComposedGpt2 extends AbstractBlock {

    private final Gpt2Config config;
    private final UnaryOperator<NDArray> gelu;
    private final Parameter wte;
    private final Parameter wpe;
    private final List<Layer> layers = new ArrayList<>();
    private final LayerNorm finalNorm;

    /**
     * Creates the block.
     *
     * @param config the shape of the model
     * @param gelu {@link #tanhGelu} for the published model; DJL's own is the exact form
     */
    public ComposedGpt2(Gpt2Config config, UnaryOperator<NDArray> gelu) {
        this.config = config;
        this.gelu = gelu;
        wte = addParameter(table("wte", config.vocabSize()));
        wpe = addParameter(table("wpe", config.contextLength()));
        for (int i = 0; i < config.layers(); i++) {
            layers.add(new Layer());
        }
        finalNorm = norm("ln_f");
    }

    static NDArray tanhGelu(NDArray x) {
        NDArray inner = x.add(x.pow(3).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
        return x.mul(inner.tanh().add(1)).mul(0.5);
    }

    /** The trainable parameters, in the order of {@link Gpt2}'s. */
    List<Parameter> trainable() {
        List<Parameter> list = new ArrayList<>(List.of(wte, wpe));
        for (Block child : getChildren().values()) {
            list.addAll(child.getParameters().values());
        }
        list.removeIf(parameter -> !parameter.requiresGradient());
        return list;
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray tokens = inputs.singletonOrThrow();
        long length = tokens.getShape().get(1);
        NDArray table = store.getValue(wte, tokens.getDevice(), training);
        NDArray positions = store.getValue(wpe, tokens.getDevice(), training);
        NDArray x = Embedding.embedding(tokens, table, SparseFormat.DENSE).singletonOrThrow();
        try (NDArray first = positions.get(new NDIndex(":{}", length))) {
            x = x.add(first); // which would else stay with the parameter's manager
        }
        NDArray mask = causalMask(x, length);
        for (Layer layer : layers) {
            x = layer.forward(store, x, mask, training);
        }
        x = apply(finalNorm, store, x, training);
        return Linear.linear(x, table);
    }

    private static NDArray causalMask(NDArray like, long length) {
        NDArray index = like.getManager().arange((int) length);
        return index.reshape(length, 1)
                .lt(index.reshape(1, length))
                .toType(like.getDataType(), false)
                .mul(-1e9);
    }

    private final class Layer {
        private final LayerNorm norm1 = norm("ln_1");
        private final Linear queryKeyValue = linear("c_attn", 3 * config.width());
        private final Linear attentionProjection = linear("c_proj", config.width());
        private final LayerNorm norm2 = norm("ln_2");
        private final Linear widen = linear("c_fc", 4 * config.width());
        private final Linear narrow = linear("c_proj", config.width());

        NDArray forward(ParameterStore store, NDArray x, NDArray mask, boolean training) {
            NDArray attended =
                    attention(
                            apply(queryKeyValue, store, apply(norm1, store, x, training), training),
                            mask);
            x = x.add(apply(attentionProjection, store, attended, training));
            NDArray hidden = apply(widen, store, apply(norm2, store, x, training), training);
            return x.add(apply(narrow, store, gelu.apply(hidden), training));
        }
    }

    private NDArray attention(NDArray queryKeyValue, NDArray mask) {
        long batch = queryKeyValue.getShape().get(0);
        long length = queryKeyValue.getShape().get(1);
        long size = config.width() / config.heads();
        NDArray[] heads = new NDArray[3];
        NDList parts = queryKeyValue.split(3, 2);
        for (int i = 0; i < 3; i++) {
            heads[i] =
                    parts.get(i)
                            .reshape(batch, length, config.heads(), size)
                            .transpose(0, 2, 1, 3)
                            .reshape(batch * config.heads(), length, size);
        }
        NDArray scores =
                heads[0].batchMatMul(heads[1].transpose(0, 2, 1)).div(Math.sqrt(size)).add(mask);
        return scores.softmax(-1)
                .batchMatMul(heads[2])
                .reshape(batch, config.heads(), length, size)
                .transpose(0, 2, 1, 3)
                .reshape(batch, length, config.width());
    }

    private static NDArray apply(Block block, ParameterStore store, NDArray x, boolean training) {
        return block.forward(store, new NDList(x), training).singletonOrThrow();
    }

    private Parameter table(String name, long rows) {
        return Parameter.builder()
                .setName(name)
                .setType(Parameter.Type.WEIGHT)
                .optShape(new Shape(rows, config.width()))
                .build();
    }

    private LayerNorm norm(String name) {
        return addChildBlock(name, LayerNorm.builder().axis(2).optCenter(config.bias()).build());
    }

    private Linear linear(String name, long units) {
        return addChildBlock(name, Linear.builder().setUnits(units).optBias(config.bias()).build());
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        Shape narrow = inputShapes[0].add(config.width());
        Shape wide = inputShapes[0].add(4L * config.width());
        for (Layer layer : layers) {
            for (Block child :
                    List.of(
                            layer.norm1,
                            layer.queryKeyValue,
                            layer.attentionProjection,
                            layer.norm2,
                            layer.widen)) {
                child.initialize(manager, dataType, narrow);
            }
            layer.narrow.initialize(manager, dataType, wide);
        }
        finalNorm.initialize(manager, dataType, narrow);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {inputShapes[0].add(config.vocabSize())};
    }

    /**
     * Makes this model start from a copy of the other's weights, in the type it is initialised in.
     */
    void startFrom(Gpt2 model) {
        List<Parameter> from = model.getParameters().values();
        List<Parameter> to = trainable();
        for (int i = 0; i < to.size(); i++) {
            NDArray value = from.get(i).getArray();
            to.get(i)
                    .setInitializer(
                            (manager, shape, type) -> {
                                NDArray copy = value.toType(type, true);
                                copy.attach(manager);
                                return copy;
                            });
        }
    }
}
