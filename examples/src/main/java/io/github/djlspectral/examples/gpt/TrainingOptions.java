package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.experiment.Environment;
import io.github.djlspectral.examples.gpt.OptimizerChoice.Preset;
import io.github.djlspectral.examples.gpt.OptimizerChoice.Schedule;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.text.Tokenization;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;

/**
 * Everything that decides a training run. The command line fills it in, {@code config.json} keeps
 * it; nothing changes it afterwards.
 */
public final class TrainingOptions {

    private static final int MOST = 1 << 20; // passes, tokens, or numbers in a vector

    @Option(
            names = "--preset",
            description = "Values of all other options: ${COMPLETION-CANDIDATES}. Default: tiny.")
    Preset preset = Preset.TINY;

    @Option(names = "--optimizer", description = "One of ${COMPLETION-CANDIDATES}. Default: muon.")
    OptimizerChoice optimizer = OptimizerChoice.MUON;

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            description = "The run's directory. Default: runs/<preset>-<optimizer>.")
    String out;

    @Option(
            names = "--init",
            paramLabel = "<dir>",
            description = "Start from the model of a run, or of a Hugging Face checkpoint.")
    String init;

    @Option(names = "--resume", description = "Continue the run in --out, bit for bit on CPUs.")
    transient boolean resume;

    @Option(
            names = "--data",
            paramLabel = "<name|path|URL>",
            description = "A named data set, text file or directory, .jsonl, token shards, or URL.")
    String data;

    @Option(names = "--tokenizer", description = "One of ${COMPLETION-CANDIDATES}.")
    Tokenization tokenizer;

    @Option(
            names = "--vocab-size",
            paramLabel = "<n>",
            description = "The model's tokens; 0: as many as the tokenizer's. Default: 0.")
    int vocabSize;

    @Option(names = "--layers", description = "Transformer layers.")
    int layers;

    @Option(names = "--heads", description = "Attention heads per layer.")
    int heads;

    @Option(names = "--width", description = "Width of the residual stream; a multiple of heads.")
    int width;

    @Option(names = "--context", description = "Context length in tokens.")
    int context;

    @Option(names = "--dropout", description = "Share of activations dropped, in [0, 1).")
    double dropout;

    @Option(
            names = "--bias",
            negatable = true,
            fallbackValue = "true", // or picocli takes the opposite of the present value
            description = "Biases in linear layers and norms.")
    boolean bias;

    @Option(names = "--precision", description = "Arithmetic of layers: ${COMPLETION-CANDIDATES}.")
    Precision precision;

    @Option(names = "--recompute", description = "Less memory: layers are computed twice.")
    boolean recompute;

    @Option(names = "--batch", description = "Sequences per backward pass.")
    int batch;

    @Option(names = "--accumulate", description = "Backward passes per step.")
    int accumulate;

    @Option(
            names = "--steps",
            description = "Optimizer steps in all; may change with --resume, and so the schedule.")
    int steps;

    @Option(names = "--lr", description = "Peak learning rate of the chosen optimizer.")
    double lr;

    @Option(names = "--adamw-lr", description = "Peak rate of AdamW beside a spectral optimizer.")
    double adamwLr;

    @Option(names = "--adamw-weight-decay", description = "That AdamW's. Default: --weight-decay.")
    Double adamwWeightDecay;

    @Option(names = "--adamw-warmup", description = "That AdamW's. Default: --warmup.")
    Integer adamwWarmup;

    @Option(names = "--lr-end", description = "Final learning rate as a share of the peak.")
    double lrEnd;

    @Option(names = "--warmup", description = "Steps of linear warmup.")
    int warmup;

    @Option(names = "--schedule", description = "After warmup: ${COMPLETION-CANDIDATES}.")
    Schedule schedule;

    @Option(names = "--weight-decay", description = "Decoupled decay of matrices.")
    double weightDecay;

    @Option(
            names = "--momentum",
            description = "Momentum of hidden matrices, in [0, 1) (not adamw, sgd, soap).")
    double momentum;

    @Option(
            names = "--update-scale",
            paramLabel = "<name>",
            description = "Hidden matrices': " + OptimizerChoice.UPDATE_SCALES)
    String updateScale;

    @Option(
            names = "--exponent",
            description = "Freon's c in (M M^T)^(-c) M, in [0, 1]. Default: 2/3.")
    double exponent = 2.0 / 3;

    @Option(
            names = "--floor",
            description = "Freon's floor of singular values. Default: 0.01 for c > 1/2.")
    Double floor;

    @Option(
            names = "--normalization",
            description = "Freon's: ${COMPLETION-CANDIDATES}. Default: schatten.")
    Freon.Normalization normalization = Freon.Normalization.SCHATTEN;

    @Option(names = "--iterations", description = "Kaon's chaotic iterations. Default: 5.")
    int iterations = 5;

    @Option(names = "--random-spectrum", description = "Kaon draws singular values from --seed.")
    boolean randomSpectrum;

    @Option(
            names = "--fraction",
            description = "Share of singular values that truncated-sgd drops. Default: 0.05.")
    double fraction = 0.05;

    @Option(names = "--beta1", description = "AdamW's first-moment decay, in [0, 1).")
    double beta1;

    @Option(names = "--beta2", description = "AdamW's second-moment decay, in [0, 1).")
    double beta2;

    @Option(names = "--clip", description = "Largest global gradient norm; 0: no clipping.")
    double clip;

    @Option(names = "--skip-nonfinite", description = "Non-finite batches to skip. Default: 0.")
    int skipNonfinite;

    @Option(names = "--seed", description = "Seed of initialisation, data and dropout.")
    int seed = 1337;

    @Option(names = "--eval-every", description = "Steps between validations.")
    int evalEvery;

    @Option(names = "--eval-batches", description = "Batches per validation.")
    int evalBatches;

    @Option(names = "--checkpoint-every", description = "Steps between checkpoints.")
    int checkpointEvery;

    @Option(names = "--keep", description = "Checkpoints to keep. Default: 2.")
    int keep = 2;

    @Option(names = "--sample-every", description = "Steps between text samples; 0: none.")
    int sampleEvery;

    @Option(
            names = "--spectrum-every",
            description = "Steps between spectra of momentum and update; 0: none. Default: 0.")
    int spectrumEvery;

    @Option(names = "--device", description = "cpu, gpu, gpu0, gpu1, ... Default: cpu.")
    String device = "cpu";

    @Mixin final SparkOptions spark = new SparkOptions();

    /**
     * Reads options as on the command line: the preset's values first, then those given.
     *
     * @throws CommandLine.ParameterException if an option is unknown or its value does not parse
     */
    public static TrainingOptions of(String... arguments) {
        return of(given(arguments));
    }

    /** Returns the values of the options that are given on a command line, and of no others. */
    public static Map<String, Object> given(String... arguments) {
        return given(new TrainingOptions().parse(List.of(arguments)));
    }

    static Map<String, Object> given(ParseResult parsed) {
        Map<String, Object> given = new LinkedHashMap<>();
        parsed.matchedOptions().forEach(o -> given.put(o.longestName(), o.getValue()));
        return given;
    }

    /** Returns the preset's values, in their place those of the model to start from, and given. */
    static TrainingOptions of(Map<String, Object> given) {
        TrainingOptions options = new TrainingOptions();
        options.set(given);
        options.parse(options.preset.arguments(options.optimizer));
        if (options.init != null) {
            Exchange initial = Exchange.open(Path.of(options.init));
            options.parse(initial.arguments(initial.tokenizer()));
            options.set(given);
            initial.require(options);
        }
        options.overlay(given);
        return options;
    }

    private ParseResult parse(List<String> arguments) {
        // The fields' present values are picocli's defaults: what is not given stays.
        return new CommandLine(this)
                .setExpandAtFiles(false)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .parseArgs(arguments.toArray(String[]::new));
    }

    /** Returns the value of each option by its name. */
    Map<String, Object> values() {
        Map<String, Object> values = new LinkedHashMap<>();
        CommandSpec spec = CommandSpec.forAnnotatedObject(this);
        spec.options().forEach(o -> values.put(o.longestName(), o.getValue()));
        return values;
    }

    void set(Map<String, Object> values) {
        CommandSpec spec = CommandSpec.forAnnotatedObject(this);
        values.forEach((option, value) -> spec.findOption(option).setValue(value));
    }

    /** Replaces the options that are given and checks the result. */
    void overlay(Map<String, Object> given) {
        set(given);
        requireLegal();
        OptimizerChoice.requireSpectral(this, "--adamw-lr", given.get("--adamw-lr"));
    }

    /** Makes the places of data and model hold in every working directory. */
    void makePathsAbsolute() {
        data = CorpusLoader.isLocal(data) ? Path.of(data).toAbsolutePath().toString() : data;
        init = init == null ? null : Path.of(init).toAbsolutePath().toString();
        spark.makePathsAbsolute();
    }

    public int steps() {
        return steps;
    }

    /** Tells whether hidden matrices have a spectral optimizer, and the rest another one. */
    public boolean isSpectral() {
        return optimizer.isSpectral();
    }

    /** Returns the learning rate of the chosen optimizer by step. */
    Tracker rate() {
        return schedule.tracker(this, lr, warmup);
    }

    Path directory() {
        return Path.of(out == null ? "runs/" + preset + "-" + optimizer : out);
    }

    /** Returns the shape of the model for a tokenizer's number of tokens. */
    Gpt2Config model(int tokens) {
        String range = "0 or at least the tokenizer's " + tokens;
        require(vocabSize == 0 || vocabSize >= tokens, "--vocab-size", vocabSize, range);
        int vocabulary = Math.max(vocabSize, tokens);
        return new Gpt2Config(vocabulary, context, layers, heads, width, (float) dropout, bias);
    }

    long tokensPerStep() {
        return (long) batch * context * accumulate * spark.workers();
    }

    /** Fails unless options that were read from a file are all there and legal. */
    void requireComplete() {
        String needed = "--(preset|optimizer|tokenizer|precision|schedule|normalization|device)";
        String range = "known to this version";
        values().forEach((o, v) -> require(v != null || !o.matches(needed), o, null, range));
        requireLegal();
    }

    /** Fails unless every option is in its range, naming the option. */
    private void requireLegal() {
        between(1, 10_000, "--layers", layers);
        atLeast(1, "--heads", heads);
        between(0, MOST, "--vocab-size", vocabSize);
        between(1, MOST, "--width", width);
        between(1, MOST, "--context", context);
        require(width % heads == 0, "--width", width, "a multiple of --heads " + heads);
        share("--dropout", dropout);
        between(1, Integer.MAX_VALUE / context, "--batch", batch);
        between(1, MOST, "--accumulate", accumulate);
        atLeast(1, "--steps", steps);
        atLeast(1, "--eval-every", evalEvery);
        atLeast(1, "--eval-batches", evalBatches);
        atLeast(1, "--checkpoint-every", checkpointEvery);
        atLeast(1, "--keep", keep);
        atLeast(0, "--skip-nonfinite", skipNonfinite);
        atLeast(0, "--sample-every", sampleEvery);
        atLeast(0, "--spectrum-every", spectrumEvery);
        String none = "0 with --optimizer " + optimizer + ", which maps no spectra";
        require(spectrumEvery == 0 || isSpectral(), "--spectrum-every", spectrumEvery, none);
        OptimizerChoice.requireLegal(this);
        Environment.requireDeviceName(device);
        spark.requireLegal(this);
    }

    static void atLeast(int least, String option, int value) {
        require(value >= least, option, value, "a whole number of at least " + least);
    }

    static void between(int least, int most, String option, int value) {
        String range = "a whole number from " + least + " to " + most;
        require(value >= least && value <= most, option, value, range);
    }

    static void share(String option, double value) {
        require(value >= 0 && (float) value < 1, option, value, "in [0, 1), as a float too");
    }

    static void require(boolean legal, String option, Object value, String range) {
        unless(legal, "%s is %s, but must be %s", option, value, range);
    }
}
