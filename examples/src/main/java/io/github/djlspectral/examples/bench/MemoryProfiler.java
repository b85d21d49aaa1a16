package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.torch.TorchScript;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
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
        Map<String, Double> all = new TreeMap<>(TOLD);
        all.putIfAbsent(PEAK, read("VmHWM"));
        List<ScalarResult> known = new ArrayList<>();
        all.forEach(
                (label, value) -> {
                    if (value > 0) {
                        String unit = label.equals(POLAR_ERROR) ? "|s - 1|" : "bytes";
                        known.add(new ScalarResult(label, value, unit, AggregationPolicy.MAX));
                    }
                });
        return known;
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

    /**
     * How exact a polar factor is: all its singular values s should be 1. The error is the largest
     * |s - 1| in the directions in which the matrix itself is at least a hundredth as large as in
     * its largest; a direction without any gradient has no polar factor.
     */
    static final class PolarError {

        private static final TorchScript KERNELS =
                TorchScript.ofResources(MemoryProfiler.class, "polar_error.py");

        private PolarError() {}

        /**
         * Measures a map on a dense matrix of pseudorandom numbers, the same on every machine and
         * in {@code peer.py}.
         *
         * @param map the map
         * @param shape rows x columns
         */
        static double of(SpectralMap map, String shape) {
            int[] sides = Arrays.stream(shape.split("x")).mapToInt(Integer::parseInt).toArray();
            float[] numbers = new float[sides[0] * sides[1]];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = number(i);
            }
            boolean tall = sides[0] > sides[1];
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                NDArray matrix = manager.create(numbers, new Shape(sides[0], sides[1]));
                NDArray factor = map.apply(matrix);
                factor.attach(manager);
                return KERNELS.callDouble(
                        manager,
                        "error",
                        tall ? matrix.transpose() : matrix,
                        tall ? factor.transpose() : factor);
            }
        }

        /** SplitMix64's output for a state, its upper 24 bits as a number in [-1, 1). */
        static float number(long index) {
            long z = (index + 1) * 0x9E3779B97F4A7C15L;
            z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
            z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
            z ^= z >>> 31;
            return (z >>> 40) / (float) (1 << 23) - 1;
        }
    }
}
