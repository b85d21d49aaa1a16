package io.github.djlspectral.layers.gpt;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.torch.Host;
import io.github.djlspectral.torch.TorchScript;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/** Calls the functions of {@code gpt2.py} as a model's shape, format and adapters want them. */
final class Gpt2Functions {

    final Gpt2Config config;
    private final Precision precision;
    Lora lora; // null without adapters

    Gpt2Functions(Gpt2Config config, Precision precision) {
        this.config = config;
        this.precision = precision;
    }

    /**
     * Calls a function of arrays, parameters and others.
     *
     * @param parameters makes the list, with what it needs of a manager on the host that is closed
     */
    NDArray call(
            boolean training,
            String function,
            NDArray input,
            Function<NDManager, NDList> parameters,
            NDArray... others) {
        NDManager manager = input.getManager();
        try (NDManager host = manager.newSubManager(Device.cpu())) {
            NDList list = parameters.apply(host);
            boolean drops = function.equals("layer") || function.equals("embed");
            if (drops && training && config.dropout() != 0) {
                // A constant would be compiled for each value.
                list.add(host.create(Double.parseDouble(Float.toString(config.dropout()))));
            }
            Object[] arguments = Stream.concat(Stream.of(list), Stream.of(others)).toArray();
            return format(manager)
                    .kernels(config, training, lora)
                    .forward(training, manager, function, input, arguments)
                    .singletonOrThrow();
        }
    }

    TorchScript forDecoding(NDManager manager) {
        return format(manager).withoutRounding().kernels(config, false, lora);
    }

    /** Determines the random numbers of the device from here on, and nothing of Java's. */
    void seed(NDManager manager, long seed) {
        format(manager).kernels(config, true, lora).call(manager, "seed", seed);
    }

    /** Adds what an adapter adds to the weight itself. */
    void merge(NDArray weight, NDArray a, NDArray b) {
        NDManager manager = weight.getManager();
        format(manager).kernels(config, false, lora).call(manager, "merge", weight, a, b);
    }

    private ProductFormat format(NDManager manager) {
        return ProductFormat.of(precision, manager.getDevice());
    }

    static NDList values(
            ParameterStore parameterStore,
            List<Parameter> parameters,
            NDArray tokens,
            boolean training) {
        NDList values = new NDList(parameters.size());
        for (Parameter parameter : parameters) {
            values.add(parameterStore.getValue(parameter, tokens.getDevice(), training));
        }
        return values;
    }

    /** The targets that count and their rows, none if all do. */
    static NDList counted(NDArray targets, long[] rows) {
        NDManager manager = targets.getManager();
        NDArray chosen = Host.create(manager, rows, new Shape(rows.length));
        try (NDArray flat = targets.flatten()) {
            return new NDList(rows.length == 0 ? flat.duplicate() : flat.gather(chosen, 0), chosen);
        }
    }
}
