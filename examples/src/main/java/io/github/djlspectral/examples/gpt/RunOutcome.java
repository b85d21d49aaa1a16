package io.github.djlspectral.examples.gpt;

import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What came of a run, as its files tell.
 *
 * @param state how far it has come
 * @param steps the steps in its metrics; 0 unless it is finished or has diverged
 * @param seconds the time that they took
 * @param finalLoss the validation loss after the last step in nats per token; infinite if the run
 *     diverged, not a number if it has not ended
 * @param validationLosses the finite validation losses by step; empty unless the run is finished or
 *     has diverged
 */
public record RunOutcome(
        State state,
        int steps,
        double seconds,
        double finalLoss,
        SortedMap<Integer, Double> validationLosses) {

    /** How far a run has come. */
    public enum State {
        /** There is no run in the directory. */
        ABSENT,
        /** It was interrupted, or is still going on. */
        UNFINISHED,
        /** All its steps are done. */
        FINISHED,
        /** It ended because a loss or a gradient was not a number. */
        DIVERGED
    }

    /**
     * Reads the outcome of a run.
     *
     * @param directory the run's directory
     * @param arguments the options of {@code train} that the run should have; {@code --out} and
     *     {@code --resume} do not matter
     * @throws BadInputException if the directory holds a run with other options, or a damaged one
     * @throws UncheckedIOException if a file cannot be read
     */
    public static RunOutcome read(Path directory, List<String> arguments) {
        RunDirectory files = new RunDirectory(directory);
        if (!Files.exists(files.config())) {
            return new RunOutcome(State.ABSENT, 0, 0, Double.NaN, Collections.emptySortedMap());
        }
        TrainingOptions options = TrainingOptions.of(arguments);
        requireSame(options, files);
        if (Files.exists(files.divergence())) {
            return of(State.DIVERGED, Metrics.read(files.metrics(), options.steps));
        }
        if (!isComplete(files.metrics(), options.steps)) {
            return new RunOutcome(State.UNFINISHED, 0, 0, Double.NaN, Collections.emptySortedMap());
        }
        return of(State.FINISHED, Metrics.read(files.metrics(), options.steps));
    }

    private static RunOutcome of(State state, List<Metrics.Row> rows) {
        SortedMap<Integer, Double> losses = new TreeMap<>();
        rows.stream()
                .filter(row -> Float.isFinite(row.validationLoss()))
                .forEach(row -> losses.put(row.step(), (double) row.validationLoss()));
        Metrics.Row last = rows.get(rows.size() - 1);
        boolean known = state == State.FINISHED && losses.containsKey(last.step());
        return new RunOutcome(
                state,
                last.step(),
                last.seconds(),
                known ? last.validationLoss() : Double.POSITIVE_INFINITY,
                losses);
    }

    /** Looks at the last row only: an unfinished log may end in half a row. */
    private static boolean isComplete(Path metrics, int steps) {
        try {
            if (!Files.exists(metrics)) {
                return false;
            }
            List<String> lines = Files.readAllLines(metrics);
            return lines.get(lines.size() - 1).startsWith(steps + ",");
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + metrics + " (" + e + ")", e);
        }
    }

    private static void requireSame(TrainingOptions options, RunDirectory files) {
        TrainingOptions saved = RunConfig.read(files.config()).options();
        BadInputException.unless(
                options.steps == saved.steps, // the schedule depends on it
                "%s holds a run of %s steps, not of %s: choose another --out",
                files.path(),
                saved.steps,
                options.steps);
        try {
            options.requireSameRun(saved);
        } catch (BadInputException e) {
            throw new BadInputException(files.path() + " holds another run: " + e.getMessage(), e);
        }
    }
}
