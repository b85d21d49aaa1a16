package io.github.djlspectral.examples.gpt;

import static java.lang.Float.NaN;

import ai.djl.TrainingDivergedException;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.experiment.Environment;
import io.github.djlspectral.examples.experiment.Environment.StopSignal;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.diagnostics.UpdateSpectra;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/**
 * The training loop with everything around it: validation, checkpoints, samples, metrics and
 * progress. One object is one process's share of a run.
 */
public final class Training {

    private static final double SLOW = 4;

    private static final String BESIDE_OTHERS =
            "A step takes %.1f times as long as the fastest one. If others use these cores,"
                    + " OMP_WAIT_POLICY=passive or -Dai.djl.pytorch.num_threads=1 is faster";

    private static final double SECONDS_BETWEEN_LINES = 10;
    private static final String STOPPED = "Stopped; continue with --resume --out ";
    private static final GenerationOptions SAMPLE =
            new GenerationOptions().withMaxTokens(256).withTemperature(0.8);
    private static final Pattern HEADING = Pattern.compile("(?m)^===== step (\\d+) =====$");

    private final TrainingOptions options;
    private final RunDirectory directory;
    private final Path samples;
    private final Corpus corpus;
    private final TrainingRun run;
    private final SparkTraining spark; // null on one machine
    private final StopSignal stop;
    private final PrintStream out;
    private final List<Metrics.Row> rows = new ArrayList<>();
    private final List<UpdateSpectra> spectra = new ArrayList<>();
    private final double secondsBefore;
    private final Eta eta;
    private double secondsSinceLine;
    private int stepsSinceLine;
    private int before; // the step of the row before the last
    private boolean warm; // after a line with steps, the first of which take longer
    private boolean slownessSaid;

    /** The command {@code train}. */
    @Command(
            name = "train",
            description = {
                "Trains a GPT-2, or continues to.",
                "A preset gives every option a value; options given here win."
            })
    public static final class TrainCommand implements Runnable {

        /** Declares the options, whose values are laid on top of the preset's. */
        @Mixin private final TrainingOptions given = new TrainingOptions();

        @Spec private CommandSpec spec;

        @Override
        public void run() {
            train(
                    TrainingOptions.given(spec.commandLine().getParseResult()),
                    new CorpusLoader(CorpusLoader.defaultCacheDirectory(), System.err),
                    System.out);
        }
    }

    /**
     * Trains a model, or continues to. To continue in bfloat16 as the run began, it sets the system
     * property {@link io.github.djlspectral.torch.Bfloat16#PROPERTY}, unless the user has.
     *
     * @param given the options of {@code train} that are given, by name
     * @throws TrainingDivergedException if the loss or a gradient is not finite, more often than
     *     {@code --skip-nonfinite}, or the last validation is NaN; {@code diverged.txt} says so too
     */
    @SuppressWarnings("try") // locks are held, not used
    public static void train(Map<String, Object> given, CorpusLoader loader, PrintStream out) {
        TrainingOptions options = TrainingOptions.of(given);
        Environment.device(options.device); // before anything is loaded for it
        RunDirectory directory = new RunDirectory(options.directory());
        RunDirectory.Config saved = options.resume ? directory.config() : null;
        if (saved != null) {
            options = saved.resumed(given);
            saved.keepArithmetic();
        } else {
            directory.requireUnused();
            options.makePathsAbsolute();
        }
        try (StopSignal stop = new StopSignal(() -> {});
                AtomicFiles.Lock resumed = saved == null ? null : directory.lock();
                Corpus corpus = load(options, directory, loader)) {
            out.println(corpus.description());
            RunDirectory.Config config = RunDirectory.Config.of(options, corpus);
            Checkpoints.Checkpoint checkpoint = null;
            if (saved != null) {
                saved.requireSameData(config);
                checkpoint = directory.checkpoints().newest().orElse(null);
                if (checkpoint == null) {
                    out.println("There is no checkpoint yet: beginning at step 0 again");
                }
            }
            try (TrainingRun run = new TrainingRun(options, corpus, checkpoint, null, 0);
                    SparkTraining spark =
                            options.spark.on()
                                    ? new SparkTraining(options, corpus, run, directory.path())
                                    : null;
                    AtomicFiles.Lock begun = saved == null ? directory.lock() : null) {
                out.println(run.description());
                stop.hold();
                Path diverged = directory.file(RunDirectory.DIVERGED);
                if (saved == null) {
                    directory.requireUnused(); // by a process that was faster
                    if (options.isSpectral()) {
                        String routing = ParameterRouting.of(run.block()).toTable();
                        AtomicFiles.write(directory.file("routing.txt"), routing);
                    }
                    directory.create(config, corpus.tokenizer());
                } else {
                    AtomicFiles.deleteAll(diverged);
                    directory.change(saved, options, run.step(), out);
                }
                try {
                    new Training(options, directory, corpus, run, spark, stop, out).loop();
                } catch (TrainingDivergedException e) {
                    AtomicFiles.write(diverged, e.getMessage() + "\n"); // again it would do so too
                    throw e;
                }
            }
        }
    }

