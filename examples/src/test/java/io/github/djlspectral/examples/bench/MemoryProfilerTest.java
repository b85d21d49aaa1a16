package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.openjdk.jmh.results.Result;

@EnabledOnOs(OS.LINUX)
class MemoryProfilerTest {

    private static final int MEBIBYTES = 256;
    private static final double BYTES = MEBIBYTES * 1024.0 * 1024;

    private final MemoryProfiler profiler = new MemoryProfiler();

    @Test
    void seesABlockThatIsFreedAgain() throws IOException {
        EngineBenchmark.start().close();
        forgetPeak();
        allocate();

        Map<String, Double> measured = measured();

        double own = measured.get(MemoryProfiler.PEAK) - measured.get(MemoryProfiler.BASE);
        // The system counts pages in batches, and the virtual machine takes some of its own.
        assertThat(own).isBetween(0.98 * BYTES, 1.25 * BYTES);
    }

    @Test
    void whatComesAfterThePeakWasNotedIsNotTheBenchmarks() throws IOException {
        EngineBenchmark.start().close();
        forgetPeak();
        MemoryProfiler.notePeak();
        allocate();

        Map<String, Double> measured = measured();

        double own = measured.get(MemoryProfiler.PEAK) - measured.get(MemoryProfiler.BASE);
        assertThat(own).isLessThan(0.25 * BYTES);
    }

    @Test
    void passesOnWhatABenchmarkSaysUntilTheNextBegins() {
        EngineBenchmark.start().close();
        MemoryProfiler.tell(MemoryProfiler.PREDICTED, 1000);
        MemoryProfiler.tell(MemoryProfiler.POLAR_ERROR, 0.25);

        assertThat(measured())
                .containsEntry(MemoryProfiler.PREDICTED, 1000.0)
                .containsEntry(MemoryProfiler.POLAR_ERROR, 0.25);

        EngineBenchmark.start().close();
        assertThat(measured().keySet())
                .containsExactlyInAnyOrder(MemoryProfiler.PEAK, MemoryProfiler.BASE);
    }

    private Map<String, Double> measured() {
        return profiler.afterIteration(null, null, null).stream()
                .collect(Collectors.toMap(Result::getLabel, Result::getScore));
    }

    private static void allocate() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray block = manager.ones(new Shape(MEBIBYTES, 1024, 1024 / Float.BYTES));
            assertThat(block.getFloat(MEBIBYTES - 1, 1023, 255)).isOne();
        }
    }

    /** Makes the system count the peak anew, which other tests have driven up. */
    private static void forgetPeak() throws IOException {
        Path switches = Path.of("/proc/self/clear_refs");
        assumeTrue(Files.isWritable(switches), "the system forgets no peak");
        Files.writeString(switches, "5");
    }
}
