package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.Results.Round;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.bench.Suite.Kind;
import io.github.djlspectral.examples.bench.Trial.MemoryProfiler;
import io.github.djlspectral.examples.experiment.Environment.StopSignal;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.ToDoubleFunction;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Measures in rounds, each all keys one after the other, adds what it finds to results, and tells
 * how far it is. A directory gets {@code bench.json} after each process, the report after each
 * round.
 */
record Rounds(List<Key> keys, Results results, Path directory, PrintStream messages) {

    /**
     * Returns what is to be measured in a round, rivals beside each other, so that the machine is
     * the same for them: what of all that there is, also in Python, has a regular expression in its
     * name or in that of its benchmark.
     */
    static List<Key> keys(boolean quick, List<Suite> suites, Pattern only, List<Key> python) {
        Set<Key> named = new HashSet<>(); // by their benchmark, which means rivals in Python too
        List<Key> all = new ArrayList<>();
        for (Kind kind : Kind.ALL) {
            all.addAll(kind.keys());
            named.addAll(only.matcher(kind.name()).find() ? kind.keys() : List.of());
        }
        List<String> tasks = named.stream().map(Key::task).toList();
        named.addAll(python.stream().filter(key -> tasks.contains(key.task())).toList());
        all.addAll(python);
        all.removeIf(key -> !named.contains(key) && !only.matcher(key.toString()).find());
        all.removeIf(key -> !suites.contains(key.suite()) || quick && !key.isQuick());
        List<String> order = all.stream().map(Key::task).toList();
        all.sort(Comparator.comparing(Key::suite).thenComparing(key -> order.indexOf(key.task())));
        return all;
    }

    /**
     * Measures what is not known yet. If the process is asked to end, the measurement at hand is
     * lost, the report is written, and this returns false.
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
                results.matrixProductRates().add(Machine.productRate());
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
     * Measures once, in a new process, whose failure is part of what is found. If it is to be
     * quick, two short iterations after one to warm up must do.
     */
    static Round measure(boolean quick, PrintStream log, Key key, int number) {
        Kind kind = Kind.of(key);
        TimeValue time = TimeValue.milliseconds(quick ? 500 : Math.round(1000 * kind.seconds()));
        String quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error";
        Stream<String> passed =
                Stream.of(Machine.THREADS, TorchTask.PYTHON)
                        .filter(property -> System.getProperty(property) != null)
                        .map(property -> "-D" + property + "=" + System.getProperty(property));
        Options options =
                new OptionsBuilder()
                        .include(Trial.class.getName())
                        .param("key", key.toString())
                        .mode(kind.seconds() == 0 ? Mode.SingleShotTime : Mode.AverageTime)
                        .warmupIterations(quick ? 1 : kind.warmups())
                        .warmupTime(time)
                        .measurementIterations(quick ? 2 : kind.iterations())
                        .measurementTime(time)
                        .operationsPerInvocation(kind.operations())
                        .timeUnit(TimeUnit.MILLISECONDS)
                        .forks(1)
                        .warmupForks(0)
                        .shouldFailOnError(true)
                        .addProfiler(MemoryProfiler.class.getName())
                        .jvmArgsPrepend(
                                Stream.concat(Stream.of(quiet), passed).toArray(String[]::new))
                        // The heap is resident from the start: memory grows by native arrays only.
                        .jvmArgsAppend("-Xms256m", "-Xmx256m", "-XX:+AlwaysPreTouch")
                        .build();
        OutputFormat format = OutputFormatFactory.createFormatInstance(log, VerboseMode.NORMAL);
        try {
            return round(number, new Runner(options, format).runSingle());
        } catch (RunnerException e) {
            if (e.getMessage().contains("JMH lock")) {
                throw new BadInputException(
                        "Another JMH measures on this machine: wait for it, then add --resume", e);
            }
            return Round.failed(number, reason(e));
        }
    }

    /** Turns what JMH found into a round, each iteration by its score, in milliseconds. */
    @SuppressWarnings("rawtypes") // as JMH has it
    private static Round round(int number, RunResult found) {
        Map<String, Result> others = found.getSecondaryResults();
        ToDoubleFunction<String> largest =
                label -> others.containsKey(label) ? others.get(label).getScore() : 0;
        return new Round(
                number,
                found.getBenchmarkResults().stream()
                        .flatMap(fork -> fork.getIterationResults().stream())
                        .map(iteration -> iteration.getPrimaryResult().getScore() * 1e-3)
                        .toList(),
                largest.applyAsDouble(MemoryProfiler.PEAK),
                largest.applyAsDouble(MemoryProfiler.BASE),
                largest.applyAsDouble(MemoryProfiler.PREDICTED),
                largest.applyAsDouble(MemoryProfiler.POLAR_ERROR),
                null);
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
