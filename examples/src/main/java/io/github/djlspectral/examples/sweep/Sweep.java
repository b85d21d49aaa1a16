package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.gpt.RunOutcome;
import io.github.djlspectral.examples.gpt.RunOutcome.State;
import io.github.djlspectral.examples.sweep.SweepPlan.Cell;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Trains every optimizer at every learning rate with every seed, some at a time. Runs that are
 * finished or have diverged are not repeated and interrupted ones are continued, so that a sweep
 * can be stopped and started at any time.
 *
 * <p>Each is a task of Spark, or the command {@code train} in a process of its own, with one thread
 * for PyTorch, so that as many runs as there are cores do not get in each other's way and results
 * do not depend on their number. They end with this process: when it is asked to, by Ctrl-C or a
 * signal, it asks them to and waits until processes have saved their work. On Windows, which has no
 * such signal, they are ended at once and continue from their last checkpoint.
 */
final class Sweep {

    static final String LOG = "train.log";

    private final SparkRuns spark;
    private final String mainClass;
    private final int jobs;
    private final Path csv;
    private final PrintStream messages;
    private final Map<Cell, RunOutcome> outcomes = new LinkedHashMap<>();
    private final List<String> failures = new ArrayList<>();
    private final Map<CompletableFuture<String>, Cell> running = new HashMap<>();
    private final Set<Process> processes = ConcurrentHashMap.newKeySet();
    private volatile boolean stopping;

    /**
     * Reads what has been done before.
     *
     * @param spark where to train, or null: in processes, some jobs at a time
     * @param csv the file that lists the runs that have ended, at any time
     * @throws BadInputException if a run's directory holds another one
     */
    Sweep(
            List<Cell> cells,
            SparkRuns spark,
            String mainClass,
            int jobs,
            Path csv,
            PrintStream messages) {
        this.spark = spark;
        this.mainClass = mainClass;
        this.jobs = jobs;
        this.csv = csv;
        this.messages = messages;
        cells.forEach(this::read);
    }

    private void read(Cell cell) {
        outcomes.put(cell, RunOutcome.read(cell.directory(), cell.arguments().toList()));
    }

    private boolean hasEnded(Cell cell) {
        State state = outcomes.get(cell).state();
        return state == State.FINISHED || state == State.DIVERGED;
    }

