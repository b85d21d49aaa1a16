package io.github.djlspectral.examples.gpt;

import ai.djl.TrainingDivergedException;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.optim.diagnostics.UpdateSpectra;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The training loop with everything around it: validation, checkpoints, samples, metrics and
 * progress. One object is one process's share of a run.
 */
final class Training {

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
    private final Samples samples;
    private final List<Metrics.Row> rows = new ArrayList<>();
    private final List<UpdateSpectra> spectra = new ArrayList<>();
    private final double secondsBefore;
    private final long begin = System.nanoTime();

    private Training(
            TrainingOptions options,
            RunDirectory directory,
            Corpus corpus,
            TrainingRun run,
            StopSignal stop,
            PrintStream out) {
        this.options = options;
        this.directory = directory;
        this.corpus = corpus;
        this.run = run;
        this.stop = stop;
        progress = new Progress(out, run.step(), options.steps);
        samples = new Samples(directory.samples());
        if (run.step() > 0) {
            rows.addAll(Metrics.read(directory.metrics(), run.step()));
            spectra.addAll(Spectra.read(directory.spectra(), run.step()));
        }
        secondsBefore = rows.isEmpty() ? 0 : last().seconds();
        run.continueAfter(rows.isEmpty() ? 0 : last().skipped());
    }

