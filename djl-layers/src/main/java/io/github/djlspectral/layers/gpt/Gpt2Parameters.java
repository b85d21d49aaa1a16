package io.github.djlspectral.layers.gpt;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.Initializer;
import ai.djl.training.initializer.NormalInitializer;
import java.util.ArrayList;
import java.util.List;

/** The parameters of a GPT-2, named, shaped and initialised as published. */
final class Gpt2Parameters {

    private static final float INITIAL_DEVIATION = 0.02f;

    private final Gpt2Config config;
    final Parameter tokenEmbedding;
    final Parameter positionEmbedding;
    // in the order that the native function takes them
    final List<List<Parameter>> layers = new ArrayList<>();
    final List<Parameter> finalNorm = new ArrayList<>();

    Gpt2Parameters(Gpt2Config config) {
        this.config = config;
        long width = config.width();
        tokenEmbedding = matrix("wte", config.vocabSize(), width, INITIAL_DEVIATION);
        positionEmbedding = matrix("wpe", config.contextLength(), width, INITIAL_DEVIATION);
        for (int i = 0; i < config.layers(); i++) {
            layers.add(layer("h." + i + "."));
        }
        addNorm(finalNorm, "ln_f");
    }

    /** The final normalisation followed by the tied head's matrix. */
    List<Parameter> head() {
        List<Parameter> head = new ArrayList<>(finalNorm);
        head.add(tokenEmbedding);
        return head;
    }

    private List<Parameter> layer(String prefix) {
        long width = config.width();
        // Each layer adds two projections to the residual stream, which keeps its variance.
        float residual = (float) (INITIAL_DEVIATION / Math.sqrt(2.0 * config.layers()));
        List<Parameter> layer = new ArrayList<>();
        addNorm(layer, prefix + "ln_1");
        addLinear(layer, prefix + "attn.c_attn", 3 * width, width, INITIAL_DEVIATION);
        addLinear(layer, prefix + "attn.c_proj", width, width, residual);
        addNorm(layer, prefix + "ln_2");
        addLinear(layer, prefix + "mlp.c_fc", 4 * width, width, INITIAL_DEVIATION);
        addLinear(layer, prefix + "mlp.c_proj", width, 4 * width, residual);
        return layer;
    }

    private void addNorm(List<Parameter> list, String name) {
        Shape width = new Shape(config.width());
        list.add(parameter(name + ".weight", Parameter.Type.GAMMA, Initializer.ONES, width));
        if (config.bias()) {
            list.add(parameter(name + ".bias", Parameter.Type.BETA, Initializer.ZEROS, width));
        }
    }

    private void addLinear(
            List<Parameter> list, String name, long outputs, long inputs, float deviation) {
        list.add(matrix(name, outputs, inputs, deviation));
        if (config.bias()) {
            Shape shape = new Shape(outputs);
            list.add(parameter(name + ".bias", Parameter.Type.BIAS, Initializer.ZEROS, shape));
        }
    }

    private static Parameter matrix(String name, long outputs, long inputs, float deviation) {
        return matrix(name, outputs, inputs, new NormalInitializer(deviation));
    }

    static Parameter matrix(String name, long outputs, long inputs, Initializer initializer) {
        Shape shape = new Shape(outputs, inputs);
        return parameter(name + ".weight", Parameter.Type.WEIGHT, initializer, shape);
    }

    private static Parameter parameter(
            String name, Parameter.Type type, Initializer initializer, Shape shape) {
        return Parameter.builder()
                .setName(name)
                .setType(type)
                .optInitializer(initializer)
                .optShape(shape)
                .build();
    }
}
