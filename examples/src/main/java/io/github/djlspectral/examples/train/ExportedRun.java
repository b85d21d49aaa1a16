package io.github.djlspectral.examples.train;

import io.github.djlspectral.examples.data.AtomicDirectory;
import io.github.djlspectral.hf.FloatFormat;
import io.github.djlspectral.hf.HuggingFaceCheckpoint;
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
     * @param format the format of the parameters
     * @param messages receives what was written, for people
     * @throws BadInputException if there is no run, its checkpoint is damaged, or the directory
     *     cannot be written; it does not exist then
     * @throws java.io.UncheckedIOException if the run cannot be read
     */
    public static void write(
            Path run, Integer step, Path out, FloatFormat format, PrintStream messages) {
        RunDirectory files = new RunDirectory(run);
        RunConfig.read(files.config()); // says that there is no run
        InitialModel model = InitialModel.ofRun(files, files.checkpoints().exactly(step));
        AtomicDirectory.write(
                out,
                directory ->
                        HuggingFaceCheckpoint.write(
                                directory,
                                model.shape(),
                                model.tokenizer(),
                                model.weights(),
                                format));
        messages.println(
                out
                        + ": "
                        + format
                        + ", Hugging Face layout, tokenizer "
                        + model.tokenizer().name());
        if (!model.shape().bias()) {
            messages.println("The model has no biases; those in the file are zero");
        }
    }
}
