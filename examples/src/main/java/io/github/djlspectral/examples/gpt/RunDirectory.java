package io.github.djlspectral.examples.gpt;

import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The files of a run.
 *
 * @param path the directory
 */
record RunDirectory(Path path) {

    /** Fails if there is a run here already. */
    void requireUnused() {
        BadInputException.unless(
                !Files.exists(config()) || isEmpty(config()),
                "%s already has a run: add --resume to continue it, or choose another --out",
                path);
    }

    /** An empty file is what a full disk left of a run that never began. */
    private static boolean isEmpty(Path file) {
        try {
            return Files.size(file) == 0;
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + file + " (" + e + ")", e);
        }
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

    /**
     * Creates the directory with the files that make it a run.
     *
     * @param routing a table for people; may be empty
     */
    void create(RunConfig config, Tokenizer tokenizer, String routing) {
        if (!routing.isEmpty()) {
            AtomicFiles.write(path.resolve("routing.txt"), routing);
        }
        tokenizer.save(tokenizer());
        config.write(config());
    }

    Path config() {
        return path.resolve("config.json");
    }

    Path tokenizer() {
        return path.resolve("tokenizer.json");
    }

    Path metrics() {
        return path.resolve("metrics.csv");
    }

    /** The file that says why the run cannot go on; it exists only then. */
    Path divergence() {
        return path.resolve("diverged.txt");
    }

    /** Keeps the message of a divergence: the same steps would only lead there again. */
    void recordDivergence(String message) {
        AtomicFiles.write(divergence(), message + "\n");
    }

    /** Forgets a divergence, because the run is tried again. */
    void clearDivergence() {
        AtomicFiles.deleteAll(divergence());
    }

    Path samples() {
        return path.resolve("samples.txt");
    }

    Path plot() {
        return path.resolve("loss.png");
    }

    Path spectra() {
        return path.resolve("spectra.csv");
    }

    Path spectraPlot() {
        return path.resolve("spectra.png");
    }

    /** Tells whether there are checkpoints of a run here, or were. */
    boolean hasCheckpoints() {
        return Files.isDirectory(checkpointDirectory());
    }

    Checkpoints checkpoints() {
        return new Checkpoints(checkpointDirectory());
    }

    private Path checkpointDirectory() {
        return path.resolve("checkpoints");
    }
}
