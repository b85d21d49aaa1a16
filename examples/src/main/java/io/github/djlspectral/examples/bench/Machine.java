package io.github.djlspectral.examples.bench;

import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.JniUtils;
import com.sun.management.OperatingSystemMXBean;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.gpt.Versions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * Where something was measured.
 *
 * @param cpu the model
 * @param cores logical cores
 * @param instructions vector and matrix instructions that matter to matrix products, such as
 *     "avx512f"; empty where they are not known
 * @param memory bytes
 * @param load processes that wanted a core in the minute before, on average; negative if unknown
 * @param threads that a native operation uses
 * @param versions of this program's parts and of Python's, by name; {@code torch-threads} is how
 *     many threads an operation of Python's PyTorch uses
 */
record Machine(
        String cpu,
        int cores,
        List<String> instructions,
        long memory,
        double load,
        int threads,
        Map<String, String> versions) {

    /** The property that tells DJL's PyTorch engine how many threads an operation uses. */
    static final String THREADS = "ai.djl.pytorch.num_threads";

    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
    private static final String INSTRUCTIONS =
            "avx2 avx512f avx512_vnni avx512_bf16 avx512_fp16 amx_tile amx_bf16 asimd sve bf16";

    /** Describes this one, with what Python tells of itself, by name. */
    static Machine here(Map<String, String> python) {
        OperatingSystemMXBean system =
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        Map<String, String> versions = Versions.of(Engine.getEngine("PyTorch"));
        versions.putAll(python);
        List<String> linux = List.of(); // what it tells about the processors
        try {
            linux = Files.exists(CPU_INFO) ? Files.readAllLines(CPU_INFO) : linux;
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + CPU_INFO, e);
        }
        List<String> flags =
                List.of(field(linux, "flags", field(linux, "Features", "")).split(" "));
        String windows = System.getenv("PROCESSOR_IDENTIFIER");
        return new Machine(
                field(
                        linux,
                        "model name",
                        windows == null ? System.getProperty("os.arch") : windows),
                Runtime.getRuntime().availableProcessors(),
                Stream.of(INSTRUCTIONS.split(" ")).filter(flags::contains).toList(),
                system.getTotalMemorySize(),
                system.getSystemLoadAverage(),
                JniUtils.getNumThreads(), // of the engine, which the versions have loaded
                versions);
    }

    private static String field(List<String> lines, String name, String otherwise) {
        return lines.stream()
                .filter(line -> line.startsWith(name))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst()
                .orElse(otherwise);
    }

    /**
     * Returns what to tell before measuring: a warning if the machine had other work, and one if
     * Python uses another number of threads.
     */
    List<String> warnings() {
        List<String> warnings = new ArrayList<>();
        if (load > 0.5) {
            String busy =
                    "Warning: the machine was busy (load average %.1f); times may be too long";
            warnings.add(Table.text(busy, load));
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

    /** Returns Markdown lines. */
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

    /** Returns the commit that was measured; null if it is not known. */
    String commit() {
        return versions.get("commit");
    }

    private Map<String, String> traits() {
        Map<String, String> traits = new TreeMap<>(versions);
        traits.keySet().removeAll(List.of("commit", "djl-spectral"));
        traits.put("CPU", cpu);
        traits.put("cores", String.valueOf(cores));
        traits.put("instructions", String.valueOf(instructions));
        traits.put("memory", gibi());
        traits.put("threads", String.valueOf(threads));
        return traits;
    }
}
