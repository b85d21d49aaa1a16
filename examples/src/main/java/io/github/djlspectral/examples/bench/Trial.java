package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.bench.Task.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/**
 * The benchmark of JMH, in a process of its own: what one contender does with one subject. The heap
 * is resident from the start, so that memory grows by native arrays only.
 */
@State(Scope.Benchmark)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(
        value = 1,
        jvmArgsAppend = {"-Xms256m", "-Xmx256m", "-XX:+AlwaysPreTouch"})
public class Trial {

    // Which there are, tasks know, and Python.
    @Param("")
    String suite;

    @Param("")
    String subject;

    @Param("")
    String contender;

    private Task task;

    /** Makes what is to be measured. */
    @Setup
    public void create() {
        Suite known = Suite.valueOf(suite.toUpperCase(Locale.ROOT));
        Key key = new Key(known, subject, contender);
        task = Kind.of(key).task();
        task.create(key);
    }

    /** Does it once. */
    @Benchmark
    public void run() {
        task.work.run();
    }

    /** Frees everything. */
    @TearDown
    public void close() {
        task.close();
    }

    /**
     * What a benchmark is judged by besides its time, as secondary results. Of the memory of a
     * forked JVM, native arrays included, in bytes, where the system tells it, as Linux does: the
     * most that was resident at a time since the process began; what was resident when the engine
     * had been loaded and nothing made yet, so that the difference is the benchmark's own; and what
     * that should be, if the benchmark said so. And of Muon {@link OptimizerTask.PolarError} for a
     * matrix of the same shape.
     */
    public static final class MemoryProfiler implements InternalProfiler {

        static final String PEAK = "peakMemory";
        static final String BASE = "baseMemory";
        static final String PREDICTED = "predictedMemory";
        static final String POLAR_ERROR = "polarError";

        private static final Path STATUS = Path.of("/proc/self/status");

        // A fork runs one benchmark; JMH gives the profiler no way to reach its state.
        private static final Map<String, Double> TOLD = new ConcurrentHashMap<>();

        /** Notes what is resident now as the engine's, and forgets all else that was said. */
        static void noteBase() {
            TOLD.clear();
            tell(BASE, read("VmRSS"));
        }

        /** Notes the peak: what comes later is not the benchmark's. */
        static void notePeak() {
            tell(PEAK, read("VmHWM"));
        }

        /** Says one of the results; what it says of the peak goes before what the system says. */
        static void tell(String label, double value) {
            TOLD.put(label, value);
        }

        @Override
        public String getDescription() {
            return "Memory of the process, native arrays included (Linux), and errors";
        }

        @Override
        public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
            // the system keeps the peak
        }

        @Override
        public Collection<? extends Result<?>> afterIteration(
                BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
            Map<String, Double> all = new TreeMap<>(TOLD);
            all.putIfAbsent(PEAK, read("VmHWM"));
            return all.entrySet().stream()
                    .filter(told -> told.getValue() > 0)
                    .map(t -> new ScalarResult(t.getKey(), t.getValue(), "", AggregationPolicy.MAX))
                    .toList();
        }

        /** Returns an entry of the process's status in bytes, 0 where the system has none. */
        private static double read(String entry) {
            if (!Files.isReadable(STATUS)) {
                return 0;
            }
            try {
                return Files.readAllLines(STATUS).stream()
                        .filter(line -> line.startsWith(entry + ":"))
                        .mapToDouble(line -> 1024 * Double.parseDouble(line.replaceAll("\\D", "")))
                        .findFirst()
                        .orElse(0);
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot read " + STATUS, e);
            }
        }
    }
}
