package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.hf.HuggingFaceGpt2;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * A model that training starts from or that goes elsewhere, and nothing of how it was trained: a
 * run of ours, or a checkpoint in the Hugging Face layout. Its weights are read by their names.
 */
public record Exchange(
        Path path, Gpt2Config shape, Tokenizer tokenizer, Function<String, float[]> weights) {

    /** Finds a run, or a Hugging Face directory or file; the parameters are read later. */
    static Exchange open(Path path) {
        Checkpoints checkpoints = new RunDirectory(path).checkpoints();
        if (Files.isDirectory(checkpoints.directory())) {
            return ofRun(path, checkpoints.required());
        }
        HuggingFaceGpt2 other = HuggingFaceGpt2.open(path);
        return new Exchange(path, other.config(), other.tokenizer(), other::read);
    }

    private static Exchange ofRun(Path path, Checkpoints.Checkpoint checkpoint) {
        RunDirectory run = new RunDirectory(path);
        Gpt2Config shape = run.config().model();
        checkpoint.requireModel(shape);
        return new Exchange(path, shape, run.tokenizer(), checkpoint.weights());
    }

    /** Returns the options that give a model this shape. */
    List<String> arguments(Tokenizer chosen) {
        return List.of(
                "--tokenizer=" + chosen.name(),
                "--vocab-size=" + shape.vocabSize(),
                "--layers=" + shape.layers(),
                "--heads=" + shape.heads(),
                "--width=" + shape.width(),
                "--context=" + shape.contextLength(),
                "--bias=" + shape.bias());
    }

    /** Returns the tokenizer for texts to train on: GPT-2's may find documents in them. */
    Tokenizer tokenizer(TrainingOptions options) {
        return options.tokenizer == Tokenization.GPT2_EOT && tokenizer.tokenization().isGpt2()
                ? Tokenization.GPT2_EOT.tokenizerFor("").withEndOfText(tokenizer.endOfText())
                : tokenizer;
    }

    /** Fails if options ask for another model, naming the option. */
    void require(TrainingOptions options) {
        Map<String, Object> given = options.values();
        for (String own : arguments(tokenizer(options))) {
            String[] option = own.split("=");
            unless(
                    given.get(option[0]).toString().equals(option[1]),
                    "%s is %s, but the model of --init %s has %s: leave the option out",
                    option[0],
                    given.get(option[0]),
                    path,
                    option[1]);
        }
    }

    /**
     * Writes a checkpoint of a run as {@code model.safetensors}, {@code config.json} and tokenizer
     * files into a directory that must not exist, and does not if this fails.
     *
     * @param step of the checkpoint to write; null for the newest
     */
    static void exportRun(Path run, Integer step, Path out, DataType type, PrintStream messages) {
        RunDirectory files = new RunDirectory(run);
        files.config(); // says that there is no run
        Exchange model = ofRun(run, files.checkpoints().exactly(step));
        HuggingFaceGpt2.write(out, model.shape, model.tokenizer, model.weights, type);
        messages.printf(
                "%s: %s, Hugging Face layout, tokenizer %s%n",
                out, type.asSafetensors(), model.tokenizer.name());
        if (!model.shape.bias()) {
            messages.println("The model has no biases; those in the file are zero");
        }
    }

    /**
     * Writes a run whose only checkpoint, of step 0, holds the given parameters. It can be
     * evaluated, sampled, exported, and trained from with {@code --init}; as it was not trained
     * here, it cannot be resumed.
     */
    static void importRun(Path from, Path out, PrintStream messages) {
        HuggingFaceGpt2 other = HuggingFaceGpt2.open(from);
        Gpt2Config shape = other.config();
        RunDirectory.Config config = RunDirectory.Config.imported(from, shape);
        AtomicFiles.createFolder(
                out,
                partial -> {
                    RunDirectory run = new RunDirectory(partial);
                    run.create(config, other.tokenizer());
                    run.checkpoints().write(0, shape, 1, other::read, folder -> {});
                });
        messages.printf(
                "GPT-2 with %s layers, %s heads, width %s, context %s, tokenizer %s: %s%n",
                shape.layers(),
                shape.heads(),
                shape.width(),
                shape.contextLength(),
                other.tokenizer().name(),
                out);
        other.unused().forEach(name -> messages.println("not used: " + name));
    }

    /** The command that exports. */
    @Command(
            name = "export",
            description = "Writes a run's checkpoint in the layout of Hugging Face's GPT-2.")
    public static final class ExportCommand implements Runnable {

        /** The formats by the names that safetensors gives them. */
        enum Format {
            F32,
            F64,
            F16,
            BF16
        }

        @Option(names = "--run", required = true, paramLabel = "<dir>", description = "The run.")
        private Path run;

        @Option(
                names = "--out",
                required = true,
                paramLabel = "<dir>",
                description = "The directory to write; must not exist.")
        private Path out;

        @Option(
                names = "--dtype",
                description = "Format of the parameters: ${COMPLETION-CANDIDATES}. Default: F32.")
        private Format format = Format.F32;

        @Option(
                names = "--step",
                paramLabel = "<n>",
                description =
                        "The checkpoint of this step. Default: the newest, which must be whole.")
        private Integer step;

        @Override
        public void run() {
            exportRun(run, step, out, DataType.fromSafetensors(format.name()), System.out);
        }
    }

    /** The command that imports. */
    @Command(
            name = "import",
            description = {
                "Makes a run of a GPT-2 from Hugging Face, for eval, generate, export, train"
                        + " --init.",
                "Needs config.json, model.safetensors or its shards, and vocab.json with"
                        + " merges.txt",
                "or tokenizer.json."
            })
    public static final class ImportCommand implements Runnable {

        @Option(
                names = "--from",
                required = true,
                paramLabel = "<dir>",
                description = "The checkpoint: its directory, or its safetensors file.")
        private Path from;

        @Option(
                names = "--out",
                required = true,
                paramLabel = "<dir>",
                description = "The run to write; must not exist.")
        private Path out;

        @Override
        public void run() {
            importRun(from, out, System.out);
        }
    }
}
