package io.github.djlspectral.examples.bench;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import com.sun.management.OperatingSystemMXBean;
import io.github.djlspectral.examples.experiment.Environment;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.torch.Host;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.apache.commons.math3.stat.descriptive.rank.Median;

/** Where something was measured. */
record Machine(
        String cpu,
        int cores,
        List<String> instructions, // that matter to matrix products, such as "avx512f", if known
        long memory, // bytes
        double load, // processes that wanted a core in the minute before; negative if unknown
        int threads, // that a native operation uses; in Python: "torch-threads" of the versions
        Map<String, String> versions) {

    /** The property that tells DJL's PyTorch engine how many threads an operation uses. */
    static final String THREADS = "ai.djl.pytorch.num_threads";

    private static final Path CPU_INFO = Path.of("/proc/cpuinfo"); // of Linux
    private static final String INSTRUCTIONS =
            "avx2 avx512f avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_bf16 asimd sve bf16";

    /** Describes this one, with what Python tells of itself, by name. */
    static Machine here(Map<String, String> python) {
        OperatingSystemMXBean system =
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        Map<String, String> versions = Environment.versions(Engine.getEngine("PyTorch"));
        versions.putAll(python);
        List<String> flags = List.of(cpuInfo("flags|Features", "").split(" "));
        String windows = System.getenv("PROCESSOR_IDENTIFIER");
        return new Machine(
                cpuInfo("model name", windows == null ? System.getProperty("os.arch") : windows),
                Runtime.getRuntime().availableProcessors(),
                Stream.of(INSTRUCTIONS.split(" ")).filter(flags::contains).toList(),
                system.getTotalMemorySize(),
                system.getSystemLoadAverage(),
                JniUtils.getNumThreads(), // of the engine, which the versions have loaded
                versions);
    }

    private static String cpuInfo(String name, String otherwise) {
        try (Stream<String> lines = Files.exists(CPU_INFO) ? Files.lines(CPU_INFO) : Stream.of()) {
            return lines.filter(line -> line.matches("(" + name + ")\\s*:.*"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse(otherwise);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + CPU_INFO, e);
        }
    }

    List<String> warnings() {
        List<String> warnings = new ArrayList<>();
        if (load > 0.5) {
            String average = Table.text("%.1f); times may be too long", load);
            warnings.add("Warning: the machine was busy (load average " + average);
        }
        String its = versions.get("torch-threads");
        if (its != null && !its.equals(String.valueOf(threads))) {
            String differ =
                    "Warning: an operation uses %s threads here, but %s in Python, so that times"
                            + " cannot be compared: give --threads";
            warnings.add(Table.text(differ, threads, its));
        }
        return warnings;
    }

    List<String> lines() {
        String what = "Machine: %s, %d cores, %s; threads used: %d; load average at the start: %s.";
        List<String> parts = new ArrayList<>(instructions);
        parts.add(0, gibi());
        String busy = load < 0 ? "unknown" : Table.text("%.2f", load);
        List<String> named = new ArrayList<>();
        new TreeMap<>(versions).forEach((name, version) -> named.add(name + " " + version));
        return List.of(
                Table.text(what, cpu, cores, String.join(", ", parts), threads, busy),
                "Versions: " + String.join(", ", named) + ".");
    }

    private String gibi() {
        return Table.text("%.0f GiB", memory / Report.GIBI);
    }

    /**
     * Returns what differs from another place, but for its load, for what is to be compared, and
     * for what only one of the two has.
     */
    List<String> differences(Machine other) {
        Map<String, String> its = other.traits();
        List<String> differences = new ArrayList<>();
        traits().forEach(
                        (name, mine) -> {
                            if (!its.getOrDefault(name, mine).equals(mine)) {
                                differences.add(name + " " + its.get(name) + ", now " + mine);
                            }
                        });
        return differences;
    }

    private Map<String, String> traits() {
        Map<String, String> traits = new TreeMap<>(versions);
        traits.keySet().removeAll(List.of("commit", "djl-spectral"));
        traits.putAll(Map.of("CPU", cpu, "cores", "" + cores, "memory", gibi()));
        traits.putAll(Map.of("instructions", "" + instructions, "threads", "" + threads));
        return traits;
    }

    /**
     * Measures for a third of a second how fast a product of 1024 x 1024 is at best, operations a
     * second: what else runs on the machine can only slow a product down.
     */
    static double productRate() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray a = manager.ones(new Shape(1024, 1024));
            long shortest = Long.MAX_VALUE;
            long end = System.nanoTime() + 300_000_000;
            do {
                shortest = Math.min(shortest, nanosToMultiply(a));
            } while (System.nanoTime() < end);
            return 1e9 * Work.of("product 1024").orElseThrow().operations / shortest;
        }
    }

    private static long nanosToMultiply(NDArray a) {
        long begin = System.nanoTime();
        try (NDArray product = a.matMul(a);
                NDArray corner = product.get(0, 0)) {
            Host.read(corner, NDArray::getFloat); // waits for the device
        }
        return System.nanoTime() - begin;
    }

    /** What one operation on GPT-2 takes, or one product of square matrices. */
    record Work(
            long tokens, // that go through it; 0 for a matrix product

            // Of its matrix products and attention: two per weight and token, and attention's
            // scores and sums in full, although half of them are masked; three times as many with a
            // backward pass. Of a training step, the optimizer's are not counted.
            double operations) {

        private static final Pattern SUBJECT =
                Pattern.compile(
                        "(one layer|124M), B=(\\d+), T=(\\d+), (forward|backward|step)"
                                + "|product (\\d+)");

        static Optional<Work> of(String subject) {
            Matcher matcher = SUBJECT.matcher(subject);
            if (!matcher.matches()) {
                return Optional.empty();
            }
            if (matcher.group(1) == null) {
                double side = Double.parseDouble(matcher.group(5));
                return Optional.of(new Work(0, 2 * Math.pow(side, 3)));
            }
            boolean whole = matcher.group(1).equals("124M");
            Gpt2Config config = whole ? Gpt2Config.gpt2Small() : Gpt2Task.oneLayer(768);
            long length = Long.parseLong(matcher.group(3));
            long tokens = Long.parseLong(matcher.group(2)) * length;
            double width = config.width();
            double layer = 2 * 12 * width * width + 4 * width * length;
            double forward = config.layers() * layer + 2 * width * config.vocabSize();
            int passes = matcher.group(4).equals("forward") ? 1 : 3;
            return Optional.of(new Work(tokens, passes * forward * tokens));
        }
    }

    /**
     * How fast the machine multiplied float32 matrices, operations a second: what shares refer to,
     * and what tells the conditions of two sessions apart. Small ones are of 1024 x 1024, before
     * each round, large ones of 2048 x 2048, a task.
     */
    record Speed(List<Double> small, OptionalDouble large) {

        static Speed of(Results results) {
            double operations = Work.of("product 2048").orElseThrow().operations;
            return new Speed(
                    results.matrixProductRates(),
                    results.measured("gpt2, product 2048: ours, float32").stream()
                            .flatMap(measurement -> measurement.measured().stream())
                            .flatMap(round -> round.seconds().stream())
                            .mapToDouble(seconds -> operations / seconds)
                            .max());
        }

        OptionalDouble best() {
            return DoubleStream.concat(small.stream().mapToDouble(r -> r), large.stream()).max();
        }

        /** Returns the line that a report begins with; none if nothing was measured. */
        List<String> lines() {
            List<String> sizes = new ArrayList<>();
            if (!small.isEmpty()) {
                String rates = small.stream().map(Speed::giga).collect(Collectors.joining(", "));
                sizes.add("1024 x 1024, before each round " + rates);
            }
            large.ifPresent(rate -> sizes.add("2048 x 2048, at best " + giga(rate)));
            String line =
                    "Matrix product, float32: %s GFLOP/s at best, which shares refer to, the"
                            + " largest of: %s.";
            return best().stream()
                    .mapToObj(best -> Table.text(line, giga(best), String.join("; ", sizes)))
                    .toList();
        }

        /** Compares the conditions of two sessions; empty if one of the two has no rate. */
        List<String> against(Speed old) {
            double before = old.median();
            double now = median();
            List<String> lines = new ArrayList<>();
            if (before > 0 && now > 0) {
                String line = "- Matrix product, float32, 1024 x 1024, median of the rounds: ";
                lines.add(Table.text(line + "old %s GFLOP/s, new %s.", giga(before), giga(now)));
            }
            if (Math.max(now / before, before / now) > 1.05) {
                lines.add(
                        "- Warning: the two differ by more than 5%, so that times are of different"
                                + " conditions, and what seems slower or faster may not be");
            }
            return lines;
        }

        /** Of all rounds: one of them may have begun in a bad moment. NaN if there is none. */
        private double median() {
            return new Median().evaluate(small.stream().mapToDouble(rate -> rate).toArray());
        }

        private static String giga(double rate) {
            return String.valueOf(Math.round(rate / 1e9));
        }
    }
}
