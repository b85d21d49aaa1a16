package io.github.djlspectral.examples.train;

import ai.djl.nn.Block;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.OptimizerState;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;

/**
 * A finished checkpoint.
 *
 * @param directory where it lies
 * @param contents what its JSON file says
 */
record Checkpoint(Path directory, Contents contents) {

    static final String MODEL = "model.safetensors";
    static final String OPTIMIZER = "optimizer.safetensors";
    static final String CONTENTS = "checkpoint.json";

    /**
     * The JSON file of a checkpoint. It holds no time, so that equal states give equal files.
     *
     * @param step the number of optimizer steps done
     * @param model the model's shape
     * @param sha256 the checksum of each other file, by name
     */
    record Contents(int step, Gpt2Config model, Map<String, String> sha256) {}

    int step() {
        return contents.step();
    }

    /** Makes the stored parameters the initial values of a model that is not yet initialised. */
    void initialize(Block model) {
        model().initialize(model);
    }

    /** Returns the stored parameters. */
    Safetensors weights() {
        return model().source();
    }

    private ModelFile model() {
        try {
            return ModelFile.open(directory.resolve(MODEL));
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + directory + " (" + e + ")", e);
        }
    }

    /** Gives an optimizer the stored state. */
    void restore(StatefulOptimizer optimizer, Block model) {
        try {
            OptimizerState.load(optimizer, model, directory.resolve(OPTIMIZER));
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + directory + " (" + e + ")", e);
        }
    }

    /**
     * Fails unless the checkpoint is of a model of this shape.
     *
     * @throws BadInputException if it is not
     */
    void requireModel(Gpt2Config expected) {
        if (!contents.model().equals(expected)) {
            throw new BadInputException(
                    directory
                            + " holds a model of another architecture: "
                            + contents.model()
                            + ", but this run needs "
                            + expected);
        }
    }
}
