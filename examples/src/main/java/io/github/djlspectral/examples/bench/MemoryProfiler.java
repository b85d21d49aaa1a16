package io.github.djlspectral.examples.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/**
 * The memory of a forked JVM, native arrays included, as secondary results in bytes:
 *
 * <ul>
 *   <li>{@value #PEAK}: the most that was resident at a time since the process began. Only Linux
 *       tells it; elsewhere there are no results;
 *   <li>{@value #BASE}: what was resident when the engine had been loaded and nothing made yet, if
 *       the benchmark called {@link #noteBase}. The difference of the two is the benchmark's own;
 *   <li>{@value #PREDICTED}: what the benchmark's own share should be, if it said so.
 * </ul>
 */
public final class MemoryProfiler implements InternalProfiler {

    /** The label of the peak. */
    static final String PEAK = "peakMemory";

    /** The label of the memory before the benchmark made anything. */
    static final String BASE = "baseMemory";

    /** The label of the prediction. */
    static final String PREDICTED = "predictedMemory";

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final int KIBIBYTE = 1024;

    // A fork runs one benchmark; JMH gives the profiler no way to reach its state.
    private static volatile long base;
    private static volatile long predicted;

    /** Creates the profiler, as JMH does by name. */
    public MemoryProfiler() {}

    /** Notes what is resident now as the engine's, and forgets a prediction. */
    static void noteBase() {
        base = read("VmRSS");
        predicted = 0;
    }

    /** Says how much the benchmark should need beyond the base, in bytes. */
    static void predict(long bytes) {
        predicted = bytes;
    }

    @Override
    public String getDescription() {
        return "Peak of resident memory, native arrays included (Linux)";
    }

    /** Does nothing: the system keeps the peak. */
    @Override
    public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {}

    @Override
    public Collection<? extends Result<?>> afterIteration(
            BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
        List<ScalarResult> results = new ArrayList<>();
        add(results, PEAK, read("VmHWM"));
        add(results, BASE, base);
        add(results, PREDICTED, predicted);
        return results;
    }

    private static void add(List<ScalarResult> results, String label, long bytes) {
        if (bytes > 0) {
            results.add(new ScalarResult(label, bytes, "bytes", AggregationPolicy.MAX));
        }
    }

    /** Returns an entry of the process's status in bytes, 0 where the system has none. */
    static long read(String entry) {
        if (!Files.isReadable(STATUS)) {
            return 0;
        }
        try {
            return Files.readAllLines(STATUS).stream()
                    .filter(line -> line.startsWith(entry + ":"))
                    .mapToLong(line -> KIBIBYTE * Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElse(0);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + STATUS, e);
        }
    }
}
