package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.bench.Results.Round;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.bench.Task.Kind;
import io.github.djlspectral.examples.bench.Trial.MemoryProfiler;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.gpt.StopSignal;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Measures in rounds, each all keys one after the other, and keeps what it finds.
 *
 * @param keys in the order of the first round, rivals beside each other
 * @param results what is known already, to which it adds
 * @param directory gets {@code bench.json} after each process, the report after each round
 * @param messages hears of the progress
 */
record Rounds(List<Key> keys, Results results, Path directory, PrintStream messages) {

    /**
     * Returns what is to be measured in a round, rivals beside each other, so that the machine is
     * the same for them.
     *
     * @param quick whether to leave out much
     * @param only what the names of keys or of benchmarks must have in them
     * @param python what Python's PyTorch can be measured at
     */
    static List<Key> keys(boolean quick, List<Suite> suites, Pattern only, List<Key> python) {
        Predicate<Key> wanted = key -> suites.contains(key.suite()) && (!quick || key.isQuick());
        Predicate<Key> taken = key -> only.matcher(key.toString()).find();
        List<Key> all = new ArrayList<>();
        Set<String> tasks = new HashSet<>(); // a benchmark's name means its rivals in Python too
        for (Kind kind : Kind.ALL) {
            boolean named = only.matcher(kind.name()).find();
            for (Key key : kind.keys()) {
                if (wanted.test(key) && (named || taken.test(key))) {
                    all.add(key);
                }
                if (named) {
                    tasks.add(key.task());
                }
            }
        }
        python.stream()
                .filter(wanted.and(taken.or(key -> tasks.contains(key.task()))))
                .forEach(all::add);
        List<String> order = all.stream().map(Key::task).toList();
        all.sort(Comparator.comparing(Key::suite).thenComparing(key -> order.indexOf(key.task())));
        return all;
    }

    /**
     * Measures what is not known yet. If the process is asked to end, the measurement at hand is
     * lost, and the report is written.
     *
     * @param measure measures a key once, for the round of that number
     * @return false if the process is asked to end
     */
    boolean run(int rounds, BiFunction<Key, Integer, Round> measure) {
        Eta eta = new Eta(IntStream.rangeClosed(1, rounds).map(r -> open(r).size()).sum());
        // JMH would wait for its process, which is not told that this one ends.
        Runnable end = () -> ProcessHandle.current().descendants().forEach(ProcessHandle::destroy);
        try (StopSignal stop = new StopSignal(end)) {
            stop.hold();
            for (int round = 1; round <= rounds && !stop.requested(); round++) {
                List<Key> open = open(round);
                if (open.isEmpty()) {
                    continue;
                }
                try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                    results.matrixProductRates().add(MachineSpeed.measure(manager));
                }
                for (Key key : open) {
                    Round found = measure.apply(key, round);
                    if (stop.requested()) {
                        break; // what was measured while the machine stopped is worth nothing
                    }
                    results.add(key, found);
                    results.write(Results.file(directory));
                    String progress = eta.tick() + Table.text(", round %d/%d: ", round, rounds);
                    messages.println(progress + key + ": " + found);
                }
                new Report(results).write(directory);
            }
            if (stop.requested()) {
                messages.println("Stopped; --resume goes on from here");
            }
            return !stop.requested();
        }
    }

    /**
     * Returns what a round lacks. In every second one the rivals for a subject run in the opposite
     * order, so that a machine that becomes slower or faster favours none of them.
     */
    private List<Key> open(int round) {
        List<Key> order = new ArrayList<>();
        int first = 0; // of this subject
        for (Key key : keys) {
            if (!order.isEmpty() && !order.get(first).task().equals(key.task())) {
                first = order.size();
            }
            order.add(round % 2 == 0 ? first : order.size(), key);
        }
        order.removeIf(key -> results.has(key, round));
        return order;
    }

    /**
     * Measures once, in a new process.
     *
     * @param quick whether two short iterations after one to warm up must do
     * @param log gets what JMH and the measured process print
     * @param number the round's number
     * @return what was found; a failure of the process is part of it
     */
    static Round measure(boolean quick, PrintStream log, Key key, int number) {
        Kind kind = Kind.of(key);
        TimeValue time = TimeValue.milliseconds(quick ? 500 : Math.round(1000 * kind.seconds()));
        List<String> arguments = new ArrayList<>();
        arguments.add("-Dorg.slf4j.simpleLogger.defaultLogLevel=error");
        for (String property : List.of(Machine.THREADS, TorchTask.PYTHON)) {
            if (System.getProperty(property) != null) {
                arguments.add("-D" + property + "=" + System.getProperty(property));
            }
        }
        ChainedOptionsBuilder options =
                new OptionsBuilder()
                        .include(Trial.class.getName())
                        .param("suite", key.suite().toString())
                        .param("subject", key.subject())
                        .param("contender", key.contender())
                        .mode(kind.seconds() == 0 ? Mode.SingleShotTime : Mode.AverageTime)
                        .warmupIterations(quick ? 1 : kind.warmups())
                        .warmupTime(time)
                        .measurementIterations(quick ? 2 : kind.iterations())
                        .measurementTime(time)
                        .operationsPerInvocation(kind.operations())
                        .forks(1)
                        .warmupForks(0)
                        .shouldFailOnError(true)
                        .addProfiler(MemoryProfiler.class.getName())
                        .jvmArgsPrepend(arguments.toArray(String[]::new));
        OutputFormat format = OutputFormatFactory.createFormatInstance(log, VerboseMode.NORMAL);
        try {
            return round(number, new Runner(options.build(), format).runSingle());
        } catch (RunnerException e) {
            if (e.getMessage().contains("JMH lock")) {
                throw new BadInputException(
                        "Another JMH measures on this machine: wait for it, then add --resume", e);
            }
            return Round.failed(number, reason(e));
        }
    }

    /** Turns what JMH found into a round, each iteration by its score. */
    private static Round round(int number, RunResult found) {
        List<IterationResult> iterations =
                found.getBenchmarkResults().stream()
                        .flatMap(fork -> fork.getIterationResults().stream())
                        .toList();
        double perSecond =
                (double) TimeUnit.SECONDS.toNanos(1) / found.getParams().getTimeUnit().toNanos(1);
        return new Round(
                number,
                iterations.stream().map(i -> i.getPrimaryResult().getScore() / perSecond).toList(),
                largest(iterations, MemoryProfiler.PEAK),
                largest(iterations, MemoryProfiler.BASE),
                largest(iterations, MemoryProfiler.PREDICTED),
                largest(iterations, MemoryProfiler.POLAR_ERROR),
                null);
    }

    /** Returns the largest of a secondary result; 0 if there is none. */
    private static double largest(List<IterationResult> iterations, String label) {
        return iterations.stream()
                .map(iteration -> iteration.getSecondaryResults().get(label))
                .filter(Objects::nonNull)
                .mapToDouble(result -> result.getScore())
                .max()
                .orElse(0);
    }

    /** The first line of the cause that is deepest: JMH wraps it. */
    private static String reason(Throwable failure) {
        Throwable cause = failure;
        while (cause.getCause() != null || cause.getSuppressed().length > 0) {
            cause = cause.getCause() != null ? cause.getCause() : cause.getSuppressed()[0];
        }
        return cause.toString().lines().findFirst().orElse("").strip();
    }
}
