package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.text.BadInputException.unless;

import io.github.djlspectral.text.BadInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What came of a run, as its files tell.
 *
 * @param steps the steps in its metrics; 0 unless it is finished or has diverged
 * @param seconds the time that they took
 * @param finalLoss the validation loss after the last step in nats per token; infinite if the run
 *     diverged, not a number if it has not ended
 * @param validationLosses the finite ones by step; empty unless it is finished or has diverged
 */
public record RunOutcome(
        State state,
        int steps,
        double seconds,
        double finalLoss,
        SortedMap<Integer, Double> validationLosses) {

    /** How far a run has come. */
    public enum State {
        ABSENT,
        /** It was interrupted, or is still going on. */
        UNFINISHED,
        FINISHED,
        /** It ended because a loss or a gradient was not a number. */
        DIVERGED
    }

    /**
     * Reads the outcome of a run.
     *
     * @param arguments the options of {@code train} that the run should have; {@code --out} and
     *     {@code --resume} do not matter
     * @throws BadInputException if the directory holds a run with other options, or a damaged one
     */
    public static RunOutcome read(Path directory, List<String> arguments) {
        RunDirectory run = new RunDirectory(directory);
        if (!run.hasRun()) {
            return open(State.ABSENT);
        }
        TrainingOptions options = TrainingOptions.of(arguments.toArray(String[]::new));
        requireSame(options, run);
        boolean diverged = Files.exists(run.file(RunDirectory.DIVERGED));
        Path metrics = run.file(RunDirectory.METRICS);
        List<Metrics.Row> rows =
                Files.exists(metrics) || diverged
                        ? Metrics.read(metrics, options.steps)
                        : List.of();
        // a stop keeps the last row from its validation, and a full disk from its end
        boolean done = rows.stream().anyMatch(r -> r.step() == options.steps && r.evaluated());
        if (!diverged && !done) {
            return open(State.UNFINISHED);
        }
        SortedMap<Integer, Double> losses = new TreeMap<>();
        rows.stream()
                .filter(row -> Float.isFinite(row.validationLoss()))
                .forEach(row -> losses.put(row.step(), (double) row.validationLoss()));
        Metrics.Row end = rows.get(rows.size() - 1);
        boolean known = !diverged && losses.containsKey(end.step());
        return new RunOutcome(
                diverged ? State.DIVERGED : State.FINISHED,
                end.step(),
                end.seconds(),
                known ? losses.get(end.step()) : Double.POSITIVE_INFINITY,
                losses);
    }

    private static RunOutcome open(State state) {
        return new RunOutcome(state, 0, 0, Double.NaN, Collections.emptySortedMap());
    }

    private static void requireSame(TrainingOptions options, RunDirectory run) {
        TrainingOptions saved = run.config().options();
        unless(
                options.steps == saved.steps, // the schedule depends on it
                "%s holds a run of %s steps, not of %s: choose another --out",
                run.path(),
                saved.steps,
                options.steps);
        try {
            RunDirectory.requireSameRun(saved, options);
        } catch (BadInputException e) {
            throw new BadInputException(run.path() + " holds another run: " + e.getMessage(), e);
        }
    }
}
