package io.github.djlspectral.examples.train;

import ai.djl.TrainingDivergedException;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.generate.TextGenerator;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.optim.diagnostics.UpdateSpectra;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenizer;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;

/**
 * The training loop with everything around it: validation, checkpoints, samples, metrics and
 * progress. One session is one process's share of a run.
 */
public final class TrainingSession {

    private static final double NANO = 1e-9;
    private static final int SAMPLE_PROMPT_TOKENS = 16;
    private static final int SAMPLE_TOKENS = 256;
    private static final double SAMPLE_TEMPERATURE = 0.8;

    private final TrainingOptions options;
    private final RunDirectory directory;
    private final Corpus corpus;
    private final TrainingRun run;
    private final StopSignal stop;
    private final Progress progress;
    private final List<MetricsRow> rows;
    private final List<UpdateSpectra> spectra;
    private final double secondsBefore;
    private final long begin = System.nanoTime();

    private TrainingSession(
            TrainingOptions options,
            RunDirectory directory,
            Corpus corpus,
            TrainingRun run,
            StopSignal stop,
            Progress progress) {
        this.options = options;
        this.directory = directory;
        this.corpus = corpus;
        this.run = run;
        this.stop = stop;
        this.progress = progress;
        rows = new ArrayList<>();
        spectra = new ArrayList<>();
        if (run.step() > 0) {
            rows.addAll(MetricsLog.read(directory.metrics(), run.step()));
            spectra.addAll(SpectraLog.read(directory.spectra(), run.step()));
        }
        secondsBefore = rows.isEmpty() ? 0 : rows.get(rows.size() - 1).seconds();
        run.continueAfter(rows.isEmpty() ? 0 : rows.get(rows.size() - 1).skipped());
    }

