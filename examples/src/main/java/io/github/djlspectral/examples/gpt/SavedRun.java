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
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.generate.TextGenerator;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenBatches;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.LongStream;
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
     * Measures the model on the validation split of a data set, null for the run's own.
     *
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

    /** The command {@code generate}. */
    @Command(name = "generate", description = "Continues a text with a trained model.")
    public static final class GenerateCommand implements Runnable {

        /** Says that standard output is lost. */
        public static final String OUTPUT_LOST =
                "Standard output does not take what was written to it: it was closed, or its disk is full";

        private static final int LONGEST_PROMPT = 1 << 24;

        @Mixin private Choice choice;

        @Option(
                names = "--prompt",
                paramLabel = "<text>",
                description =
                        "The text to continue; -: standard input, as it is. Default: a line break.")
        private String prompt = "\n";

        @Option(
                names = {"--tokens", "--max-tokens"},
                paramLabel = "<n>",
                description = "Tokens to add at most. Default: ${DEFAULT-VALUE}.")
        private int tokens = 256;

        @Option(
                names = "--temperature",
                description = "0: most likely token; 1: the model's distribution. Default: 0.8.")
        private double temperature = 0.8;

        @Option(names = "--top-k", description = "Most likely tokens to choose from; 0: all.")
        private int topK;

        @Option(
                names = "--top-p",
                description = "Probability to choose from, in (0, 1]. Default: 1.")
        private double topP = 1;

        @Option(
                names = "--repetition-penalty",
                paramLabel = "<penalty>",
                description =
                        "Divides the scores of tokens that occurred before, if positive, and multiplies"
                                + " negative ones. Default: 1, none.")
        private double repetitionPenalty = 1;

        @Option(
                names = "--stop",
                paramLabel = "<text>",
                description = "The text ends before this. May be given several times.")
        private List<String> stops = List.of();

        @Option(
                names = "--count",
                paramLabel = "<n>",
                description = "Texts to write, with seeds from --seed on. Default: 1.")
        private int count = 1;

        @Option(names = "--seed", description = "Equal seeds give equal texts. Default: 1337.")
        private long seed = 1337;

        @Override
        public void run() {
            unless(count >= 1, "--count is %s, but must be at least 1", count);
            if (prompt.equals("-")) {
                prompt = standardInput();
            }
            GenerationOptions generation =
                    new GenerationOptions()
                            .withMaxTokens(tokens)
                            .withTemperature(temperature)
                            .withTopK(topK)
                            .withTopP(topP)
                            .withRepetitionPenalty(repetitionPenalty)
                            .withStops(stops)
                            .withSeed(seed);
            try (SavedRun run = choice.open()) {
                if (count == 1) {
                    show(prompt);
                    run.generator().generate(prompt, generation, GenerateCommand::show);
                    show(System.lineSeparator());
                    return;
                }
                List<GenerationOptions> each =
                        LongStream.range(seed, seed + count)
                                .mapToObj(generation::withSeed)
                                .toList();
                List<String> prompts = Collections.nCopies(count, prompt);
                List<String> texts = run.generator().generate(prompts, each);
                for (int i = 0; i < count; i++) {
                    show("===== seed " + (seed + i) + " =====\n" + prompt + texts.get(i) + "\n");
                }
            }
        }

        /** Reads UTF-8 whatever the locale is. */
        private static String standardInput() {
            try {
                byte[] bytes = System.in.readNBytes(LONGEST_PROMPT + 1);
                unless(
                        bytes.length <= LONGEST_PROMPT,
                        "Standard input has more than %s bytes of prompt",
                        LONGEST_PROMPT);
                return StandardCharsets.UTF_8
                        .newDecoder()
                        .decode(ByteBuffer.wrap(bytes))
                        .toString();
            } catch (CharacterCodingException e) {
                throw new BadInputException("Standard input is not UTF-8", e);
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot read standard input (" + e + ")", e);
            }
        }

        /**
         * Shows a piece of text, unless nobody reads any more: then there is no point in going on.
         */
        private static void show(String text) {
            System.out.print(text);
            if (System.out.checkError()) { // it flushes too
                throw new BadInputException(OUTPUT_LOST);
            }
        }
    }
}
