package io.github.djlspectral.examples.gpt;

import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Block;
import io.github.djlspectral.hf.HuggingFaceGpt2;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * A model that training starts from or that goes elsewhere, and nothing of how it was trained: a
 * run of ours, or a checkpoint in the Hugging Face layout.
 *
 * @param path where it lies
 * @param shape its shape
 * @param tokenizer its tokenizer
 * @param weights gives the elements of each parameter by its name
 */
public record Exchange(
        Path path, Gpt2Config shape, Tokenizer tokenizer, Function<String, float[]> weights) {

    /**
     * Finds a model; its parameters are read later.
     *
     * @param path a run's directory, or the directory or safetensors file of a checkpoint
     * @throws BadInputException if there is none, or none that can be used
     */
    static Exchange open(Path path) {
        RunDirectory run = new RunDirectory(path);
        if (run.hasCheckpoints()) {
            return ofRun(run, run.checkpoints().required());
        }
        HuggingFaceGpt2 other = HuggingFaceGpt2.open(path);
        return new Exchange(path, other.config(), other.tokenizer(), other::read);
    }

    private static Exchange ofRun(RunDirectory run, Checkpoints.Checkpoint checkpoint) {
        Gpt2Config shape = RunConfig.read(run.config()).model();
        checkpoint.requireModel(shape);
        Tokenizer tokenizer = Tokenizer.load(run.tokenizer());
        return new Exchange(run.path(), shape, tokenizer, checkpoint.model().source()::read);
    }

    /** Returns the options that give a model this shape. */
    List<String> arguments() {
        return List.of(
                "--tokenizer=" + tokenizer.name(),
                "--layers=" + shape.layers(),
                "--heads=" + shape.heads(),
                "--width=" + shape.width(),
                "--context=" + shape.contextLength(),
                "--vocab-size=" + shape.vocabSize(),
                shape.bias() ? "--bias" : "--no-bias");
    }

    /** Returns the tokenizer for texts to train on: GPT-2's may find documents in them. */
    Tokenizer tokenizer(TrainingOptions options) {
        return options.tokenizer == Tokenization.GPT2_EOT && tokenizer.tokenization().isGpt2()
                ? Tokenization.GPT2_EOT.tokenizerFor("").withEndOfText(tokenizer.endOfText())
                : tokenizer;
    }

    /** Fails if options ask for another model, naming the option. */
    void require(TrainingOptions options) {
        require("--tokenizer", options.tokenizer.toString(), tokenizer(options).name());
        require("--vocab-size", options.vocabSize, shape.vocabSize());
        require("--layers", options.layers, shape.layers());
        require("--heads", options.heads, shape.heads());
        require("--width", options.width, shape.width());
        require("--context", options.context, shape.contextLength());
        require("--bias", options.bias, shape.bias());
    }

    private void require(String option, Object given, Object own) {
        BadInputException.unless(
                given.equals(own),
                "%s is %s, but the model of --init %s has %s: leave the option out",
                option,
                given,
                path,
                own);
    }

    /** Makes the parameters the initial values of a block that is not yet initialised. */
    void initialize(Block block) {
        block.getParameters()
                .forEach(
                        named ->
                                named.getValue()
                                        .setInitializer(
                                                (manager, size, type) ->
                                                        manager.create(
                                                                weights.apply(named.getKey()),
                                                                size)));
    }

    /**
     * Writes a checkpoint of a run as {@code model.safetensors}, {@code config.json} and tokenizer
     * files.
     *
     * @param step of the checkpoint to write; null for the newest
     * @param out the directory to write, which must not exist
     * @param type the type of the parameters in the file, a float
     * @throws BadInputException if there is no run, or its checkpoint is damaged
     * @throws java.io.UncheckedIOException if the run cannot be read, or the directory cannot be
     *     written; it does not exist then
     */
    static void exportRun(Path run, Integer step, Path out, DataType type, PrintStream messages) {
        RunDirectory files = new RunDirectory(run);
        RunConfig.read(files.config()); // says that there is no run
        Exchange model = ofRun(files, files.checkpoints().exactly(step));
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
     *
     * @param from the checkpoint's directory, or its safetensors file
     * @param out the run's directory, which must not exist
     * @throws BadInputException if the checkpoint cannot be used
     * @throws java.io.UncheckedIOException if the run exists or cannot be written
     */
    static void importRun(Path from, Path out, PrintStream messages) {
        HuggingFaceGpt2 other = HuggingFaceGpt2.open(from);
        Gpt2Config shape = other.config();
        RunConfig config = RunConfig.imported(from, shape);
        AtomicFiles.createFolder(
                out,
                partial -> {
                    RunDirectory files = new RunDirectory(partial);
                    files.create(config, other.tokenizer(), "");
                    files.checkpoints()
                            .write(
                                    0,
                                    shape,
                                    1,
                                    folder ->
                                            Checkpoints.ModelFile.write(
                                                    0,
                                                    shape,
                                                    other::read,
                                                    folder.resolve(Checkpoints.MODEL)));
                });
        messages.printf(
                Locale.ROOT,
                "GPT-2 with %d layers, %d heads, width %d, context %d, tokenizer %s: %s%n",
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
            mixinStandardHelpOptions = true,
            usageHelpAutoWidth = true,
            sortOptions = false,
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

        /** Creates the command; picocli sets the options. */
        public ExportCommand() {}

        @Override
        public void run() {
            exportRun(run, step, out, DataType.fromSafetensors(format.name()), System.out);
        }
    }

    /** The command that imports. */
    @Command(
            name = "import",
            mixinStandardHelpOptions = true,
            usageHelpAutoWidth = true,
            sortOptions = false,
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

        /** Creates the command; picocli sets the options. */
        public ImportCommand() {}

        @Override
        public void run() {
            importRun(from, out, System.out);
        }
    }
}
