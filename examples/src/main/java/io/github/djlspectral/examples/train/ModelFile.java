package io.github.djlspectral.examples.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.Initializer;
import io.github.djlspectral.hf.FloatFormat;
import io.github.djlspectral.hf.SafetensorsFile;
import io.github.djlspectral.hf.SafetensorsWriter;
import io.github.djlspectral.hf.TensorSource;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/**
 * A model's parameters, stored somewhere: in our checkpoints, float32 in a file of the safetensors
 * format. They are read and written one at a time.
 */
final class ModelFile {

    private final String origin;
    private final TensorSource source;

    /**
     * Takes parameters from anywhere.
     *
     * @param origin where they come from, for messages
     * @param source the parameters, named as the block's
     */
    ModelFile(String origin, TensorSource source) {
        this.origin = origin;
        this.source = source;
    }

    /** Writes all parameters of an initialised block. */
    static void write(Block block, Path path) throws IOException {
        write(new BlockTensors(block), path);
    }

    /** Writes parameters as those of a block are written. */
    static void write(TensorSource parameters, Path path) throws IOException {
        SafetensorsWriter.write(path, parameters, FloatFormat.F32, Map.of());
    }

    /** Reads the header of a file. */
    static ModelFile open(Path path) throws IOException {
        return new ModelFile(path.toString(), SafetensorsFile.open(path));
    }

    /** Returns the parameters. */
    TensorSource source() {
        return source;
    }

    /**
     * Makes these arrays the initial values of a block's parameters.
     *
     * @throws BadInputException if the block has other parameters
     */
    void initialize(Block block) {
        Map<String, Parameter> parameters = BlockTensors.parameters(block);
        if (!parameters.keySet().equals(source.names())) {
            throw new BadInputException(
                    origin
                            + " holds a model of another architecture: it has "
                            + source.names().size()
                            + " parameters, this model "
                            + parameters.size());
        }
        parameters.forEach((name, parameter) -> parameter.setInitializer(new Stored(name)));
    }

    /** Reads one array when its parameter is initialised. */
    private final class Stored implements Initializer {

        private final String name;

        Stored(String name) {
            this.name = name;
        }

        @Override
        public NDArray initialize(NDManager manager, Shape shape, DataType dataType) {
            Shape stored = source.shape(name);
            if (!stored.equals(shape)) {
                throw new BadInputException(
                        origin
                                + " holds a model of another architecture: "
                                + name
                                + " is "
                                + stored
                                + " there and "
                                + shape
                                + " in this model");
            }
            return manager.create(source.read(name), shape);
        }
    }
}