    /** Loads the data with the tokenizer of the model, if there is one already. */
    private static Corpus load(
            TrainingOptions options, RunDirectory directory, CorpusLoader loader) {
        if (options.init == null) {
            return loader.load(options.data, options.tokenizer);
        }
        return loader.load(
                options.data,
                options.resume
                        ? directory.tokenizer()
                        : Exchange.open(Path.of(options.init)).tokenizer(options));
    }

    private Training(
            TrainingOptions options,
            RunDirectory directory,
            Corpus corpus,
            TrainingRun run,
            SparkTraining spark,
            StopSignal stop,
            PrintStream out) {
        this.options = options;
        this.directory = directory;
        samples = directory.file("samples.txt");
        this.corpus = corpus;
        this.run = run;
        this.spark = spark;
        this.stop = stop;
        this.out = out;
        if (run.step() > 0) {
            rows.addAll(Metrics.readAll(directory.file(RunDirectory.METRICS), run.step()));
            spectra.addAll(Spectra.read(directory.file("spectra.csv"), run.step()));
        }
        before = rows.size() < 2 ? 0 : rows.get(rows.size() - 2).step();
        secondsBefore = rows.isEmpty() ? 0 : last().seconds();
        run.skipped = rows.isEmpty() ? 0 : last().skipped();
        eta = new Eta(options.steps - run.step());
    }

    private void loop() {
        truncateSamples();
        makeUp();
        try (Metrics.Log<Metrics.Row> metrics =
                        Metrics.open(directory.file(RunDirectory.METRICS), rows);
                Metrics.Log<UpdateSpectra> measured =
                        options.spectrumEvery == 0
                                ? null
                                : Spectra.open(directory.file("spectra.csv"), spectra)) {
            if (run.step() == 0) {
                TrainingRun.StepResult none = new TrainingRun.StepResult(NaN, NaN, NaN);
                log(metrics, none, run.validate(stop::requested), NaN);
            }
            while (run.step() < options.steps) {
                long start = System.nanoTime();
                before = run.step();
                TrainingRun.StepResult step =
                        spark == null
                                ? run.stepOrSkip(stop::requested, out)
                                : stop.requested() ? null : spark.round();
                double seconds = (System.nanoTime() - start) * 1e-9;
                if (step == null) {
                    save();
                    break;
                }
                float loss = due(options.evalEvery) ? run.validate(stop::requested) : NaN;
                log(metrics, step, loss, seconds);
                List<UpdateSpectra> found = run.recorder.take();
                if (!found.isEmpty()) {
                    measured.append(found);
                    spectra.addAll(found);
                }
                if (sampleDue()) {
                    sample();
                }
                if (due(options.checkpointEvery)) {
                    save();
                }
            }
        }
        boolean unknown = due(options.evalEvery) && !last().evaluated();
        if (unknown && !stop.requested()) {
            String rule = "The validation loss is NaN after step %s: lower --lr or raise --warmup";
            throw new TrainingDivergedException(Table.text(rule, run.step()));
        }
        String done = "All " + options.steps + " steps done: ";
        out.println((unknown || run.step() < options.steps ? STOPPED : done) + directory.path());
    }

