package io.github.djlspectral.examples.isometry;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Finished runs, a JSON file for each, so that several processes may add some.
 *
 * @param directory above {@code runs}, and {@code tuning} for trials of learning rates
 */
record OutcomeFiles(Path directory) {

    private static final Gson GSON =
            new GsonBuilder().setPrettyPrinting().serializeSpecialFloatingPointValues().create();

    private Path path(DeepRun run) {
        return directory.resolve(run.isTuning() ? "tuning" : "runs").resolve(run.fileName());
    }

    boolean has(DeepRun run) {
        return Files.exists(path(run));
    }

    /** Writes a run, whole or not at all. */
    void write(DeepOutcome outcome) {
        Table.write(path(outcome.run()), List.of(GSON.toJson(outcome)));
    }

    /**
     * Returns a run if it was done before.
     *
     * @throws BadInputException if its file is damaged, or of another run or other images
     */
    Optional<DeepOutcome> find(DeepRun run, DeepOutcome.Images images) {
        Path path = path(run);
        if (!Files.exists(path)) {
            return Optional.empty();
        }
        DeepOutcome outcome = read(path);
        if (!outcome.run().equals(run) || !outcome.images().equals(images)) {
            throw other(path, outcome, run.settings(), images);
        }
        return Optional.of(outcome);
    }

    /**
     * Checks that runs belong in one table with those that are here.
     *
     * @throws BadInputException if some are of other images, or differ in what is no column
     */
    void requireComparable(IsometrySettings settings, DeepOutcome.Images images) {
        for (Path path : paths()) {
            DeepOutcome outcome = read(path);
            if (!outcome.run().settings().isComparable(settings)
                    || !outcome.images().equals(images)) {
                throw other(path, outcome, settings, images);
            }
        }
    }

    private static BadInputException other(
            Path path, DeepOutcome outcome, IsometrySettings settings, DeepOutcome.Images images) {
        return new BadInputException(
                path
                        + " was run with "
                        + outcome.run().settings()
                        + " on "
                        + outcome.images()
                        + ", this is "
                        + settings
                        + " on "
                        + images
                        + ": choose another --out");
    }

    /**
     * Returns all runs but those for tuning, in the order of their files' names.
     *
     * @throws BadInputException if there is none or a file is damaged
     */
    List<DeepOutcome> all() {
        List<DeepOutcome> outcomes = paths().stream().map(OutcomeFiles::read).toList();
        if (outcomes.isEmpty()) {
            throw new BadInputException("There is no finished run in " + directory);
        }
        return outcomes;
    }

    private List<Path> paths() {
        Path runs = directory.resolve("runs");
        if (!Files.isDirectory(runs)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(runs)) {
            return files.filter(file -> file.toString().endsWith(".json")).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + runs + " (" + e + ")", e);
        }
    }

    private static DeepOutcome read(Path path) {
        try {
            DeepOutcome outcome = GSON.fromJson(Files.readString(path), DeepOutcome.class);
            if (outcome == null || outcome.run() == null || outcome.epochs() == null) {
                throw new BadInputException(path + " is damaged; delete it to run it again");
            }
            return outcome;
        } catch (JsonParseException e) {
            throw new BadInputException(path + " is damaged; delete it to run it again", e);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + path + " (" + e + ")", e);
        }
    }
}
