package io.github.djlspectral.examples.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
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

    static final String PEAK = "peakMemory";
    static final String BASE = "baseMemory";
    static final String PREDICTED = "predictedMemory";
    static final String POLAR_ERROR = "polarError";

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final int KIBIBYTE = 1024;

    // A fork runs one benchmark; JMH gives the profiler no way to reach its state.
    private static final Map<String, Double> TOLD = new ConcurrentHashMap<>();

    /** Creates the profiler, as JMH does by name. */
    public MemoryProfiler() {}

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

    /** Does nothing: the system keeps the peak. */
    @Override
    public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {}

    @Override
    public Collection<? extends Result<?>> afterIteration(
            BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
        return Stream.of(PEAK, BASE, PREDICTED, POLAR_ERROR)
                .map(
                        label ->
                                new ScalarResult(
                                        label,
                                        value(label),
                                        label.equals(POLAR_ERROR) ? "|s - 1|" : "bytes",
                                        AggregationPolicy.MAX))
                .filter(found -> found.getScore() > 0)
                .toList();
    }

    private static double value(String label) {
        double otherwise = label.equals(PEAK) ? read("VmHWM") : 0;
        return TOLD.getOrDefault(label, otherwise);
    }

    /** Returns an entry of the process's status in bytes, 0 where the system has none. */
    private static double read(String entry) {
        if (!Files.isReadable(STATUS)) {
            return 0;
        }
        try {
            return Files.readAllLines(STATUS).stream()
                    .filter(line -> line.startsWith(entry + ":"))
                    .mapToDouble(line -> KIBIBYTE * Double.parseDouble(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElse(0);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + STATUS, e);
        }
    }
}
