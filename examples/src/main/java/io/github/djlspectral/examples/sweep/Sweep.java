package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.gpt.RunOutcome;
import io.github.djlspectral.examples.gpt.RunOutcome.State;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * Trains every optimizer at every learning rate with every seed, some at a time, each in a process
 * of its own. Runs that are finished or have diverged are not repeated and interrupted ones are
 * continued, so that a sweep can be stopped and started at any time.
 */
final class Sweep {

    private final List<Cell> cells;
    private final String mainClass;
    private final int jobs;
    private final Path csv;
    private final PrintStream messages;
    private final Map<Cell, RunOutcome> outcomes = new LinkedHashMap<>();
    private final List<String> failures = new ArrayList<>();

    /**
     * Reads what has been done before.
     *
     * @param cells the runs
     * @param mainClass the name of this program's main class
     * @param jobs how many at a time, at least 1
     * @param csv the file that lists the ended ones, at any time
     * @param messages receives the progress
     * @throws BadInputException if one of their directories holds another run
     */
    Sweep(List<Cell> cells, String mainClass, int jobs, Path csv, PrintStream messages) {
        this.cells = cells;
        this.mainClass = mainClass;
        this.jobs = jobs;
        this.csv = csv;
        this.messages = messages;
        cells.forEach(cell -> outcomes.put(cell, cell.outcome()));
    }

    /**
     * Trains what is left to train.
     *
     * @return the outcomes of all runs; empty if this process was asked to stop
     * @throws BadInputException if a run failed; the others have ended
     * @throws java.io.UncheckedIOException if a process cannot be started or a file not be written
     */
    Optional<SweepResults> run() {
        List<Cell> open = cells.stream().filter(cell -> !hasEnded(cell)).toList();
        String plan = "%d runs, %d of them done before; %d at a time";
        messages.println(Table.text(plan, cells.size(), cells.size() - open.size(), jobs));
        try (TrainProcesses children = new TrainProcesses(mainClass, messages)) {
            train(open, children);
            if (children.stopping()) {
                return Optional.empty();
            }
        }
        BadInputException.unless(
                failures.isEmpty(),
                "%s of %s runs failed; the same command tries them again. The first: %s",
                failures.size(),
                cells.size(),
                failures.isEmpty() ? "" : failures.get(0));
        SweepResults results = results();
        Table.write(csv, results.csv());
        return Optional.of(results);
    }

    private void train(List<Cell> open, TrainProcesses children) {
        Deque<Cell> waiting = new ArrayDeque<>(open);
        Map<Process, Cell> running = new LinkedHashMap<>();
        int ended = 0;
        Eta eta = new Eta(open.size());
        while (!waiting.isEmpty() || !running.isEmpty()) {
            while (running.size() < jobs && !waiting.isEmpty()) {
                Cell cell = waiting.remove();
                boolean resume = outcomes.get(cell).state() == State.UNFINISHED;
                Optional<Process> process = children.start(cell, resume);
                if (process.isEmpty()) {
                    return;
                }
                running.put(process.get(), cell);
            }
            awaitOne(running.keySet());
            for (Process process : List.copyOf(running.keySet())) {
                if (!process.isAlive() && !children.stopping()) {
                    ended++;
                    end(running.remove(process), process.exitValue(), ended, open.size(), eta);
                }
            }
            if (children.stopping()) {
                return;
            }
        }
    }

    private static void awaitOne(Set<Process> processes) {
        CompletableFuture.anyOf(
                        processes.stream().map(Process::onExit).toArray(CompletableFuture[]::new))
                .join();
    }

    private void end(Cell cell, int exitCode, int ended, int total, Eta eta) {
        outcomes.put(cell, cell.outcome());
        String result = hasEnded(cell) ? describe(outcomes.get(cell)) : fail(cell, exitCode);
        eta.add(1);
        String line = "[%d/%d] %s: %s; ETA %s";
        messages.println(Table.text(line, ended, total, cell, result, eta.left()));
        Table.write(csv, results().csv());
    }

    private String fail(Cell cell, int exitCode) {
        String reason = Table.text("exit code %d, %s: %s", exitCode, cell.log(), lastWords(cell));
        failures.add(cell + ": " + reason);
        return "failed with " + reason;
    }

    private static String describe(RunOutcome outcome) {
        String loss =
                outcome.state() == State.DIVERGED
                        ? "diverged after step " + outcome.steps()
                        : Table.text("validation loss %.4f", outcome.finalLoss());
        return Table.text("%s in %.0f s", loss, outcome.seconds());
    }

    /** Returns the last line that a run has printed, which says why it failed. */
    private static String lastWords(Cell cell) {
        try {
            List<String> lines = Files.readAllLines(cell.log());
            return lines.isEmpty() ? "it said nothing" : lines.get(lines.size() - 1);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + cell.log() + " (" + e + ")", e);
        }
    }

    private boolean hasEnded(Cell cell) {
        State state = outcomes.get(cell).state();
        return state == State.FINISHED || state == State.DIVERGED;
    }

    private SweepResults results() {
        Map<Cell, RunOutcome> ended = new LinkedHashMap<>(outcomes);
        ended.keySet().removeIf(cell -> !hasEnded(cell));
        return new SweepResults(ended);
    }
}
