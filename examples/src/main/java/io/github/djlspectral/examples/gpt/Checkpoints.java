package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.ParameterList;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.JsonUtils;
import com.google.gson.JsonParseException;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.io.SafetensorsWriter;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.OptimizerState;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.commons.codec.digest.DigestUtils;

/**
 * The checkpoints of a run, one directory each, written whole or not at all, so that at any moment
 * the newest one is whole.
 *
 * @param directory holds them; it is created when one is written
 */
record Checkpoints(Path directory) {

    static final String OPTIMIZER = "optimizer.safetensors";

    private static final String MODEL = "model.safetensors";
    private static final String CONTENTS = "checkpoint.json";
    private static final String PREFIX = "step-";
    private static final String DAMAGED = " is damaged: its files do not match their checksums";

    /** The JSON file: of what it is, without time, and the checksum of each other file by name. */
    private record Contents(int step, Gpt2Config model, Map<String, String> sha256) {}

    /** A finished checkpoint: where it lies, and of what it is. */
    record Checkpoint(Path directory, int step, Gpt2Config model) {

        /** Returns what reads the stored parameters by their names. */
        Function<String, float[]> weights() {
            try {
                return Safetensors.open(directory.resolve(MODEL))::read;
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

        void requireModel(Gpt2Config expected) {
            unless(
                    model.equals(expected),
                    "%s holds a model of another architecture: %s, but this run needs %s",
                    directory,
                    model,
                    expected);
        }
    }

    /** Makes parameters the initial values of a block that is not yet initialised. */
    static void initialize(Block block, Function<String, float[]> weights) {
        for (String name : block.getParameters().keys()) {
            Initializer stored =
                    (manager, shape, type) -> manager.create(weights.apply(name), shape);
            block.getParameters().get(name).setInitializer(stored);
        }
    }

    /**
     * Writes a checkpoint and then deletes the oldest ones.
     *
     * @param step the number of steps done
     * @param keep the number of checkpoints to keep, at least 1
     * @param weights gives each parameter by its name, to be written as float32
     * @param more writes the other files
     * @throws UncheckedIOException if it cannot be written; earlier checkpoints are untouched
     */
    void write(
            int step,
            Gpt2Config model,
            int keep,
            Function<String, float[]> weights,
            AtomicFiles.Content<Path> more) {
        Path target = directory.resolve(PREFIX + Table.text("%06d", step));
        try {
            AtomicFiles.replaceFolder(
                    target,
                    partial -> {
                        writeModel(step, model, weights, partial.resolve(MODEL));
                        more.writeTo(partial);
                        Map<String, String> sums = new TreeMap<>();
                        for (Path file : list(partial)) {
                            sums.put(file.getFileName().toString(), sha256(file));
                        }
                        String json = JsonUtils.GSON_PRETTY.toJson(new Contents(step, model, sums));
                        Files.writeString(partial.resolve(CONTENTS), json);
                    });
        } catch (UncheckedIOException e) {
            String format =
                    "Cannot write the checkpoint %s (%s); earlier checkpoints are untouched: make"
                            + " room, then --resume";
            throw new UncheckedIOException(format.formatted(target, e.getCause()), e.getCause());
        }
        newestFirst().stream().skip(keep).forEach(AtomicFiles::deleteAll);
    }

    private static void writeModel(
            int step, Gpt2Config shape, Function<String, float[]> weights, Path path) {
        String model = JsonUtils.GSON_COMPACT.toJson(shape);
        SafetensorsWriter writer = new SafetensorsWriter(Map.of("step", "" + step, "model", model));
        ParameterList parameters = Gpt2.builder().setConfig(shape).build().getParameters();
        for (String name : new TreeSet<>(parameters.keys())) {
            Shape size = parameters.get(name).getShape();
            writer.add(name, size, DataType.FLOAT32, () -> weights.apply(name));
        }
        writer.write(path);
    }

    /**
     * Returns the newest checkpoint that is whole; standard error names those that are not.
     *
     * @throws BadInputException if there are checkpoints but all are damaged
     */
    Optional<Checkpoint> newest() {
        List<Path> all = newestFirst();
        for (Path candidate : all) {
            Optional<Checkpoint> checkpoint = read(candidate);
            if (checkpoint.isPresent()) {
                return checkpoint;
            }
            System.err.println(
                    "The checkpoint " + candidate + DAMAGED + "; looking for an older one");
        }
        unless(all.isEmpty(), "Every checkpoint in %s%s", directory, DAMAGED);
        return Optional.empty();
    }

    /** Returns the newest checkpoint as {@link #newest}, and fails if there is none. */
    Checkpoint required() {
        String message = directory.getParent() + " has no checkpoint yet";
        return newest().orElseThrow(() -> new BadInputException(message));
    }

    /**
     * Returns the newest checkpoint, or that of a step, and no other in its place.
     *
     * @param step null for the newest
     * @throws BadInputException if there is none, or it is damaged
     */
    Checkpoint exactly(Integer step) {
        List<Path> all = newestFirst();
        List<Integer> steps = all.stream().map(Checkpoints::step).sorted().toList();
        String there = all.isEmpty() ? "" : "; there are " + steps;
        List<Path> wanted =
                all.stream().filter(path -> step == null || step(path) == step).toList();
        unless(
                !wanted.isEmpty(),
                "%s has no checkpoint%s%s",
                directory,
                step == null ? " yet" : " of --step " + step,
                there);
        String damaged =
                "The checkpoint " + wanted.get(0) + DAMAGED + "; name an older one with --step";
        return read(wanted.get(0)).orElseThrow(() -> new BadInputException(damaged + there));
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
            return Optional.of(new Checkpoint(checkpoint, contents.step(), contents.model()));
        } catch (IOException | JsonParseException e) {
            return Optional.empty(); // half-copied or cut off; an older one may be whole
        }
    }

    private List<Path> newestFirst() {
        return list(directory).stream()
                .filter(path -> path.getFileName().toString().matches(PREFIX + "\\d+"))
                .sorted(Comparator.comparingInt(Checkpoints::step).reversed())
                .toList();
    }

    private static int step(Path checkpoint) {
        return Integer.parseInt(checkpoint.getFileName().toString().substring(PREFIX.length()));
    }

    private static List<Path> list(Path directory) {
        if (!Files.isDirectory(directory)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(directory)) {
            return files.toList();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot list " + directory + " (" + e + ")", e);
        }
    }

    private static String sha256(Path file) throws IOException {
        return new DigestUtils("SHA-256").digestAsHex(file.toFile());
    }
}
