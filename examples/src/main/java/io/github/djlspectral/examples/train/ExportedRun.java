package io.github.djlspectral.examples.train;

import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.hf.HuggingFaceGpt2;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.nio.file.Path;

/** Makes a checkpoint in the Hugging Face layout of a run. */
public final class ExportedRun {

    private ExportedRun() {}

    /**
     * Writes a checkpoint of a run as {@code model.safetensors}, {@code config.json} and tokenizer
     * files.
     *
     * @param run the run's directory
     * @param step of the checkpoint to write; null for the newest
     * @param out the directory to write, which must not exist
     * @param type the type of the parameters in the file, a float
     * @param messages receives what was written, for people
     * @throws BadInputException if there is no run, or its checkpoint is damaged
     * @throws java.io.UncheckedIOException if the run cannot be read, or the directory cannot be
     *     written; it does not exist then
     */
    public static void write(
            Path run, Integer step, Path out, DataType type, PrintStream messages) {
        RunDirectory files = new RunDirectory(run);
        RunConfig.read(files.config()); // says that there is no run
        InitialModel model = InitialModel.ofRun(files, files.checkpoints().exactly(step));
        HuggingFaceGpt2.write(out, model.shape(), model.tokenizer(), model.weights(), type);
        messages.println(
                out
                        + ": "
                        + type.asSafetensors()
                        + ", Hugging Face layout, tokenizer "
                        + model.tokenizer().name());
        if (!model.shape().bias()) {
            messages.println("The model has no biases; those in the file are zero");
        }
    }
}