    /** Does what a stop kept an earlier process from doing after its last step. */
    private void makeUp() {
        if (run.step() == 0) {
            return;
        }
        if (due(options.evalEvery) && !last().evaluated()) {
            rows.set(rows.size() - 1, last().withValidation(run.validate(stop::requested)));
        }
        if (sampleDue() && !RunDirectory.read(samples).contains(heading())) {
            sample();
        }
    }

    private Metrics.Row last() {
        return rows.get(rows.size() - 1);
    }

    /**
     * Keeps a row, and says how it goes after each validation, and every ten seconds. Speeds are
     * means over the steps since the line before, without the time for anything else.
     */
    private void log(
            Metrics.Log<Metrics.Row> metrics,
            TrainingRun.StepResult step,
            float validation,
            double seconds) {
        int done = run.step();
        long tokens = options.tokensPerStep();
        double total = secondsBefore + eta.seconds();
        rows.add(
                new Metrics.Row(
                        done,
                        step.loss(),
                        validation,
                        step.rate(),
                        step.norm(),
                        done * tokens,
                        total,
                        (done - before) * tokens / seconds,
                        run.skipped));
        metrics.append(List.of(last()));
        if (done > 0) {
            eta.add(done - before);
            secondsSinceLine += seconds;
            stepsSinceLine += done - before;
        }
        if (!(eta.due(SECONDS_BETWEEN_LINES) | last().evaluated())) {
            return;
        }
        String text = "step " + done + "/" + options.steps;
        text += done > 0 ? Table.text("  train %.4f", step.loss()) : "";
        text += last().evaluated() ? Table.text("  validation %.4f", validation) : "";
        double speed = tokens * stepsSinceLine / secondsSinceLine;
        if (done > 0) {
            text +=
                    Table.text(
                            "  lr %.3g  gradient %.3g  %.1f ms/step  %,.0f tokens/s",
                            step.rate(), step.norm(), tokens / speed * 1000, speed);
        }
        text += done > 0 && spark != null ? spark.progress() : "";
        boolean between = done > 0 && done < options.steps;
        out.println(between ? text + "  ETA " + eta.left() : text);
        double slowness = Metrics.slowness(rows, speed);
        if (slowness > SLOW && warm && !slownessSaid) {
            out.println(Table.text(BESIDE_OTHERS, slowness));
            slownessSaid = true;
        }
        warm = done > 0;
        secondsSinceLine = 0;
        stepsSinceLine = 0;
    }

    /** Whether something is to be done after this step; after the last one everything is. */
    private boolean due(int every) {
        return run.step() / every > before / every || run.step() == options.steps;
    }

    private boolean sampleDue() {
        return options.sampleEvery > 0 && due(options.sampleEvery);
    }

    /** Lets the model continue the beginning of the validation text, unless asked to stop. */
    private void sample() {
        int[] prompt = corpus.prompt();
        GenerationOptions seeded = SAMPLE.withSeed(TrainingRun.mix(options.seed, run.step()));
        try {
            String text =
                    run.generator(corpus.tokenizer())
                            .generate(prompt, seeded, piece -> requireGoingOn());
            String all = heading() + corpus.tokenizer().decode(prompt) + text + "\n\n";
            AtomicFiles.write(samples, RunDirectory.read(samples) + all);
        } catch (CancellationException e) {
            out.println("No sample: asked to stop");
        }
    }

    private void requireGoingOn() {
        if (stop.requested()) {
            throw new CancellationException();
        }
    }

    private String heading() {
        return "===== step " + run.step() + " =====\n";
    }

    /** Removes the samples of later steps: they will be made again. */
    private void truncateSamples() {
        String text = RunDirectory.read(samples);
        int kept =
                HEADING.matcher(text)
                        .results()
                        .filter(found -> Long.parseLong(found.group(1)) > run.step())
                        .mapToInt(MatchResult::start)
                        .findFirst()
                        .orElse(text.length());
        AtomicFiles.write(samples, text.substring(0, kept));
    }

    private void save() {
        if (spark != null) {
            spark.save();
        }
        run.checkpoint(directory.checkpoints());
        String title = options.preset + ", " + options.optimizer;
        Metrics.plot(title, rows, directory.file("loss.png"));
        Spectra.plot(title, spectra, directory.file("spectra.png"));
    }
}