    /**
     * Trains what is left to train.
     *
     * @return the outcomes of all runs; empty if this process was asked to stop
     * @throws BadInputException if a run failed; the others have ended
     */
    Optional<SweepResults> run() {
        Deque<Cell> open = new ArrayDeque<>(outcomes.keySet());
        open.removeIf(this::hasEnded);
        int all = outcomes.size();
        String plan = "%d runs, %d of them done before; %s at a time";
        Object some = spark == null ? jobs : spark;
        messages.println(Table.text(plan, all, all - open.size(), some));
        Thread hook = new Thread(this::interrupted, "stop runs");
        Runtime.getRuntime().addShutdownHook(hook);
        try {
            if (!train(open)) {
                return Optional.empty();
            }
        } finally {
            if (!running.isEmpty()) {
                stop();
            }
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException e) {
                messages.flush(); // this process is ending; the hook has nothing left to stop
            }
        }
        String rule = "%s of %s runs failed; the same command tries them again. The first: %s";
        String first = failures.stream().findFirst().orElse("");
        BadInputException.unless(failures.isEmpty(), rule, failures.size(), all, first);
        return Optional.of(results());
    }

    /** Returns the runs that have ended, listed in the file. */
    private SweepResults results() {
        Map<Cell, RunOutcome> ended = new LinkedHashMap<>(outcomes);
        ended.keySet().removeIf(cell -> !hasEnded(cell));
        SweepResults results = new SweepResults(ended);
        Table.write(csv, results.csv());
        return results;
    }

    /** Returns whether all have ended; else this process was asked to stop. */
    private boolean train(Deque<Cell> waiting) {
        int total = waiting.size();
        Eta eta = new Eta(total);
        while (!waiting.isEmpty() || !running.isEmpty()) {
            while ((spark != null || running.size() < jobs) && !waiting.isEmpty()) {
                if (!start(waiting.remove())) {
                    return false;
                }
            }
            CompletableFuture.anyOf(running.keySet().toArray(CompletableFuture[]::new)).join();
            for (CompletableFuture<String> run : List.copyOf(running.keySet())) {
                if (!run.isDone()) {
                    continue;
                }
                if (stopping) {
                    return false;
                }
                Cell cell = running.remove(run);
                read(cell);
                String result = hasEnded(cell) ? describe(cell) : fail(cell, run.join());
                eta.add(1);
                int ended = total - waiting.size() - running.size();
                String line = "[%d/%d] %s: %s; ETA %s";
                messages.println(Table.text(line, ended, total, cell, result, eta.left()));
                results();
            }
        }
        return true;
    }

    private String describe(Cell cell) {
        RunOutcome outcome = outcomes.get(cell);
        boolean diverged = outcome.state() == State.DIVERGED;
        String form =
                diverged ? "diverged after step %d in %.0f s" : "validation loss %.4f in %.0f s";
        Object result = diverged ? (Object) outcome.steps() : outcome.finalLoss();
        return Table.text(form, result, outcome.seconds());
    }

    /** Says why: the last line that the run has printed tells. */
    private String fail(Cell cell, String how) {
        try {
            boolean started = Files.exists(log(cell));
            List<String> lines = started ? Files.readAllLines(log(cell)) : List.of();
            String last = lines.isEmpty() ? "it said nothing" : lines.get(lines.size() - 1);
            String reason = Table.text("%s, %s: %s", how, log(cell), last);
            failures.add(cell + ": " + reason);
            return "failed with " + reason;
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + log(cell) + " (" + e + ")", e);
        }
    }

    private static Path log(Cell cell) {
        return cell.directory().resolve(LOG);
    }

    /** Starts a run, or continues it; returns false if this process was asked to stop. */
    private synchronized boolean start(Cell cell) {
        if (!stopping) {
            try {
                Files.createDirectories(cell.directory());
            } catch (IOException e) {
                String rule = "Cannot create %s (%s); choose another --out";
                throw new UncheckedIOException(Table.text(rule, cell.directory(), e), e);
            }
            running.put(spark == null ? startProcess(cell) : spark.start(cell), cell);
        }
        return !stopping;
    }

    private CompletableFuture<String> startProcess(Cell cell) {
        boolean resume = outcomes.get(cell).state() == State.UNFINISHED;
        ProcessBuilder builder = prepare(mainClass, cell, resume);
        try {
            Process process = builder.start();
            processes.add(process);
            return process.onExit().thenApply(ended -> "exit code " + ended.exitValue());
        } catch (IOException e) {
            String java = builder.command().get(0);
            throw new UncheckedIOException("Cannot start " + java + " (" + e + ")", e);
        }
    }

    /** Prepares a run with the Java, the class path and the system properties of this process. */
    static ProcessBuilder prepare(String mainClass, Cell cell, boolean resume) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // Others, such as a debugger's port, can be this process's own only.
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> flag.matches("(?s)(-D(?!com\\.sun\\.management)|-Xmx|--).*"))
                .forEach(command::add);
        command.add("-Dai.djl.pytorch.num_threads=1"); // the last one counts
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), mainClass, "train"));
        command.addAll(cell.arguments().toList());
        if (resume) {
            command.add("--resume");
        }
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put("OMP_WAIT_POLICY", "PASSIVE");
        return builder.redirectOutput(Redirect.appendTo(log(cell).toFile()));
    }

    private void interrupted() {
        stopping = true; // before a run is seen to end for it
        messages.println("Stopping; the same command goes on from here");
        stop();
    }

    private void stop() {
        synchronized (this) {
            stopping = true; // nothing starts any more
        }
        if (spark != null) {
            spark.close();
        }
        processes.forEach(Process::destroy);
        processes.forEach(process -> process.onExit().join());
    }
}
