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
 * What a benchmark is judged by besides its time, as secondary results. Of the memory of a forked
 * JVM, native arrays included, in bytes:
 *
 * <ul>
 *   <li>{@value #PEAK}: the most that was resident at a time since the process began. Only Linux
 *       tells it; elsewhere there are no results;
 *   <li>{@value #BASE}: what was resident when the engine had been loaded and nothing made yet, if
 *       the benchmark called {@link #noteBase}. The difference of the two is the benchmark's own;
 *   <li>{@value #PREDICTED}: what the benchmark's own share should be, if it said so.
 * </ul>
 *
 * <p>And of Muon {@value #POLAR_ERROR}: {@link PolarError} for a matrix of the same shape.
 */
public final class MemoryProfiler implements InternalProfiler {

    /** The label of the peak. */
    static final String PEAK = "peakMemory";

    /** The label of the memory before the benchmark made anything. */
    static final String BASE = "baseMemory";

    /** The label of the prediction. */
    static final String PREDICTED = "predictedMemory";

    /** The label of the error of a polar factor. */
    static final String POLAR_ERROR = "polarError";

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final int KIBIBYTE = 1024;

    // A fork runs one benchmark; JMH gives the profiler no way to reach its state.
    private static volatile long base;
    private static volatile long peak;
    private static volatile long predicted;
    private static volatile double polarError;

    /** Creates the profiler, as JMH does by name. */
    public MemoryProfiler() {}

    /** Notes what is resident now as the engine's, and forgets all else that was said. */
    static void noteBase() {
        base = read("VmRSS");
        peak = 0;
        predicted = 0;
        polarError = 0;
    }

    /** Notes the peak: what comes later is not the benchmark's. */
    static void notePeak() {
        peak = read("VmHWM");
    }

    /** Says how much the benchmark should need beyond the base, in bytes. */
    static void predict(long bytes) {
        predicted = bytes;
    }

    /** Tells the error of a polar factor. */
    static void tellPolarError(double error) {
        polarError = error;
    }

    @Override
    public String getDescription() {
        return "Memory of the process, native arrays included (Linux), and errors";
    }

    /** Does nothing: the system keeps the peak. */
    @Override
    public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {}

    @Override
    public Collection<? extends Result<?>> afterIteration(
            BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
        List<ScalarResult> results = new ArrayList<>();
        add(results, PEAK, peak > 0 ? peak : read("VmHWM"), "bytes");
        add(results, BASE, base, "bytes");
        add(results, PREDICTED, predicted, "bytes");
        add(results, POLAR_ERROR, polarError, "|s - 1|");
        return results;
    }

    private static void add(List<ScalarResult> results, String label, double value, String unit) {
        if (value > 0) {
            results.add(new ScalarResult(label, value, unit, AggregationPolicy.MAX));
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
