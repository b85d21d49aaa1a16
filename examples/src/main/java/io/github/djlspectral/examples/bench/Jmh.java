package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.Results.Round;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Finds what there is to measure, and measures it.
 *
 * @param quick whether to leave out much, and two short iterations after one to warm up must do
 * @param log gets what JMH and the measured processes print
 */
record Jmh(boolean quick, PrintStream log) {

    private static final String TORCH = TorchBenchmark.class.getName() + ".step";
    private static final int QUICK_ITERATIONS = 2;
    private static final TimeValue QUICK_TIME = TimeValue.milliseconds(500);

    /**
     * Something to measure.
     *
     * @param benchmark the qualified name of JMH's, whose parameters are the key
     */
    record Contestant(String benchmark, Key key) {}

    /**
     * Returns what is to be measured in a round, rivals beside each other, so that the machine is
     * the same for them.
     *
     * @param suites which tables
     * @param only what the names of keys or of benchmarks must have in them
     * @param python what Python's PyTorch can be measured at
     */
    List<Contestant> contestants(List<Suite> suites, Pattern only, List<Key> python) {
        List<Contestant> all = new ArrayList<>(ours());
        python.forEach(key -> all.add(new Contestant(TORCH, key)));
        all.removeIf(c -> !suites.contains(c.key.suite()) || quick && !c.key.isQuick());
        Predicate<Contestant> named = c -> only.matcher(c.benchmark).find();
        // A benchmark's name means its rivals in Python too.
        Set<String> tasks =
                all.stream().filter(named).map(c -> c.key.task()).collect(Collectors.toSet());
        Predicate<Contestant> rival =
                c -> c.benchmark.equals(TORCH) && tasks.contains(c.key.task());
        Predicate<Contestant> taken = c -> only.matcher(c.key.toString()).find();
        return Suite.together(
                all.stream()
                        .filter(taken.or(named).or(rival))
                        .sorted(Comparator.comparing(c -> c.key.suite())),
                Contestant::key);
    }

    /** Returns JMH's benchmarks, but for Python's, once for each combination of parameters. */
    private List<Contestant> ours() {
        OutputFormat silent = OutputFormatFactory.createFormatInstance(log, VerboseMode.SILENT);
        List<Contestant> found = new ArrayList<>();
        for (BenchmarkListEntry entry : BenchmarkList.defaultList().getAll(silent, List.of())) {
            Map<String, String[]> values = entry.getParams().get();
            if (!entry.getUsername().equals(TORCH)) {
                Suite suite = Suite.valueOf(values.get("suite")[0].toUpperCase(Locale.ROOT));
                for (String contender : values.get("contender")) {
                    for (String subject : values.get("subject")) {
                        Key key = new Key(suite, subject, contender);
                        found.add(new Contestant(entry.getUsername(), key));
                    }
                }
            }
        }
        found.removeIf(contestant -> !contestant.key.isSensible());
        return found;
    }

    /**
     * Measures once, in a new process.
     *
     * @param number the round's number
     * @return what was found; a failure of the process is part of it
     */
    Round measure(Contestant contestant, int number) {
        List<String> arguments = new ArrayList<>();
        arguments.add("-Dorg.slf4j.simpleLogger.defaultLogLevel=error");
        for (String property : List.of(Machine.THREADS, TorchBenchmark.PYTHON)) {
            if (System.getProperty(property) != null) {
                arguments.add("-D" + property + "=" + System.getProperty(property));
            }
        }
        ChainedOptionsBuilder options =
                new OptionsBuilder()
                        .include("^" + Pattern.quote(contestant.benchmark) + "$")
                        .param("suite", contestant.key.suite().toString())
                        .param("subject", contestant.key.subject())
                        .param("contender", contestant.key.contender())
                        .forks(1)
                        .warmupForks(0)
                        .shouldFailOnError(true)
                        .addProfiler(MemoryProfiler.class)
                        .jvmArgsPrepend(arguments.toArray(String[]::new));
        if (quick) {
            options.warmupIterations(1)
                    .warmupTime(QUICK_TIME)
                    .measurementIterations(QUICK_ITERATIONS)
                    .measurementTime(QUICK_TIME);
        }
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
    private static double largest(Collection<IterationResult> iterations, String label) {
        return iterations.stream()
                .map(iteration -> iteration.getSecondaryResults().get(label))
                .filter(result -> result != null)
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