    /**
     * Trains a model, or continues to. To continue in bfloat16 as the run began, it sets the system
     * property {@link io.github.djlspectral.torch.Bfloat16#PROPERTY}, unless the user has.
     *
     * @param arguments the options of {@code train}, as on the command line
     * @param loader finds the data
     * @param out receives the progress
     * @throws BadInputException if an option or a file of the run is at fault
     * @throws io.github.djlspectral.text.BadInputException if the data is
     * @throws java.io.UncheckedIOException if a file cannot be read or written
     * @throws TrainingDivergedException if the loss or a gradient is not finite, more often than
     *     {@code --skip-nonfinite}; {@code diverged.txt} in the run's directory then says so too
     */
    @SuppressWarnings("try") // locks are held, not used
    public static void train(List<String> arguments, CorpusLoader loader, PrintStream out) {
        TrainingOptions options = TrainingOptions.of(arguments);
        Devices.of(options.device); // before anything is loaded for it
        RunDirectory directory = new RunDirectory(options.directory());
        RunConfig saved = null;
        if (options.resume) {
            saved = RunConfig.read(directory.config());
            saved.requireTrainedHere();
            saved.keepArithmetic();
            options = saved.resumed(arguments);
        } else {
            directory.requireUnused();
            options.makePathsAbsolute();
        }
        try (StopSignal stop = new StopSignal();
                AtomicFiles.Lock resumed = saved == null ? null : directory.lock();
                Corpus corpus = load(options, directory, loader)) {
            out.println(corpus.description());
            RunConfig config = RunConfig.of(options, corpus);
            Checkpoint checkpoint = null;
            if (saved != null) {
                saved.requireSameData(config);
                checkpoint = directory.checkpoints().newest().orElse(null);
                if (checkpoint == null) {
                    out.println("There is no checkpoint yet: beginning at step 0 again");
                }
            }
            try (TrainingRun run = new TrainingRun(options, corpus, checkpoint);
                    AtomicFiles.Lock begun = saved == null ? directory.lock() : null) {
                out.println(run.description());
                double rate = MachineSpeed.matrixProductRate(run.languageModel().manager());
                stop.hold();
                if (saved == null) {
                    directory.requireUnused(); // by a process that was faster
                    directory.create(config, corpus.tokenizer(), run.routing());
                } else {
                    directory.clearDivergence();
                    saved.change(options, run.step(), directory, out);
                }
                try (Progress progress =
                        new Progress(out, run.step(), options.steps, run.flopsPerToken(), rate)) {
                    new TrainingSession(options, directory, corpus, run, stop, progress).loop();
                } catch (TrainingDivergedException e) {
                    directory.recordDivergence(e.getMessage());
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
        Tokenizer tokenizer =
                options.resume
                        ? Tokenizer.load(directory.tokenizer())
                        : InitialModel.open(Path.of(options.init)).tokenizer(options);
        return loader.load(options.data, tokenizer);
    }

    private void loop() {
        samples().truncateAfter(run.step());
        if (run.step() > 0) {
            makeUp();
        }
        try (MetricsLog log = MetricsLog.open(directory.metrics(), rows);
                SpectraLog spectraLog = openSpectra()) {
            if (run.step() == 0) {
                record(log, untrained());
            }
            while (run.step() < options.steps) {
                MetricsRow row = step();
                if (row == null) {
                    save();
                    progress.line("Stopped; continue with --resume --out " + directory.path());
                    return;
                }
                record(log, row);
                recordSpectra(spectraLog);
                afterStep();
            }
        }
        progress.line("All " + options.steps + " steps done: " + directory.path());
    }

    /** Does what a stop kept an earlier process from doing after its last step. */
    private void makeUp() {
        MetricsRow last = rows.get(rows.size() - 1);
        if (due(options.evalEvery) && !last.evaluated()) {
            rows.set(rows.size() - 1, last.withValidation(run.validate(stop::requested)));
        }
        if (sampleDue() && !samples().has(run.step())) {
            appendSample();
        }
    }

    private void record(MetricsLog log, MetricsRow row) {
        log.append(row);
        rows.add(row);
        progress.report(row);
    }

    /** Returns the log of spectra; null if there is nothing to measure. */
    private SpectraLog openSpectra() {
        return options.spectrumEvery == 0 ? null : SpectraLog.open(directory.spectra(), spectra);
    }

    private void recordSpectra(SpectraLog log) {
        List<UpdateSpectra> measured = run.spectra();
        if (!measured.isEmpty()) {
            log.append(measured);
            spectra.addAll(measured);
        }
    }

    private MetricsRow untrained() {
        float loss = run.validate(stop::requested);
        return new MetricsRow(
                0, Float.NaN, loss, Float.NaN, Float.NaN, 0, seconds(), Double.NaN, 0);
    }

    /** Makes a step; returns null if asked to stop before it was complete. */
    private MetricsRow step() {
        long start = System.nanoTime();
        TrainingRun.StepResult result = stepOrSkip();
        if (result == null) {
            return null;
        }
        double speed = options.tokensPerStep() / ((System.nanoTime() - start) * NANO);
        return new MetricsRow(
                run.step(),
                result.loss(),
                due(options.evalEvery) ? run.validate(stop::requested) : Float.NaN,
                result.learningRate(),
                result.gradientNorm(),
                run.step() * options.tokensPerStep(),
                seconds(),
                speed,
                run.skipped());
    }

    private TrainingRun.StepResult stepOrSkip() {
        while (true) {
            try {
                return run.step(stop::requested);
            } catch (TrainingDivergedException e) {
                if (run.skipped() >= options.skipNonfinite) {
                    throw e;
                }
                run.skip();
                progress.line(
                        "Skipped a batch (%s of at most %s): %s"
                                .formatted(run.skipped(), options.skipNonfinite, e.getMessage()));
            }
        }
    }

    private void afterStep() {
        if (sampleDue()) {
            appendSample();
        }
        if (due(options.checkpointEvery)) {
            save();
        }
    }

    private boolean sampleDue() {
        return options.sampleEvery > 0 && due(options.sampleEvery);
    }

    /** Appends a sample, or none if asked to stop meanwhile. */
    private void appendSample() {
        try {
            samples().append(run.step(), sample());
        } catch (CancellationException e) {
            progress.line("No sample: asked to stop");
        }
    }

    /** Whether something is to be done after this step; after the last one everything is. */
    private boolean due(int every) {
        return run.step() % every == 0 || run.step() == options.steps;
    }

    private void save() {
        run.checkpoint(directory.checkpoints());
        String title = options.preset + ", " + options.optimizer;
        LossPlot.write(title, rows, directory.plot());
        SpectraPlot.write(title, spectra, directory.spectraPlot());
    }

    /** Lets the model continue the beginning of the validation text. */
    private String sample() {
        TokenShard unseen = corpus.validation().get(0);
        int[] prompt = new int[(int) Math.min(SAMPLE_PROMPT_TOKENS, unseen.length())];
        unseen.read(0, prompt);
        GenerationOptions generation =
                new GenerationOptions()
                        .withMaxTokens(SAMPLE_TOKENS)
                        .withTemperature(SAMPLE_TEMPERATURE)
                        .withSeed(Seeds.mix(options.seed, run.step()));
        LanguageModel model = run.languageModel();
        return corpus.tokenizer().decode(prompt)
                + new TextGenerator(model.gpt2(), corpus.tokenizer(), model.manager())
                        .generate(prompt, generation, piece -> requireGoingOn());
    }

    private void requireGoingOn() {
        if (stop.requested()) {
            throw new CancellationException();
        }
    }

    private Samples samples() {
        return new Samples(directory.samples());
    }

    private double seconds() {
        return secondsBefore + (System.nanoTime() - begin) * NANO;
    }
}
