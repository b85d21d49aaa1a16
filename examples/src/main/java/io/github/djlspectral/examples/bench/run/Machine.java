package io.github.djlspectral.examples.bench.run;

import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.JniUtils;
import com.sun.management.OperatingSystemMXBean;
import io.github.djlspectral.examples.bench.report.MachineDescription;
import io.github.djlspectral.examples.train.Versions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Describes this machine. */
final class Machine {

    /** The property that tells DJL's PyTorch engine how many threads an operation uses. */
    static final String THREADS = "ai.djl.pytorch.num_threads";

    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
    private static final List<String> INSTRUCTIONS =
            List.of(
                    "avx2",
                    "avx512f",
                    "avx512_vnni",
                    "avx512_bf16",
                    "avx512_fp16",
                    "amx_tile",
                    "amx_bf16",
                    "asimd",
                    "sve",
                    "bf16");

    private Machine() {}

    /**
     * Describes.
     *
     * @param python what Python tells of itself, by name
     */
    static MachineDescription describe(Map<String, String> python) {
        OperatingSystemMXBean system =
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        List<String> cpuInfo = cpuInfo();
        String flags = field(cpuInfo, "flags", field(cpuInfo, "Features", ""));
        List<String> known = Arrays.asList(flags.split(" "));
        Map<String, String> versions = new TreeMap<>(Versions.of(Engine.getEngine("PyTorch")));
        versions.putAll(python);
        return new MachineDescription(
                field(cpuInfo, "model name", otherName()),
                Runtime.getRuntime().availableProcessors(),
                INSTRUCTIONS.stream().filter(known::contains).toList(),
                system.getTotalMemorySize(),
                system.getSystemLoadAverage(),
                JniUtils.getNumThreads(), // of the engine, which the versions have loaded
                versions);
    }

    /** Returns what Linux tells about the processors; empty elsewhere. */
    private static List<String> cpuInfo() {
        try {
            return Files.exists(CPU_INFO) ? Files.readAllLines(CPU_INFO) : List.of();
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + CPU_INFO, e);
        }
    }

    private static String field(List<String> lines, String name, String otherwise) {
        return lines.stream()
                .filter(line -> line.startsWith(name))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst()
                .orElse(otherwise);
    }

    /** Windows tells the processor in the environment. */
    private static String otherName() {
        String name = System.getenv("PROCESSOR_IDENTIFIER");
        return name == null ? System.getProperty("os.arch") : name;
    }
}
