package io.github.djlspectral.examples.gpt;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.util.JsonUtils;
import ai.djl.util.Pair;
import com.google.gson.JsonParseException;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.io.SafetensorsWriter;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.OptimizerState;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The checkpoints of a run, one directory each, written whole or not at all, so that at any moment
 * the newest one is whole.
 *
 * @param directory holds them; it is created when one is written
 */
record Checkpoints(Path directory) {

    static final String MODEL = "model.safetensors";
    static final String OPTIMIZER = "optimizer.safetensors";

    private static final String CONTENTS = "checkpoint.json";
    private static final String PREFIX = "step-";
    private static final int BUFFER = 1 << 16;

    /**
     * The JSON file of a checkpoint. It holds no time, so that equal states give equal files.
     *
     * @param step the number of optimizer steps done
     * @param model the model's shape
     * @param sha256 the checksum of each other file, by name
     */
    record Contents(int step, Gpt2Config model, Map<String, String> sha256) {}

    /** A finished checkpoint: where it lies, and what its JSON file says. */
    record Checkpoint(Path directory, Contents contents) {

        int step() {
            return contents.step();
        }

        /** Makes the stored parameters the initial values of a model not yet initialised. */
        void initialize(Block model) {
            model().initialize(model);
        }

        /** Returns the stored parameters. */
        ModelFile model() {
            try {
                return ModelFile.open(directory.resolve(MODEL));
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot read " + directory + " (" + e + ")", e);
            }
        }

        /** Gives an optimizer the stored state. */
        void restore(StatefulOptimizer optimizer, Block model) {
            try {
                OptimizerState.load(optimizer, model, directory.resolve(OPTIMIZER));
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot read " + directory + " (" + e + ")", e);
            }
        }

        /** Fails unless the checkpoint is of a model of this shape. */
        void requireModel(Gpt2Config expected) {
            BadInputException.unless(
                    contents.model().equals(expected),
                    "%s holds a model of another architecture: %s, but this run needs %s",
                    directory,
                    contents.model(),
                    expected);
        }
    }

    /**
     * Writes a checkpoint and then deletes the oldest ones.
     *
     * @param step the number of steps done
     * @param keep the number of checkpoints to keep, at least 1
     * @throws UncheckedIOException if it cannot be written; earlier checkpoints are untouched
     */
    void write(int step, Gpt2Config model, int keep, AtomicFiles.Content<Path> content) {
        Path target = directory.resolve(String.format(Locale.ROOT, "%s%06d", PREFIX, step));
        try {
            AtomicFiles.replaceFolder(
                    target,
                    partial -> {
                        content.writeTo(partial);
                        writeContents(partial, step, model);
                    });
            List<Path> all = newestFirst();
            all.subList(Math.min(keep, all.size()), all.size()).forEach(AtomicFiles::deleteAll);
        } catch (UncheckedIOException e) {
            String message =
                    "Cannot write the checkpoint %s (%s); earlier checkpoints are untouched: make"
                            + " room, then --resume";
            throw new UncheckedIOException(message.formatted(target, e.getCause()), e.getCause());
        }
    }

    /**
     * Returns the newest checkpoint that is whole; standard error names those that are not.
     *
     * @throws BadInputException if there are checkpoints but all are damaged
     * @throws UncheckedIOException if the directory cannot be read
     */
    Optional<Checkpoint> newest() {
        List<Path> all = newestFirst();
        for (Path candidate : all) {
            Optional<Checkpoint> checkpoint = read(candidate);
            if (checkpoint.isPresent()) {
                return checkpoint;
            }
            System.err.printf(
                    "The checkpoint %s is damaged: its files do not match their checksums; looking"
                            + " for an older one%n",
                    candidate);
        }
        BadInputException.unless(
                all.isEmpty(),
                "Every checkpoint in %s is damaged: its files do not match their checksums",
                directory);
        return Optional.empty();
    }

    /** Returns the newest checkpoint as {@link #newest}, and fails if there is none. */
    Checkpoint required() {
        return newest().orElseThrow(
                        () ->
                                new BadInputException(
                                        directory.getParent() + " has no checkpoint yet"));
    }

    /**
     * Returns the newest checkpoint, or that of a step, and no other in its place.
     *
     * @param step null for the newest
     * @throws BadInputException if there is none, or it is damaged
     * @throws UncheckedIOException if the directory cannot be read
     */
    Checkpoint exactly(Integer step) {
        List<Path> all = newestFirst();
        String there =
                all.isEmpty()
                        ? ""
                        : "; there are " + all.stream().map(Checkpoints::step).sorted().toList();
        Optional<Path> wanted =
                all.stream().filter(path -> step == null || step(path) == step).findFirst();
        BadInputException.unless(
                wanted.isPresent(),
                "%s has no checkpoint%s%s",
                directory,
                step == null ? " yet" : " of --step " + step,
                there);
        Optional<Checkpoint> checkpoint = read(wanted.get());
        BadInputException.unless(
                checkpoint.isPresent(),
                "The checkpoint %s is damaged: its files do not match their checksums; name an"
                        + " older one with --step%s",
                wanted.get(),
                there);
        return checkpoint.get();
    }

