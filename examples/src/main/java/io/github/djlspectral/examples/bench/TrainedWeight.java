package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.ParameterRouting;
import java.util.Arrays;
import java.util.List;

/**
 * A weight as an optimizer meets it, with a random gradient.
 *
 * @param id the parameter's id
 * @param value the weight, float32
 * @param gradient of the weight's shape, normal
 * @param hidden whether it is a hidden matrix, which spectral optimizers are for
 * @param routing says that it is several; null where it is one
 */
record TrainedWeight(
        String id, NDArray value, NDArray gradient, boolean hidden, ParameterRouting routing) {

    /** Returns one matrix of normal numbers; the shape is written as rows x columns. */
    static TrainedWeight matrix(NDManager manager, String shape) {
        Shape sides =
                new Shape(Arrays.stream(shape.split("x")).mapToLong(Long::parseLong).toArray());
        NDArray value = manager.randomNormal(sides);
        return new TrainedWeight("w", value, manager.randomNormal(sides), true, null);
    }

    /** Returns so many square matrices as one weight. */
    static List<TrainedWeight> fused(NDManager manager, int side, int blocks) {
        Linear layer = Linear.builder().setUnits((long) blocks * side).optBias(false).build();
        layer.freezeParameters(true);
        layer.initialize(manager, DataType.FLOAT32, new Shape(1, side));
        Parameter parameter = layer.getParameters().get("weight");
        ParameterRouting routing =
                ParameterRouting.of(layer).withSpectral("weight").withBlocks("weight", blocks);
        NDArray value = parameter.getArray();
        NDArray gradient = manager.randomNormal(value.getShape());
        return List.of(new TrainedWeight(parameter.getId(), value, gradient, true, routing));
    }

    /** Returns all weights of a new GPT-2. */
    static List<TrainedWeight> model(NDManager manager, Gpt2Config config) {
        Gpt2 gpt2 = Gpt2.builder().setConfig(config).build();
        gpt2.freezeParameters(true); // array operations cannot change what records a gradient
        gpt2.initialize(manager, DataType.FLOAT32, new Shape(1, 1));
        ParameterRouting routing = ParameterRouting.of(gpt2);
        return gpt2.getParameters().values().stream()
                .map(parameter -> of(manager, parameter, routing.isSpectral(parameter.getId())))
                .toList();
    }

    /** Returns the hidden matrices of a new GPT-2. */
    static List<TrainedWeight> hidden(NDManager manager, Gpt2Config config) {
        return model(manager, config).stream().filter(TrainedWeight::hidden).toList();
    }

    private static TrainedWeight of(NDManager manager, Parameter parameter, boolean hidden) {
        NDArray value = parameter.getArray();
        return new TrainedWeight(
                parameter.getId(), value, manager.randomNormal(value.getShape()), hidden, null);
    }

    /** Makes one step. */
    void update(Optimizer optimizer) {
        optimizer.update(id, value, gradient);
    }
}