    /**
     * Trains a model, or continues to. To continue in bfloat16 as the run began, it sets the system
     * property {@link io.github.djlspectral.torch.Bfloat16#PROPERTY}, unless the user has.
     *
     * @param arguments the options of {@code train}, as on the command line
     * @param loader finds the data
     * @param out receives the progress
     * @throws io.github.djlspectral.text.BadInputException if an option, a file of the run or the
     *     data is at fault
     * @throws java.io.UncheckedIOException if a file cannot be read or written
     * @throws TrainingDivergedException if the loss or a gradient is not finite, more often than
     *     {@code --skip-nonfinite}; {@code diverged.txt} in the run's directory then says so too
     */
    @SuppressWarnings("try") // locks are held, not used
    static void train(List<String> arguments, CorpusLoader loader, PrintStream out) {
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
            Checkpoints.Checkpoint checkpoint = null;
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
                stop.hold();
                if (saved == null) {
                    directory.requireUnused(); // by a process that was faster
                    directory.create(config, corpus.tokenizer(), run.routing());
                } else {
                    directory.clearDivergence();
                    saved.change(options, run.step(), directory, out);
                }
                try {
                    new Training(options, directory, corpus, run, stop, out).loop();
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
                        : Exchange.open(Path.of(options.init)).tokenizer(options);
        return loader.load(options.data, tokenizer);
    }

    private void loop() {
        samples.truncateAfter(run.step());
        makeUp();
        try (Metrics metrics = Metrics.open(directory.metrics(), rows);
                Spectra measured = openSpectra()) {
            if (run.step() == 0) {
                record(metrics, Metrics.Row.first(run.validate(stop::requested), seconds()), 0);
            }
            while (run.step() < options.steps) {
                long start = System.nanoTime();
                TrainingRun.StepResult step = stepOrSkip();
                double seconds = (System.nanoTime() - start) * NANO;
                if (step == null) {
                    save();
                    progress.line("Stopped; continue with --resume --out " + directory.path());
                    return;
                }
                float loss = due(options.evalEvery) ? run.validate(stop::requested) : Float.NaN;
                record(metrics, row(step, loss, seconds), seconds);
                recordSpectra(measured);
                if (sampleDue()) {
                    sample();
                }
                if (due(options.checkpointEvery)) {
                    save();
                }
            }
        }
        progress.line("All " + options.steps + " steps done: " + directory.path());
    }

    /** Does what a stop kept an earlier process from doing after its last step. */
    private void makeUp() {
        if (run.step() == 0) {
            return;
        }
        if (due(options.evalEvery) && !last().evaluated()) {
            float loss = run.validate(stop::requested);
            rows.set(rows.size() - 1, last().withValidation(loss));
        }
        if (sampleDue() && !samples.has(run.step())) {
            sample();
        }
    }

    private Metrics.Row last() {
        return rows.get(rows.size() - 1);
    }

    /** Makes a step, with other batches if it fails; returns null if asked to stop before. */
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

    private Metrics.Row row(TrainingRun.StepResult step, float validationLoss, double seconds) {
        return new Metrics.Row(
                run.step(),
                step.loss(),
                validationLoss,
                step.learningRate(),
                step.gradientNorm(),
                run.step() * options.tokensPerStep(),
                seconds(),
                options.tokensPerStep() / seconds,
                run.skipped());
    }

    private void record(Metrics metrics, Metrics.Row row, double stepSeconds) {
        metrics.append(row);
        rows.add(row);
        progress.report(row, stepSeconds);
    }

    /** Returns the log of spectra; null if there is nothing to measure. */
    private Spectra openSpectra() {
        return options.spectrumEvery == 0 ? null : Spectra.open(directory.spectra(), spectra);
    }

    private void recordSpectra(Spectra log) {
        List<UpdateSpectra> measured = run.spectra();
        if (!measured.isEmpty()) {
            log.append(measured);
            spectra.addAll(measured);
        }
    }

    /** Whether something is to be done after this step; after the last one everything is. */
    private boolean due(int every) {
        return run.step() % every == 0 || run.step() == options.steps;
    }

    private boolean sampleDue() {
        return options.sampleEvery > 0 && due(options.sampleEvery);
    }

    /** Lets the model continue the beginning of the validation text, unless asked to stop. */
    private void sample() {
        TokenShard unseen = corpus.validation().get(0);
        int[] prompt = new int[(int) Math.min(SAMPLE_PROMPT_TOKENS, unseen.length())];
        unseen.read(0, prompt);
        GenerationOptions generation =
                new GenerationOptions()
                        .withMaxTokens(SAMPLE_TOKENS)
                        .withTemperature(SAMPLE_TEMPERATURE)
                        .withSeed(TrainingRun.mix(options.seed, run.step()));
        try {
            String text =
                    run.generator(corpus.tokenizer())
                            .generate(prompt, generation, piece -> requireGoingOn());
            samples.append(run.step(), corpus.tokenizer().decode(prompt) + text);
        } catch (CancellationException e) {
            progress.line("No sample: asked to stop");
        }
    }

    private void requireGoingOn() {
        if (stop.requested()) {
            throw new CancellationException();
        }
    }

    private void save() {
        run.checkpoint(directory.checkpoints());
        String title = options.preset + ", " + options.optimizer;
        Metrics.plot(title, rows, directory.plot());
        Spectra.plot(title, spectra, directory.spectraPlot());
    }

    private double seconds() {
        return secondsBefore + (System.nanoTime() - begin) * NANO;
    }

    /** The file {@code samples.txt} of a run: what the model writes as it learns. */
    private record Samples(Path path) {

        private static final Pattern HEADING = Pattern.compile("(?m)^===== step (\\d+) =====$");

        /** Appends a sample. */
        void append(int step, String text) {
            write("===== step " + step + " =====\n" + text + "\n\n", StandardOpenOption.APPEND);
        }

        /** Tells whether there is a sample of a step. */
        boolean has(int step) {
            try {
                return Files.exists(path)
                        && Files.readString(path).contains("===== step " + step + " =====\n");
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
            }
        }

        /** Removes the samples of later steps: they will be made again. */
        void truncateAfter(int lastStep) {
            try {
                String text = Files.exists(path) ? Files.readString(path) : "";
                Matcher heading = HEADING.matcher(text);
                while (heading.find()) {
                    if (Long.parseLong(heading.group(1)) > lastStep) {
                        text = text.substring(0, heading.start());
                        break;
                    }
                }
                write(text, StandardOpenOption.TRUNCATE_EXISTING);
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
            }
        }

        private void write(String text, StandardOpenOption mode) {
            try {
                Files.writeString(
                        path, text, StandardOpenOption.CREATE, StandardOpenOption.WRITE, mode);
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot write " + path + " (" + e + ")", e);
            }
        }
    }
}
