package io.github.djlspectral.examples.gpt;

import ai.djl.engine.Engine;
import ai.djl.util.JsonUtils;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.torch.Bfloat16;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The file {@code config.json} of a run: everything that is needed to understand and repeat it.
 *
 * @param options all options, the preset's and the user's
 * @param model the model's shape
 * @param data the corpus, for people
 * @param dataSha256 of the beginning of the corpus; what older versions kept
 * @param dataChecksum of all of the corpus, which tells whether it is still the same; null in runs
 *     of older versions
 * @param versions what the run began with, by name
 * @param bfloat16 how bfloat16 numbers are multiplied, a value of {@link Bfloat16#PROPERTY}; null
 *     if there are none, on a GPU, and for runs of older versions, which did not keep it
 * @param changes what was changed when the run was resumed, a line each
 */
record RunConfig(
        TrainingOptions options,
        Gpt2Config model,
        String data,
        String dataSha256,
        String dataChecksum,
        Map<String, String> versions,
        String bfloat16,
        List<String> changes) {

    private static final int HASHED_TOKENS = 1 << 20;

    /** Describes a run that begins now. */
    static RunConfig of(TrainingOptions options, Corpus corpus) {
        return new RunConfig(
                options,
                options.model(corpus.tokenizer().vocabSize()),
                corpus.description(),
                fingerprint(corpus),
                checksum(corpus),
                Versions.of(Engine.getEngine("PyTorch")),
                bfloat16(options),
                List.of());
    }

    private static String bfloat16(TrainingOptions options) {
        boolean cpu = !Devices.of(options.device).isGpu();
        return cpu && options.precision == Precision.BFLOAT16 ? Bfloat16.onCpu() : null;
    }

    /**
     * Describes a run that has a model from elsewhere and no data.
     *
     * @param from where the model is from
     */
    static RunConfig imported(Path from, Gpt2Config model) {
        TrainingOptions options =
                TrainingOptions.of(
                        "--preset=gpt2",
                        "--init=" + from,
                        "--dropout=" + model.dropout(),
                        "--precision=float32",
                        "--batch=4",
                        "--accumulate=1");
        options.data = null;
        return new RunConfig(
                options,
                model,
                "other data (imported from " + from + ")",
                "",
                "",
                Versions.of(Engine.getEngine("PyTorch")),
                null,
                List.of());
    }

    /** Fails if the run has a model from elsewhere. */
    void requireTrainedHere() {
        BadInputException.unless(
                options.data != null,
                "This model was trained on %s and cannot be resumed; start a run from it with --init",
                data);
    }

    /**
     * Has products computed as they were when the run began, unless the user has chosen how. What
     * this machine is measured to be faster at may differ from one process to the next.
     */
    void keepArithmetic() {
        if (bfloat16 != null && System.getProperty(Bfloat16.PROPERTY) == null) {
            System.setProperty(Bfloat16.PROPERTY, bfloat16);
        }
    }

    /**
     * Returns the options to continue with.
     *
     * @param arguments what the user gives now
     * @throws BadInputException if they would make it another run
     */
    TrainingOptions resumed(List<String> arguments) {
        String json = JsonUtils.GSON.toJson(options);
        TrainingOptions changed = JsonUtils.GSON.fromJson(json, TrainingOptions.class);
        changed.overlay(arguments);
        changed.requireSameRun(options);
        return changed;
    }

    /** Fails unless the corpus is the one that the run began with. */
    void requireSameData(RunConfig now) {
        boolean same =
                dataChecksum == null
                        ? dataSha256.equals(now.dataSha256)
                        : dataChecksum.equals(now.dataChecksum);
        BadInputException.unless(
                same,
                "The data has changed since the run began: then %s, now %s; start a new run in"
                        + " another --out",
                data,
                now.data);
    }

    /** Returns the number of tokens and the checksum of each shard. */
    private static String checksum(Corpus corpus) {
        return Stream.of(corpus.train(), corpus.validation())
                .map(
                        split ->
                                split.stream()
                                        .map(s -> s.length() + ":" + Long.toHexString(s.checksum()))
                                        .collect(Collectors.joining(" ")))
                .collect(Collectors.joining(" / ", "crc32c ", ""));
    }

    /** Returns a checksum of the numbers of tokens and the first million of each split. */
    private static String fingerprint(Corpus corpus) {
        MessageDigest digest = Checkpoints.sha256();
        for (List<TokenShard> split : List.of(corpus.train(), corpus.validation())) {
            long left = HASHED_TOKENS;
            for (TokenShard shard : split) {
                int count = (int) Math.min(left, shard.length());
                ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES + count * Short.BYTES);
                bytes.putLong(shard.length());
                int[] tokens = new int[count];
                shard.read(0, tokens);
                for (int token : tokens) {
                    bytes.putShort((short) token);
                }
                digest.update(bytes.array());
                left -= count;
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /**
     * Takes options that differ from the run's into its configuration, and says what that does.
     *
     * @param now the options to continue with, {@link #resumed}
     * @param step the last step that was made with the old ones
     */
    void change(TrainingOptions now, int step, RunDirectory directory, PrintStream out) {
        List<String> differences = now.differences(options);
        if (differences.isEmpty()) {
            return;
        }
        List<String> all = new ArrayList<>(changes == null ? List.of() : changes);
        for (String difference : differences) {
            out.println("From step " + (step + 1) + " on: " + difference);
            all.add("from step " + (step + 1) + " on: " + difference);
        }
        if (now.steps != options.steps) {
            String schedule =
                    "The schedule is that of a run of %d steps from now on: the learning rate of"
                            + " step %d is %.4g instead of %.4g%n";
            float rate = now.rate().getNewValue(step + 1);
            float old = options.rate().getNewValue(step + 1);
            out.printf(Locale.ROOT, schedule, now.steps, step + 1, rate, old);
        }
        new RunConfig(
                        now,
                        model,
                        data,
                        dataSha256,
                        dataChecksum,
                        versions,
                        bfloat16,
                        List.copyOf(all))
                .write(directory.config());
    }

    void write(Path path) {
        AtomicFiles.write(path, JsonUtils.GSON_PRETTY.toJson(this) + "\n");
    }

    /**
     * Reads the configuration of a run.
     *
     * @throws BadInputException if there is none or it is damaged
     * @throws UncheckedIOException if it cannot be read
     */
    static RunConfig read(Path path) {
        try {
            RunConfig config = JsonUtils.GSON.fromJson(Files.readString(path), RunConfig.class);
            BadInputException.unless(
                    config != null && config.options != null && config.model != null,
                    "%s is empty, or lacks options or model, and so is not the configuration of a"
                            + " run: delete it to begin again there",
                    path);
            TrainChecks.requireComplete(config.options);
            return config;
        } catch (NoSuchFileException e) {
            throw new BadInputException(
                    "There is no run in " + path.getParent() + ": " + path + " does not exist", e);
        } catch (BadInputException e) {
            throw e;
        } catch (RuntimeException e) { // Gson's own, and what numbers and the model's shape throw
            Throwable cause = e;
            while (cause.getCause() != null) {
                cause = cause.getCause();
            }
            throw new BadInputException(
                    path + " is not the configuration of a run: " + cause.getMessage(), e);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
        }
    }
}
