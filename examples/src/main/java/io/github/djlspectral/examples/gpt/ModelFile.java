package io.github.djlspectral.examples.gpt;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.util.JsonUtils;
import ai.djl.util.Pair;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.io.SafetensorsWriter;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * A model's parameters in our checkpoints: float32 in a file of the safetensors format, with the
 * step and the model's shape in its metadata. They are read and written one at a time.
 */
final class ModelFile {

    private final Path path;
    private final Safetensors source;

    private ModelFile(Path path, Safetensors source) {
        this.path = path;
        this.source = source;
    }

    /** Writes all parameters of an initialised model after a step. */
    static void write(int step, Gpt2 model, Path path) {
        SafetensorsWriter writer = writer(step, model.getConfig());
        parameters(model).forEach((name, parameter) -> writer.add(name, parameter.getArray()));
        writer.write(path);
    }

    /** Writes parameters as those of a model are written. */
    static void write(int step, Gpt2Config shape, Function<String, float[]> weights, Path path) {
        SafetensorsWriter writer = writer(step, shape);
        parameters(Gpt2.builder().setConfig(shape).build())
                .forEach(
                        (name, parameter) ->
                                writer.add(
                                        name,
                                        parameter.getShape(),
                                        DataType.FLOAT32,
                                        () -> weights.apply(name)));
        writer.write(path);
    }

    private static SafetensorsWriter writer(int step, Gpt2Config shape) {
        String model = JsonUtils.GSON_COMPACT.toJson(shape);
        return new SafetensorsWriter(Map.of("step", String.valueOf(step), "model", model));
    }

    private static Map<String, Parameter> parameters(Block block) {
        Map<String, Parameter> parameters = new TreeMap<>();
        for (Pair<String, Parameter> parameter : block.getParameters()) {
            parameters.put(parameter.getKey(), parameter.getValue());
        }
        return parameters;
    }

    /** Reads the header of a file. */
    static ModelFile open(Path path) throws IOException {
        return new ModelFile(path, Safetensors.open(path));
    }

    /** Returns the file. */
    Safetensors source() {
        return source;
    }

    /**
     * Makes these arrays the initial values of a block's parameters.
     *
     * @throws BadInputException if the block has other parameters
     */
    void initialize(Block block) {
        Map<String, Parameter> parameters = parameters(block);
        BadInputException.unless(
                parameters.keySet().equals(source.names()),
                "%s holds a model of another architecture: it has %s parameters, this model %s",
                path,
                source.names().size(),
                parameters.size());
        parameters.forEach(
                (name, parameter) ->
                        parameter.setInitializer(
                                (manager, shape, type) -> read(name, manager, shape)));
    }

    /** Reads one array when its parameter is initialised. */
    private NDArray read(String name, NDManager manager, Shape shape) {
        BadInputException.unless(
                source.shape(name).equals(shape),
                "%s holds a model of another architecture: %s is %s there and %s in this model",
                path,
                name,
                source.shape(name),
                shape);
        return source.read(manager, name);
    }
}
