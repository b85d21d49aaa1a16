package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.engine.Engine;
import ai.djl.util.JsonUtils;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.experiment.Environment;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenizer;
import io.github.djlspectral.torch.Bfloat16;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The files of a run. */
record RunDirectory(Path path) {

    static final String METRICS = "metrics.csv";

    /** The file that says why the run cannot go on; it exists only then. */
    static final String DIVERGED = "diverged.txt";

    private static final String FREE_ON_RESUME =
            "--(data|steps|checkpoint-every|keep|skip-nonfinite|spectrum-every|recompute|spark)";
    private static final String CONFIG = "config.json";
    private static final String TOKENIZER = "tokenizer.json";

    Path file(String name) {
        return path.resolve(name);
    }

    Checkpoints checkpoints() {
        return new Checkpoints(file("checkpoints"));
    }

    Tokenizer tokenizer() {
        return Tokenizer.load(file(TOKENIZER));
    }

    /** Returns the text of a file; an empty one if there is no file. */
    static String read(Path file) {
        try {
            return Files.exists(file) ? Files.readString(file) : "";
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + file + " (" + e + ")", e);
        }
    }

    boolean hasRun() {
        return !read(file(CONFIG)).isEmpty(); // a full disk leaves an empty one
    }

    void requireUnused() {
        unless(
                !hasRun(),
                "%s already has a run: add --resume to continue it, or choose another --out",
                path);
    }

    /** Keeps other processes from this run until the lock is closed. */
    AtomicFiles.Lock lock() {
        try {
            Files.createDirectories(path);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "Cannot write to the directory " + path + " (" + e + "); choose another --out",
                    e);
        }
        return AtomicFiles.lock(path);
    }

    /** Writes the files that make it a run. */
    void create(Config config, Tokenizer tokenizer) {
        tokenizer.save(file(TOKENIZER));
        write(config);
    }

    private void write(Config config) {
        AtomicFiles.write(file(CONFIG), JsonUtils.GSON_PRETTY.toJson(config) + "\n");
    }

    Config config() {
        Path file = file(CONFIG);
        unless(Files.exists(file), "There is no run in %s: %s does not exist", path, file);
        String json = read(file);
        try {
            Config config = JsonUtils.GSON.fromJson(json, Config.class);
            unless(
                    config != null && config.options != null && config.model != null,
                    "%s is empty, or lacks options or model, and so is not the configuration of a"
                            + " run: delete it to begin again there",
                    file);
            config.options.requireComplete();
            return config;
        } catch (BadInputException e) {
            throw e;
        } catch (RuntimeException e) { // Gson's own, and what numbers and the model's shape throw
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            throw new BadInputException(
                    file + " is not the configuration of a run: " + cause.getMessage(), e);
        }
    }

    /** Takes options that differ after a step into the configuration, and says what that does. */
    void change(Config was, TrainingOptions now, int step, PrintStream out) {
        Map<String, Object> changed = changed(was.options, now);
        if (changed.isEmpty()) {
            return;
        }
        Map<String, Object> before = was.options.values();
        List<String> all = new ArrayList<>(was.changes == null ? List.of() : was.changes);
        changed.forEach(
                (option, value) -> {
                    String what =
                            " on: " + option + " " + value + " instead of " + before.get(option);
                    out.println("From step " + (step + 1) + what);
                    all.add("from step " + (step + 1) + what);
                });
        if (now.steps != was.options.steps) {
            out.println(
                    Table.text(
                            "The schedule is that of a run of %d steps from now on: the learning"
                                    + " rate of step %d is %.4g instead of %.4g",
                            now.steps,
                            step + 1,
                            now.rate().getNewValue(step + 1),
                            was.options.rate().getNewValue(step + 1)));
        }
        write(was.with(now, all));
    }

    /**
     * Fails if an option differs that decides what a run computes. How long it goes on, and when it
     * is saved, may change.
     */
    static void requireSameRun(TrainingOptions before, TrainingOptions now) {
        Map<String, Object> old = before.values();
        changed(before, now)
                .forEach(
                        (option, value) ->
                                unless(
                                        option.matches(FREE_ON_RESUME),
                                        "%s is %s, but the run to resume has %s: leave the option"
                                                + " out, or start a new run in another --out",
                                        option,
                                        value,
                                        old.get(option)));
    }

    /** Returns the options that have another value now; where the run lies is no part of it. */
    private static Map<String, Object> changed(TrainingOptions before, TrainingOptions now) {
        // Earlier versions took a rate that nothing used.
        String ignored = now.isSpectral() ? "--(out|resume)" : "--(out|resume|adamw-lr)";
        Map<String, Object> changed = now.values();
        changed.entrySet().removeAll(before.values().entrySet());
        changed.keySet().removeIf(option -> option.matches(ignored));
        return changed;
    }

    /**
     * The file {@code config.json}: everything that is needed to understand and repeat a run.
     *
     * @param data the corpus, for people
     * @param dataChecksum of all of the corpus, which tells whether it is still the same
     * @param versions what the run began with, by name
     * @param bfloat16 how bfloat16 numbers are multiplied, a value of {@link Bfloat16#PROPERTY};
     *     null on a GPU
     * @param changes what was changed when the run was resumed, a line each
     */
    record Config(
            TrainingOptions options,
            Gpt2Config model,
            String data,
            String dataChecksum,
            Map<String, String> versions,
            String bfloat16,
            List<String> changes) {

        /** Describes a run that begins now. */
        static Config of(TrainingOptions options, Corpus corpus) {
            boolean cpu = !Environment.device(options.device).isGpu();
            return new Config(
                    options,
                    options.model(corpus.tokenizer().vocabSize()),
                    corpus.description(),
                    corpus.checksum(),
                    Environment.versions(Engine.getEngine("PyTorch")),
                    cpu ? Bfloat16.onCpu() : null,
                    List.of());
        }

        /** Describes a run that has a model from elsewhere and no data. */
        static Config imported(Path from, Gpt2Config model) {
            TrainingOptions options =
                    TrainingOptions.of(
                            "--preset=gpt2",
                            "--init=" + from,
                            "--dropout=" + model.dropout(),
                            "--precision=float32",
                            "--batch=4",
                            "--accumulate=1");
            options.data = null;
            String data = "other data (imported from " + from + ")";
            Map<String, String> versions = Environment.versions(Engine.getEngine("PyTorch"));
            return new Config(options, model, data, "", versions, null, List.of());
        }

        private Config with(TrainingOptions now, List<String> all) {
            return new Config(now, model, data, dataChecksum, versions, bfloat16, all);
        }

        /** Returns the options to continue with, if those given now do not make another run. */
        TrainingOptions resumed(Map<String, Object> given) {
            unless(
                    options.data != null,
                    "This model was trained on %s and cannot be resumed; start a run from it with"
                            + " --init",
                    data);
            TrainingOptions now = new TrainingOptions();
            now.set(options.values());
            now.overlay(given);
            requireSameRun(options, now);
            return now;
        }

        void requireSameData(Config now) {
            unless(
                    now.dataChecksum.equals(dataChecksum),
                    "The data has changed since the run began: then %s, now %s; start a new run in"
                            + " another --out",
                    data,
                    now.data);
        }

        /**
         * Has products computed as they were when the run began, unless the user has chosen how.
         * What this machine is measured to be faster at may differ from one process to the next.
         */
        void keepArithmetic() {
            // A run in float32 that does not know began before Muon used bfloat16 on CPUs.
            boolean old = bfloat16 == null && options.precision == Precision.FLOAT32;
            String kept = old ? "rounded" : bfloat16;
            if (kept != null && System.getProperty(Bfloat16.PROPERTY) == null) {
                System.setProperty(Bfloat16.PROPERTY, kept);
            }
        }
    }
}