    /** Reads a checkpoint and compares its files with their checksums; empty if it is damaged. */
    private static Optional<Checkpoint> read(Path checkpoint) {
        try {
            String json = Files.readString(checkpoint.resolve(CONTENTS));
            Contents contents = JsonUtils.GSON.fromJson(json, Contents.class);
            if (contents == null || contents.model() == null || contents.sha256() == null) {
                return Optional.empty();
            }
            for (Map.Entry<String, String> file : contents.sha256().entrySet()) {
                if (!file.getValue().equals(sha256(checkpoint.resolve(file.getKey())))) {
                    return Optional.empty();
                }
            }
            return Optional.of(new Checkpoint(checkpoint, contents));
        } catch (IOException | JsonParseException e) {
            return Optional.empty(); // half-copied or cut off; an older one may be whole
        }
    }

    private static void writeContents(Path partial, int step, Gpt2Config model) throws IOException {
        Map<String, String> checksums = new TreeMap<>();
        for (Path file : list(partial)) {
            checksums.put(file.getFileName().toString(), sha256(file));
        }
        String json = JsonUtils.GSON_PRETTY.toJson(new Contents(step, model, checksums));
        Files.writeString(partial.resolve(CONTENTS), json);
    }

    private List<Path> newestFirst() {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try {
            return list(directory).stream()
                    .filter(path -> path.getFileName().toString().matches(PREFIX + "\\d+"))
                    .sorted(Comparator.comparingInt(Checkpoints::step).reversed())
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot list the checkpoints in " + directory, e);
        }
    }

    private static int step(Path checkpoint) {
        return Integer.parseInt(checkpoint.getFileName().toString().substring(PREFIX.length()));
    }

    private static List<Path> list(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.sorted().toList();
        }
    }

    private static String sha256(Path file) throws IOException {
        MessageDigest digest = sha256();
        byte[] buffer = new byte[BUFFER];
        try (InputStream in = Files.newInputStream(file)) {
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                digest.update(buffer, 0, count);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /** Returns an empty digest. */
    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("Every Java platform has SHA-256", e);
        }
    }

    /**
     * A model's parameters in our checkpoints: float32 in a file of the safetensors format, with
     * the step and the model's shape in its metadata. They are read and written one at a time.
     */
    static final class ModelFile {

        private final Path path;
        private final Safetensors source;

        private ModelFile(Path path, Safetensors source) {
            this.path = path;
            this.source = source;
        }

        /** Writes all parameters of an initialised model after a step. */
        static void write(int step, Gpt2 model, Path path) {
            SafetensorsWriter writer = writer(step, model.getConfig());
            parameters(model).forEach((name, parameter) -> writer.add(name, parameter.getArray()));
            writer.write(path);
        }

        /** Writes parameters as those of a model are written. */
        static void write(
                int step, Gpt2Config shape, Function<String, float[]> weights, Path path) {
            SafetensorsWriter writer = writer(step, shape);
            parameters(Gpt2.builder().setConfig(shape).build())
                    .forEach(
                            (name, parameter) ->
                                    writer.add(
                                            name,
                                            parameter.getShape(),
                                            DataType.FLOAT32,
                                            () -> weights.apply(name)));
            writer.write(path);
        }

        private static SafetensorsWriter writer(int step, Gpt2Config shape) {
            String model = JsonUtils.GSON_COMPACT.toJson(shape);
            return new SafetensorsWriter(Map.of("step", String.valueOf(step), "model", model));
        }

        private static Map<String, Parameter> parameters(Block block) {
            Map<String, Parameter> parameters = new TreeMap<>();
            for (Pair<String, Parameter> parameter : block.getParameters()) {
                parameters.put(parameter.getKey(), parameter.getValue());
            }
            return parameters;
        }

        /** Reads the header of a file. */
        static ModelFile open(Path path) throws IOException {
            return new ModelFile(path, Safetensors.open(path));
        }

        /** Returns the file. */
        Safetensors source() {
            return source;
        }

        /**
         * Makes these arrays the initial values of a block's parameters.
         *
         * @throws BadInputException if the block has other parameters
         */
        void initialize(Block block) {
            Map<String, Parameter> parameters = parameters(block);
            BadInputException.unless(
                    parameters.keySet().equals(source.names()),
                    "%s holds a model of another architecture: it has %s parameters, this model %s",
                    path,
                    source.names().size(),
                    parameters.size());
            parameters.forEach(
                    (name, parameter) ->
                            parameter.setInitializer(
                                    (manager, shape, type) -> read(name, manager, shape)));
        }

        /** Reads one array when its parameter is initialised. */
        private NDArray read(String name, NDManager manager, Shape shape) {
            BadInputException.unless(
                    source.shape(name).equals(shape),
                    "%s holds a model of another architecture: %s is %s there and %s in this model",
                    path,
                    name,
                    source.shape(name),
                    shape);
            return source.read(manager, name);
        }
    }
}
