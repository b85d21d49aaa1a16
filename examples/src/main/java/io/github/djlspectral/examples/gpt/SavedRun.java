package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.experiment.Environment;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.generate.TextGenerator;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.text.TokenBatches;
import io.github.djlspectral.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** A trained model, read from a checkpoint of a run, on one device. */
public record SavedRun(
        RunDirectory files,
        RunDirectory.Config config,
        Tokenizer tokenizer,
        int step,
        NDManager manager,
        Gpt2 model)
        implements AutoCloseable {

    /** The options that choose a model and where it computes. */
    static final class Choice {

        @Option(names = "--run", required = true, paramLabel = "<dir>", description = "The run.")
        private Path directory;

        @Option(names = "--device", description = "cpu, gpu, gpu0, ... Default: cpu.")
        private String device = "cpu";

        @Option(
                names = "--step",
                paramLabel = "<n>",
                description = "The checkpoint of this step. Default: the newest that is whole.")
        private Integer step;

        SavedRun open() {
            return SavedRun.open(directory, device, step);
        }
    }

    /**
     * Reads a run.
     *
     * @param step of the checkpoint to read; null for the newest that is whole, of which standard
     *     error says if it is not the newest
     */
    static SavedRun open(Path directory, String device, Integer step) {
        return open(directory, device, all -> step == null ? all.required() : all.exactly(step));
    }

    /** Reads a run as {@link #open}, but refuses a damaged newest checkpoint. */
    static SavedRun openExactly(Path directory, Integer step) {
        return open(directory, "cpu", all -> all.exactly(step));
    }

    private static SavedRun open(
            Path directory, String device, Function<Checkpoints, Checkpoints.Checkpoint> choice) {
        Device place = Environment.device(device);
        RunDirectory files = new RunDirectory(directory);
        RunDirectory.Config config = files.config();
        Checkpoints.Checkpoint checkpoint = choice.apply(files.checkpoints());
        checkpoint.requireModel(config.model());
        Tokenizer tokenizer = files.tokenizer();
        Gpt2 gpt2 =
                Gpt2.builder()
                        .setConfig(config.model())
                        .optPrecision(config.options().precision)
                        .build();
        Checkpoints.initialize(gpt2, checkpoint.weights());
        NDManager manager = Engine.getEngine("PyTorch").newBaseManager(place);
        gpt2.initialize(manager, DataType.FLOAT32, new Shape(1, config.model().contextLength()));
        return new SavedRun(files, config, tokenizer, checkpoint.step(), manager, gpt2);
    }

    /** The quality of a model on a text: nats per token, and how many tokens were predicted. */
    record Quality(double loss, double bytesPerToken, long tokens) {

        double perplexity() {
            return Math.exp(loss);
        }

        /** Returns bits per UTF-8 byte of text, which compares across tokenizers. */
        double bitsPerByte() {
            return loss / Math.log(2) / bytesPerToken;
        }
    }

    /**
     * Measures the model on the validation split of a data set.
     *
     * @param data what {@code --data} takes; null for the run's own
     * @param batches the number of batches of the run's size, spread over the split; 0 for all
     */
    Quality evaluate(String data, long batches, CorpusLoader loader) {
        TrainingOptions options = config.options();
        String name = data == null ? options.data : data;
        unless(name != null, "The model was imported, so there is no data of its own: give --data");
        try (Corpus corpus = loader.load(name, tokenizer)) {
            TokenBatches all =
                    TokenBatches.inOrder(corpus.validation(), options.batch, options.context);
            long count = batches == 0 ? all.count() : batches;
            TrainingRun.Evaluation result =
                    TrainingRun.evaluate(model, manager, all, count, () -> false);
            return new Quality(result.loss(), corpus.bytesPerToken(), result.tokens());
        }
    }

    TextGenerator generator() {
        return new TextGenerator(model, tokenizer, manager);
    }

    /** Describes the run in one line. */
    String description() {
        return Table.text(
                "%d layers, width %d, step %d, trained on %s",
                config.model().layers(), config.model().width(), step, config.data());
    }

    /** Says how the model came about. */
    Map<String, String> card() {
        TrainingOptions options = config.options();
        Map<String, String> card = new TreeMap<>(config.versions()); // with the commit, if known
        long parameters =
                model.getParameters().values().stream().mapToLong(p -> p.getShape().size()).sum();
        card.put("parameters", Long.toString(parameters));
        if (options.data == null) { // imported: its options say nothing of how it came about
            card.put("data", "trained elsewhere and imported");
            return card;
        }
        card.put("data", data());
        card.put("dataChecksum", config.dataChecksum());
        card.put("tokenizer", options.tokenizer.toString());
        card.put("steps", Integer.toString(step));
        card.put("tokens", Long.toString(step * options.tokensPerStep()));
        card.put("optimizer", options.optimizer.toString());
        card.put("learningRate", Double.toString(options.lr));
        if (options.isSpectral()) {
            card.put("adamwLearningRate", Double.toString(options.adamwLr));
        }
        card.put("schedule", options.schedule.toString());
        card.put("seed", Integer.toString(options.seed));
        Path metrics = files.file(RunDirectory.METRICS); // none if only the checkpoint was kept
        List<Metrics.Row> rows = Files.exists(metrics) ? Metrics.read(metrics, step) : List.of();
        for (Metrics.Row row : rows) {
            if (row.evaluated()) {
                card.put("validationLoss", Float.toString(row.validationLoss()));
                card.put("validationStep", Integer.toString(row.step()));
            }
        }
        return card;
    }

    /** Returns the corpus, without the folder that it had on this machine. */
    private String data() {
        String place = config.options().data;
        Path file = place.contains("://") ? null : Path.of(place).getFileName();
        return file == null ? config.data() : config.data().replace(place, file.toString());
    }

    @Override
    public void close() {
        manager.close();
    }

    /** The command {@code eval}. */
    @Command(
            name = "eval",
            mixinStandardHelpOptions = true,
            usageHelpAutoWidth = true,
            sortOptions = false,
            description = "Measures a trained model on the validation split of a data set.")
    public static final class EvalCommand implements Runnable {

        @Mixin private Choice choice;

        @Option(
                names = "--data",
                paramLabel = "<name|path|URL>",
                description = "As for train. Default: what the model was trained on.")
        private String data;

        @Option(
                names = "--batches",
                description = "Batches, spread over the split; 0: all of it. Default: 0.")
        private int batches;

        @Override
        public void run() {
            unless(batches >= 0, "--batches is %s, but must be at least 1, or 0 for all", batches);
            CorpusLoader loader =
                    new CorpusLoader(CorpusLoader.defaultCacheDirectory(), System.err);
            try (SavedRun run = choice.open()) {
                Quality quality = run.evaluate(data, batches, loader);
                System.out.println(run.description());
                System.out.println(
                        Table.text(
                                """
                                tokens         %,d
                                loss           %.4f nats/token
                                perplexity     %.3f
                                bits per byte  %.4f""",
                                quality.tokens(),
                                quality.loss(),
                                quality.perplexity(),
                                quality.bitsPerByte()));
            }
        }
    }
}
