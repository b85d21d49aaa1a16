package io.github.djlspectral.spark;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.Muon;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("spark")
class SparkClusterTest {

    /** What one partition did. */
    private record Step(long pid, float[] weights) implements java.io.Serializable {}

    @TempDir Path directory;

    @Test
    void killedExecutorsAreReplacedAndBitsStay() {
        List<ProcessHandle> killed = new ArrayList<>();
        try (SparkCluster cluster = new SparkCluster(directory, 2, 1, "1g")) {
            try (JavaSparkContext context = new JavaSparkContext(cluster.conf())) {
                Set<Long> before = checkedSteps(context);
                killed.addAll(cluster.executors(0));
                assertThat(killed).hasSize(1);
                assertThat(before).contains(killed.get(0).pid());
                cluster.killExecutors(0);
                Set<Long> after = checkedSteps(context);
                assertThat(after).doesNotContain(killed.get(0).pid());
                killed.addAll(cluster.executors(1));
                cluster.killWorker(1);
                assertThat(checkedSteps(context)).doesNotContain(killed.get(1).pid()).hasSize(1);
                killed.addAll(cluster.executors(0));
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("On this cluster:" + cluster.logs(), e);
            }
        }
        assertThat(killed).hasSize(3).noneMatch(ProcessHandle::isAlive);
    }

    @Test
    void aLocalClusterHasExecutorsOfItsOwn() {
        SparkConf conf = SparkCluster.conf("local-cluster[2,1,1024]", directory);
        try (JavaSparkContext context = new JavaSparkContext(conf)) {
            assertThat(checkedSteps(context)).doesNotContain(ProcessHandle.current().pid());
        }
        assertThat(ProcessHandle.current().descendants())
                .allSatisfy(process -> assertThat(process.onExit()).succeedsWithin(60, SECONDS));
    }

    /** Returns the processes that made steps, which must be the same here to the bit. */
    private static Set<Long> checkedSteps(JavaSparkContext context) {
        List<Integer> seeds = List.of(1, 2, 3, 4);
        Set<Long> pids = new HashSet<>();
        List<Step> steps = context.parallelize(seeds, 4).map(SparkClusterTest::step).collect();
        for (int i = 0; i < seeds.size(); i++) {
            assertThat(steps.get(i).weights).containsExactly(step(seeds.get(i)).weights);
            pids.add(steps.get(i).pid);
        }
        return pids;
    }

    private static Step step(int seed) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon = Muon.builder().optLearningRateTracker(Tracker.fixed(0.5f)).build()) {
            NDArray w = manager.arange(1f, 41f).add(seed).reshape(new Shape(5, 8)).sin();
            muon.update("w", w, w.cos());
            return new Step(ProcessHandle.current().pid(), w.toFloatArray());
        }
    }
}
