package io.github.djlspectral.examples.gpt;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.generate.TextGenerator;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Precision;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenBatches;
import io.github.djlspectral.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;

/** A trained model, read from the newest whole checkpoint of a run, on one device. */
record SavedRun(
        RunDirectory files,
        RunConfig config,
        Tokenizer tokenizer,
        int step,
        NDManager manager,
        Gpt2 model)
        implements AutoCloseable {

    /**
     * Reads a run.
     *
     * @param deviceName where to compute: cpu, gpu, or gpu and a number
     * @param step of the checkpoint to read; null for the newest that is whole, of which standard
     *     error says if it is not the newest
     * @throws BadInputException if there is no run, no such checkpoint or device, or the checkpoint
     *     is damaged or of another architecture
     * @throws java.io.UncheckedIOException if a file cannot be read
     */
    static SavedRun open(Path directory, String deviceName, Integer step) {
        RunDirectory files = new RunDirectory(directory);
        Checkpoints all = files.checkpoints();
        return open(files, deviceName, () -> step == null ? all.required() : all.exactly(step));
    }

    /**
     * Reads a run, as {@link #open}, but refuses a damaged newest checkpoint.
     *
     * @param step of the checkpoint to read; null for the newest
     * @throws BadInputException as {@link #open}
     * @throws java.io.UncheckedIOException if a file cannot be read
     */
    static SavedRun openExactly(Path directory, Integer step) {
        RunDirectory files = new RunDirectory(directory);
        return open(files, "cpu", () -> files.checkpoints().exactly(step));
    }

    private static SavedRun open(
            RunDirectory files, String deviceName, Supplier<Checkpoints.Checkpoint> choice) {
        Device device = Devices.of(deviceName);
        RunConfig config = RunConfig.read(files.config());
        Checkpoints.Checkpoint checkpoint = choice.get();
        checkpoint.requireModel(config.model());
        Tokenizer tokenizer = Tokenizer.load(files.tokenizer());
        Gpt2 gpt2 =
                Gpt2.builder()
                        .setConfig(config.model())
                        .optPrecision(config.options().precision)
                        .build();
        checkpoint.initialize(gpt2);
        NDManager manager = Engine.getEngine("PyTorch").newBaseManager(device);
        gpt2.initialize(manager, DataType.FLOAT32, new Shape(1, config.model().contextLength()));
        return new SavedRun(files, config, tokenizer, checkpoint.step(), manager, gpt2);
    }

    /**
     * The quality of a model on a text.
     *
     * @param loss nats per token
     * @param perplexity {@code exp(loss)}
     * @param bitsPerByte bits per UTF-8 byte of text, which compares across tokenizers
     * @param tokens the number of tokens predicted
     */
    record Quality(double loss, double perplexity, double bitsPerByte, long tokens) {}

    /**
     * Measures the model on the validation split of a data set.
     *
     * @param data what {@code --data} takes; null for the run's own
     * @param batches the number of batches of the run's size, spread over the split; 0 for all
     * @throws BadInputException if the data is missing or cannot be used
     */
    Quality evaluate(String data, long batches, CorpusLoader loader) {
        String name = data == null ? config.options().data : data;
        BadInputException.unless(
                name != null,
                "The model was imported, so there is no data of its own: give --data");
        try (Corpus corpus = loader.load(name, tokenizer)) {
            TokenBatches all =
                    TokenBatches.inOrder(
                            corpus.validation(), config.options().batch, config.options().context);
            Evaluation.Result result =
                    new Evaluation(all, batches == 0 ? all.count() : batches)
                            .run(model, manager, () -> false);
            double bits = result.loss() / Math.log(2) / corpus.bytesPerToken();
            return new Quality(result.loss(), Math.exp(result.loss()), bits, result.tokens());
        }
    }

    /** Returns what continues texts with this model. */
    TextGenerator generator() {
        return new TextGenerator(model, tokenizer, manager);
    }

    /** Describes the run in one line. */
    String description() {
        return String.format(
                Locale.ROOT,
                "%d layers, width %d, step %d, trained on %s",
                config.model().layers(),
                config.model().width(),
                step,
                config.data());
    }

    /** Returns the number format that the model was trained in. */
    Precision precision() {
        return config.options().precision;
    }

    /** Says how the model came about. */
    Map<String, String> card() {
        long parameters =
                model.getParameters().values().stream()
                        .mapToLong(parameter -> parameter.getShape().size())
                        .sum();
        TrainingOptions options = config.options();
        Map<String, String> card = new TreeMap<>();
        if (config.versions() != null) {
            card.putAll(config.versions()); // with the commit, where a run knows it
        }
        card.put("parameters", Long.toString(parameters));
        if (options.data == null) { // imported: its options say nothing of how it came about
            card.put("data", "trained elsewhere and imported");
            return card;
        }
        card.put("data", data());
        card.put("dataSha256", config.dataSha256());
        card.put("tokenizer", options.tokenizer.toString());
        card.put("steps", Integer.toString(step));
        card.put("tokens", Long.toString(step * options.tokensPerStep()));
        card.put("optimizer", options.optimizer.toString());
        card.put("learningRate", Double.toString(options.lr));
        if (options.isSpectral()) {
            card.put("adamwLearningRate", Double.toString(options.adamwLr));
        }
        card.put("schedule", options.schedule.toString().toLowerCase(Locale.ROOT));
        card.put("seed", Integer.toString(options.seed));
        putValidation(card);
        return card;
    }

    /** Returns the corpus, without the folder that it had on this machine. */
    private String data() {
        String place = config.options().data;
        boolean isPath = !place.contains("://") && Path.of(place).getFileName() != null;
        return isPath
                ? config.data().replace(place, Path.of(place).getFileName().toString())
                : config.data();
    }

    private void putValidation(Map<String, String> card) {
        if (!Files.exists(files.metrics())) {
            return; // a run of which only the checkpoint was kept
        }
        List<Metrics.Row> rows = Metrics.read(files.metrics(), step);
        rows.stream()
                .filter(Metrics.Row::evaluated)
                .reduce((earlier, later) -> later)
                .ifPresent(
                        row -> {
                            card.put("validationLoss", Float.toString(row.validationLoss()));
                            card.put("validationStep", Integer.toString(row.step()));
                        });
    }

    /** Frees the model. */
    @Override
    public void close() {
        manager.close();
    }
}
