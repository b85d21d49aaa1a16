package io.github.djlspectral.examples.gpt;

import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;

/**
 * Everything that decides a training run. The command line fills it in, {@code config.json} keeps
 * it; nothing changes it afterwards.
 */
public final class TrainingOptions {

    private static final Set<String> FREE_ON_RESUME =
            Set.of(
                    "--out",
                    "--resume",
                    "--data",
                    "--steps",
                    "--checkpoint-every",
                    "--keep",
                    "--skip-nonfinite",
                    "--spectrum-every");

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
            description = "A named data set, a text file or directory, token shards, or a URL.")
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

    @Option(
            names = "--precision",
            description = "Arithmetic of the layers: ${COMPLETION-CANDIDATES}.")
    Precision precision;

    @Option(names = "--batch", description = "Sequences per backward pass.")
    int batch;

    @Option(names = "--accumulate", description = "Backward passes per step.")
    int accumulate;

    @Option(
            names = "--steps",
            description =
                    "Optimizer steps in all. With --resume it may change: the schedule then ends"
                            + " there from the next step on.")
    int steps;

    @Option(names = "--lr", description = "Peak learning rate of the chosen optimizer.")
    double lr;

    @Option(
            names = "--adamw-lr",
            description = "Peak learning rate of AdamW beside a spectral optimizer.")
    double adamwLr;

    @Option(
            names = "--adamw-weight-decay",
            description = "Decay of AdamW beside a spectral optimizer. Default: --weight-decay.")
    Double adamwWeightDecay;

    @Option(
            names = "--adamw-warmup",
            description = "Warmup of AdamW beside a spectral optimizer. Default: --warmup.")
    Integer adamwWarmup;

    @Option(names = "--lr-end", description = "Final learning rate as a share of the peak.")
    double lrEnd;

    @Option(names = "--warmup", description = "Steps of linear warmup.")
    int warmup;

    @Option(names = "--schedule", description = "After warmup: ${COMPLETION-CANDIDATES}.")
    OptimizerChoice.Schedule schedule;

    @Option(names = "--weight-decay", description = "Decoupled decay of matrices.")
    double weightDecay;

    @Option(
            names = "--momentum",
            description = "Momentum of hidden matrices, in [0, 1) (not adamw, sgd, soap).")
    double momentum;

    @Option(
            names = "--update-scale",
            paramLabel = "<name>",
            description =
                    "Step of a hidden matrix by its shape: spectral, match_rms, spectral_condition"
                            + " or none. Default: spectral; of soap: none.")
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

    @Option(
            names = "--random-spectrum",
            description = "Kaon draws singular values, from --seed, instead of iterating.")
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

    @Option(
            names = "--skip-nonfinite",
            description = "Most non-finite batches to skip. Default: 0.")
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

    /**
     * Reads options as on the command line: the preset's values first, then those given.
     *
     * @throws CommandLine.ParameterException if an option is unknown or its value does not parse
     * @throws BadInputException if a value is out of its legal range
     */
    public static TrainingOptions of(String... arguments) {
        return of(List.of(arguments));
    }

    static TrainingOptions of(List<String> arguments) {
        TrainingOptions choice = new TrainingOptions();
        choice.parse(arguments);
        TrainingOptions options = new TrainingOptions();
        options.parse(choice.preset.arguments(choice.optimizer));
        if (choice.init == null) {
            options.overlay(arguments);
            return options;
        }
        Exchange initial = Exchange.open(Path.of(choice.init));
        options.parse(initial.arguments());
        options.overlay(arguments);
        initial.require(options);
        return options;
    }

    /** Replaces the options that are given and checks the result. */
    void overlay(List<String> arguments) {
        boolean hasAdamwRate = parse(arguments).hasMatchedOption("--adamw-lr");
        TrainChecks.requireLegal(this);
        TrainChecks.spectral("--adamw-lr", hasAdamwRate ? adamwLr : null, this);
    }

    private ParseResult parse(List<String> arguments) {
        // The fields' present values are picocli's defaults: what is not given stays.
        return commandLine(this).parseArgs(arguments.toArray(String[]::new));
    }

    /**
     * Fails if an option differs that decides what a run computes. How long it goes on, and when it
     * is saved, may change.
     *
     * @throws BadInputException naming the option
     */
    void requireSameRun(TrainingOptions before) {
        forEachDifference(
                before,
                (name, value, old) ->
                        BadInputException.unless(
                                FREE_ON_RESUME.contains(name),
                                "%s is %s, but the run to resume has %s: leave the option out, or"
                                        + " start a new run in another --out",
                                name,
                                value,
                                old));
    }

    /** Describes what was changed, an option a line; where the run lies is no part of it. */
    List<String> differences(TrainingOptions before) {
        List<String> lines = new ArrayList<>();
        forEachDifference(
                before, (name, value, old) -> lines.add(name + " " + value + " instead of " + old));
        lines.removeIf(line -> line.matches("--(out|resume) .*"));
        return lines;
    }

    private interface Difference {
        void accept(String option, Object value, Object old);
    }

    private void forEachDifference(TrainingOptions before, Difference action) {
        CommandSpec others = commandLine(before).getCommandSpec();
        for (OptionSpec option : commandLine(this).getCommandSpec().options()) {
            Object value = option.getValue();
            Object old = others.findOption(option.longestName()).getValue();
            // Earlier versions took a rate that nothing used.
            boolean used = isSpectral() || !option.longestName().equals("--adamw-lr");
            if (used && !Objects.equals(value, old)) {
                action.accept(option.longestName(), value, old);
            }
        }
    }

    /** Makes the places of data and model hold in every working directory. */
    void makePathsAbsolute() {
        data = CorpusLoader.isLocal(data) ? Path.of(data).toAbsolutePath().toString() : data;
        init = init == null ? null : Path.of(init).toAbsolutePath().toString();
    }

    /** Returns a parser with this program's conventions. */
    private static CommandLine commandLine(Object command) {
        return new CommandLine(command)
                .setExpandAtFiles(false)
                .setCaseInsensitiveEnumValuesAllowed(true);
    }

    /** Returns the number of optimizer steps in all, at least 1. */
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

    /** Returns the run's directory. */
    Path directory() {
        return Path.of(out == null ? "runs/" + preset + "-" + optimizer : out);
    }

    /** Returns the shape of the model for a tokenizer's number of tokens. */
    Gpt2Config model(int tokens) {
        TrainChecks.require(
                vocabSize == 0 || vocabSize >= tokens,
                "--vocab-size",
                vocabSize,
                "0 or at least the tokenizer's " + tokens);
        int vocabulary = Math.max(vocabSize, tokens);
        return new Gpt2Config(vocabulary, context, layers, heads, width, (float) dropout, bias);
    }

    long tokensPerStep() {
        return (long) batch * context * accumulate;
    }
}
