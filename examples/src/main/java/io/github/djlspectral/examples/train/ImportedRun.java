package io.github.djlspectral.examples.train;

import io.github.djlspectral.hf.HuggingFaceGpt2;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Locale;

/** Makes a run of a checkpoint in the Hugging Face layout. */
public final class ImportedRun {

    private ImportedRun() {}

    /**
     * Writes a run whose only checkpoint, of step 0, holds the given parameters. It can be
     * evaluated, sampled, exported, and trained from with {@code --init}; as it was not trained
     * here, it cannot be resumed.
     *
     * @param from the checkpoint's directory, or its safetensors file
     * @param out the run's directory, which must not exist
     * @param messages receives what was found, for people
     * @throws BadInputException if the checkpoint cannot be used
     * @throws java.io.UncheckedIOException if the run exists or cannot be written
     */
    public static void write(Path from, Path out, PrintStream messages) {
        HuggingFaceGpt2 checkpoint = HuggingFaceGpt2.open(from);
        RunConfig config = RunConfig.imported(from, checkpoint.config());
        AtomicFiles.createFolder(
                out,
                partial -> {
                    RunDirectory files = new RunDirectory(partial);
                    files.create(config, checkpoint.tokenizer(), "");
                    files.checkpoints()
                            .write(
                                    0,
                                    checkpoint.config(),
                                    1,
                                    directory ->
                                            ModelFile.write(
                                                    0,
                                                    checkpoint.config(),
                                                    checkpoint::read,
                                                    directory.resolve(Checkpoint.MODEL)));
                });
        report(checkpoint, out, messages);
    }

    private static void report(HuggingFaceGpt2 checkpoint, Path out, PrintStream messages) {
        messages.printf(
                Locale.ROOT,
                "GPT-2 with %d layers, %d heads, width %d, context %d, tokenizer %s: %s%n",
                checkpoint.config().layers(),
                checkpoint.config().heads(),
                checkpoint.config().width(),
                checkpoint.config().contextLength(),
                checkpoint.tokenizer().name(),
                out);
        checkpoint.unused().forEach(name -> messages.println("not used: " + name));
    }
}
