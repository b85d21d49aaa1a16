package io.github.djlspectral.examples.train;

import ai.djl.util.JsonUtils;
import com.google.gson.JsonParseException;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The checkpoints of a run, one directory each, written whole or not at all, so that at any moment
 * the newest one is whole.
 */
final class Checkpoints {

    private static final String PREFIX = "step-";

    private final Path directory;

    /** Names the directory that holds the checkpoints; it is created when one is written. */
    Checkpoints(Path directory) {
        this.directory = directory;
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
            throw new UncheckedIOException(
                    "Cannot write the checkpoint "
                            + target
                            + " ("
                            + e.getCause()
                            + "); earlier checkpoints are untouched: make room, then --resume",
                    e.getCause());
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
            System.err.println(
                    "The checkpoint "
                            + candidate
                            + " is damaged: its files do not match their checksums; looking for an"
                            + " older one");
        }
        if (!all.isEmpty()) {
            throw new BadInputException(
                    "Every checkpoint in "
                            + directory
                            + " is damaged: its files do not match their checksums");
        }
        return Optional.empty();
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
        Path wanted =
                all.stream()
                        .filter(path -> step == null || step(path) == step)
                        .findFirst()
                        .orElseThrow(
                                () ->
                                        new BadInputException(
                                                directory
                                                        + " has no checkpoint"
                                                        + (step == null
                                                                ? " yet"
                                                                : " of --step " + step)
                                                        + present(all)));
        return read(wanted)
                .orElseThrow(
                        () ->
                                new BadInputException(
                                        "The checkpoint "
                                                + wanted
                                                + " is damaged: its files do not match their"
                                                + " checksums; name an older one with --step"
                                                + present(all)));
    }

    private static String present(List<Path> all) {
        return all.isEmpty()
                ? ""
                : "; there are " + all.stream().map(Checkpoints::step).sorted().toList();
    }

    /** Reads a checkpoint and compares its files with their checksums; empty if it is damaged. */
    private static Optional<Checkpoint> read(Path checkpoint) {
        try {
            Checkpoint.Contents contents =
                    JsonUtils.GSON.fromJson(
                            Files.readString(checkpoint.resolve(Checkpoint.CONTENTS)),
                            Checkpoint.Contents.class);
            if (contents == null || contents.model() == null || contents.sha256() == null) {
                return Optional.empty();
            }
            for (Map.Entry<String, String> file : contents.sha256().entrySet()) {
                if (!file.getValue().equals(Sha256.of(checkpoint.resolve(file.getKey())))) {
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
            checksums.put(file.getFileName().toString(), Sha256.of(file));
        }
        Files.writeString(
                partial.resolve(Checkpoint.CONTENTS),
                JsonUtils.GSON_PRETTY.toJson(new Checkpoint.Contents(step, model, checksums)));
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
}
