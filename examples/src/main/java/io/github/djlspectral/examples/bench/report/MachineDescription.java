package io.github.djlspectral.examples.bench.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

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
public record MachineDescription(
        String cpu,
        int cores,
        List<String> instructions,
        long memory,
        double load,
        int threads,
        Map<String, String> versions) {

    private static final double BUSY = 0.5;
    private static final double GIBI = 1L << 30;
    private static final String COMMIT = "commit";
    private static final String PYTHON_THREADS = "torch-threads";

    /**
     * Returns what to tell before measuring.
     *
     * @return a warning if the machine had other work, and one if Python uses another number of
     *     threads; empty if not
     */
    public List<String> warnings() {
        List<String> warnings = new ArrayList<>();
        if (load > BUSY) {
            warnings.add(
                    String.format(
                            Locale.ROOT,
                            "Warning: the machine was busy (load average %.1f); times may be too"
                                    + " long",
                            load));
        }
        String its = versions.get(PYTHON_THREADS);
        if (its != null && !its.equals(String.valueOf(threads))) {
            warnings.add(
                    "Warning: an operation uses "
                            + threads
                            + " threads here, but "
                            + its
                            + " in Python, so that times cannot be compared: give --threads");
        }
        return warnings;
    }

    /** Returns Markdown lines. */
    List<String> describe() {
        List<String> lines = new ArrayList<>();
        lines.add(
                String.format(
                        Locale.ROOT,
                        "Machine: %s, %d cores, %.0f GiB%s; threads used: %d; load average at"
                                + " the start: %s.",
                        cpu,
                        cores,
                        memory / GIBI,
                        instructions.isEmpty() ? "" : ", " + String.join(", ", instructions),
                        threads,
                        load < 0 ? "unknown" : String.format(Locale.ROOT, "%.2f", load)));
        List<String> parts =
                versions.entrySet().stream().map(e -> e.getKey() + " " + e.getValue()).toList();
        lines.add("Versions: " + String.join(", ", parts) + ".");
        return lines;
    }

    /** Returns this machine, with versions of what was not known before. */
    MachineDescription with(Map<String, String> more) {
        Map<String, String> all = new TreeMap<>(more);
        all.putAll(versions);
        return new MachineDescription(cpu, cores, instructions, memory, load, threads, all);
    }

    /**
     * Returns what differs from another place, but for its load, for what is to be compared, and
     * for what only one of the two has.
     */
    List<String> differences(MachineDescription other) {
        List<String> differences = new ArrayList<>();
        Map<String, String> mine = traits();
        Map<String, String> its = other.traits();
        mine.forEach(
                (name, value) -> {
                    if (its.containsKey(name) && !value.equals(its.get(name))) {
                        differences.add(name + " " + its.get(name) + ", now " + value);
                    }
                });
        return differences;
    }

    /** Returns the commit that was measured; null if it is not known. */
    String commit() {
        return versions.get(COMMIT);
    }

    private Map<String, String> traits() {
        Map<String, String> traits = new TreeMap<>(versions);
        traits.remove(COMMIT);
        traits.remove("djl-spectral");
        traits.put("CPU", cpu);
        traits.put("cores", String.valueOf(cores));
        traits.put("instructions", String.valueOf(instructions));
        traits.put("memory", String.format(Locale.ROOT, "%.0f GiB", memory / GIBI));
        traits.put("threads", String.valueOf(threads));
        return traits;
    }
}
