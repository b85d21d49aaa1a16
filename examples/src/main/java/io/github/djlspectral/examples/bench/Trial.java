package io.github.djlspectral.examples.bench;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.bench.Suite.Kind;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.torch.Host;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
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

/** The benchmark of JMH, in a process of its own: what one contender does with one subject. */
@State(Scope.Benchmark)
public class Trial {

    /** A {@link Suite.Key}, in words; which there are, {@code tasks.txt} knows, and Python. */
    @Param("")
    String key;

    private Task task;

    /** Makes what is to be measured. */
    @Setup
    public void create() {
        Key known = Key.parse(key);
        task = Kind.of(known).task();
        task.create(known);
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

    /** Something to measure in a process of its own. */
    abstract static class Task {

        Gpt2Config model = Gpt2Config.gpt2Small().withDropout(0);
        String subject;
        String contender;
        NDManager manager; // of all arrays but those of a training
        Runnable work; // what is measured

        final void create(Key key) {
            subject = key.subject();
            contender = key.contender();
            manager = start();
            make(key.suite());
        }

        abstract void make(Suite suite);

        /** Says what is known at the end, and frees what is not the manager's. */
        void finish() {}

        final void close() {
            finish();
            if (manager != null) {
                manager.close();
            }
        }

        /** Loads the engine, starts its threads, seeds it, and notes the memory that this took. */
        NDManager start() {
            Engine engine = Engine.getEngine("PyTorch");
            engine.setRandomSeed(0);
            NDManager empty = engine.newBaseManager();
            try (NDArray matrix = empty.ones(new Shape(256, 256));
                    NDArray product = matrix.matMul(matrix)) {
                Host.read(product, host -> host.getFloat(0, 0));
            }
            MemoryProfiler.noteBase();
            return empty;
        }
    }

    /**
     * What a task is judged by besides its time, if it or Linux tells it: the peak of its process's
     * memory, native arrays included, bytes; what was resident when nothing was made yet; what the
     * difference should be; and of Muon the error of its polar factor.
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
            return "Memory of the process, and errors";
        }

        @Override
        public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {}

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
            try (Stream<String> all = Files.exists(STATUS) ? Files.lines(STATUS) : Stream.of()) {
                return all.filter(line -> line.startsWith(entry + ":"))
                        .mapToDouble(line -> 1024 * Double.parseDouble(line.replaceAll("\\D", "")))
                        .findFirst()
                        .orElse(0);
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot read " + STATUS, e);
            }
        }
    }
}
