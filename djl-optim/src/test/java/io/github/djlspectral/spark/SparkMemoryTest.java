package io.github.djlspectral.spark;

import static io.github.djlspectral.spark.LocalUpdatesTest.initialised;
import static io.github.djlspectral.spark.LocalUpdatesTest.model;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Model;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import io.github.djlspectral.optim.Muon;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import scala.jdk.javaapi.CollectionConverters;

@Tag("spark")
@Tag("slow")
class SparkMemoryTest {

    private static final int UNITS = 512; // 1 MiB of weights

    /** In an executor: those of the workers' models. */
    private static final List<NDManager> MANAGERS = new ArrayList<>();

    @TempDir Path directory;

    @Test
    @EnabledOnOs(value = OS.LINUX, disabledReason = "tells resident memory by /proc")
    void isFlatOverAHundredRounds() throws IOException {
        Path temporary = Files.createDirectory(directory.resolve("temporary"));
        try (SparkCluster cluster = new SparkCluster(directory, 1, 1, "1g")) {
            String flags = "spark.executor.extraJavaOptions";
            SparkConf conf = cluster.conf();
            String more = " -Xms512m -XX:+AlwaysPreTouch -Djava.io.tmpdir=" + temporary;
            conf.set(flags, conf.get(flags) + more);
            try (JavaSparkContext context = new JavaSparkContext(conf);
                    Model model = model(UNITS)) {
                Block block = initialised(model);
                int arrays = model.getNDManager().getManagedArrays().size();
                OuterStep outer = new OuterStep(0.7, 0.9);
                String folder = directory.resolve("checkpoints").toUri().toString();
                try (LocalUpdates updates =
                        new LocalUpdates(context, block, factory(), 2, outer, folder)) {
                    rounds(updates, 40);
                    long executor = cluster.executors(0).get(0).pid();
                    long[] before = {resident(executor), resident(ProcessHandle.current().pid())};
                    rounds(updates, 140);
                    long[] after = {resident(executor), resident(ProcessHandle.current().pid())};
                    assertThat(after[0] - before[0]).as("executor").isLessThan(64 * 1024);
                    assertThat(after[1] - before[1]).as("driver").isLessThan(64 * 1024);
                    assertThat(context.getPersistentRDDs()).isEmpty();
                    assertThat(stored(context)).isLessThan(16 << 20);
                }
                assertThat(model.getNDManager().getManagedArrays()).hasSize(arrays);
                assertThat(context.parallelize(List.of(0), 1).map(i -> open()).first()).isZero();
            }
            assertThat(temporary)
                    .isDirectoryNotContaining(path -> path.toString().contains("djl-spectral"));
        }
    }

    private static LocalWorker.Factory factory() {
        return share -> {
            Model model = model(UNITS);
            MANAGERS.add(model.getNDManager());
            return LocalUpdatesTest.worker(share, Muon.builder().build(), model);
        };
    }

    private static long open() {
        assertThat(MANAGERS).hasSize(2 * 140);
        return MANAGERS.stream().filter(NDManager::isOpen).count();
    }

    private static void rounds(LocalUpdates updates, int until) {
        while (updates.step() < until) {
            updates.round(1);
            if (updates.step() % 5 == 0) {
                updates.save(1);
            }
        }
    }

    /** The bytes of all blocks, weights and others, in all processes. */
    private static long stored(JavaSparkContext context) {
        return CollectionConverters.asJava(context.sc().getExecutorMemoryStatus()).values().stream()
                .mapToLong(sizes -> (Long) sizes._1() - (Long) sizes._2())
                .sum();
    }

    private static long resident(long process) throws IOException {
        String status = Files.readString(Path.of("/proc", "" + process, "status"));
        return Long.parseLong(status.replaceFirst("(?s).*VmRSS:\\s*(\\d+) kB.*", "$1"));
    }
}
