package io.github.djlspectral.spark;

import static io.github.djlspectral.spark.LocalUpdatesTest.initialised;
import static io.github.djlspectral.spark.LocalUpdatesTest.model;
import static io.github.djlspectral.spark.LocalUpdatesTest.numbers;
import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Model;
import ai.djl.TrainingDivergedException;
import ai.djl.nn.Block;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.spark.LocalWorker.Share;
import io.github.djlspectral.spark.LocalWorker.Step;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongFunction;
import java.util.stream.Stream;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.spark.SparkConf;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever happens to executors, the weights are those of an undisturbed training to the bit. */
@Tag("spark")
class SparkFailuresTest {

    private static final int WORKERS = 3;
    private static final int ROUNDS = 7;
    private static final int PATIENCE = 120; // seconds
    private static final int PIECE = 100; // there are 5
    private static final String FULL = "No space left on device";

    /** The weights after each round, undisturbed and in this process. */
    private static final List<float[]> EXPECTED = new ArrayList<>();

    @TempDir Path directory;

    @BeforeAll
    static void trainUndisturbed(@TempDir Path folder) {
        with(
                local("local[2]"),
                folder,
                (context, updates, block) -> {
                    for (int i = 0; i < ROUNDS; i++) {
                        updates.round(2);
                        EXPECTED.add(numbers(block));
                    }
                });
    }

    private static SparkConf local(String master) {
        return new SparkConf(false)
                .setMaster(master)
                .setAppName("test")
                .set("spark.ui.enabled", "false")
                .set("spark.driver.host", "127.0.0.1");
    }

    private interface Body {
        void run(JavaSparkContext context, LocalUpdates updates, Block block) throws Exception;
    }

    /** Begins a training whose trouble is ordered by files in a folder. */
    private static void with(SparkConf conf, Path folder, Body body) {
        String place = folder.toString();
        conf.set("spark.task.maxFailures", "16")
                .set("spark.hadoop.fs.held.impl", HeldFileSystem.class.getName())
                .set("spark.hadoop.fs.held.impl.disable.cache", "true")
                .set("spark.hadoop.held.place", place);
        LocalWorker.Factory factory =
                share -> {
                    if (Stream.of("bad", "bad-" + pid())
                            .anyMatch(name -> Files.exists(Path.of(place, name)))) {
                        throw new IOException(FULL);
                    }
                    LocalWorker worker = LocalUpdatesTest.worker(share, Muon.builder().build());
                    Block own = worker.block();
                    return new LocalUpdatesTest.Around(
                            worker, steps -> n -> step(steps, n, own, share, place));
                };
        OuterStep outer = new OuterStep(0.7, 0.9);
        String checkpoints = "held://" + place + "/checkpoints";
        try (JavaSparkContext context = new JavaSparkContext(conf);
                Model model = model()) {
            Block block = initialised(model);
            try (LocalUpdates updates =
                    new LocalUpdates(context, block, factory, WORKERS, outer, checkpoints, PIECE)) {
                body.run(context, updates, block);
            }
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private interface ClusterBody {
        void run(SparkCluster cluster, LocalUpdates updates, Block block) throws Exception;
    }

    private void onCluster(ClusterBody body, String... settings) {
        try (SparkCluster cluster = new SparkCluster(directory, 2, 1, "1g")) {
            SparkConf conf = cluster.conf();
            for (String setting : settings) {
                conf.set(setting.split("=")[0], setting.split("=")[1]);
            }
            try {
                with(
                        conf,
                        directory,
                        (context, updates, block) -> body.run(cluster, updates, block));
            } catch (AssertionError e) {
                throw new AssertionError("On this cluster:" + cluster.logs(), e);
            }
        }
    }

    private static long pid() {
        return ProcessHandle.current().pid();
    }

    /**
     * A worker's step, whose order among the others shows in the sum, and which does as files say.
     */
    private static Step step(
            LongFunction<Step> steps, long number, Block block, Share share, String place) {
        float[][] pieces = Weights.read(block, PIECE);
        if (share.worker() == 1 && Files.exists(Path.of(place, "nan"))) {
            pieces[1][0] = Float.NaN;
            Weights.write(block, pieces);
        }
        Step step = steps.apply(number);
        if (number % 2 == 0) {
            hold(place, "hold-step");
            pieces = Weights.read(block, PIECE);
            for (int i = 0; i < PIECE; i++) { // float64 holds no sum of these
                pieces[2][i] += 1e9f * (share.worker() - 1);
            }
            Weights.write(block, pieces);
            sleep(50 * ((share.worker() + number / 2) % WORKERS));
        }
        return step;
    }

    private static void sleep(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    /** The first one that comes here after an order waits until the test has dealt with it. */
    private static void hold(String place, String order) {
        Path mine = Path.of(place, "held-" + pid());
        try {
            Files.move(Path.of(place, order), mine, StandardCopyOption.ATOMIC_MOVE);
        } catch (NoSuchFileException e) {
            return;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        while (Files.exists(mine)) {
            sleep(20);
        }
    }

    /** The local one, which may be full, and where a file may not get its name yet. */
    static final class HeldFileSystem extends RawLocalFileSystem {

        @Override
        public URI getUri() {
            return URI.create("held:///");
        }

        @Override
        public boolean rename(org.apache.hadoop.fs.Path from, org.apache.hadoop.fs.Path to)
                throws IOException {
            if (TaskContext.get() != null) {
                hold(getConf().get("held.place"), "hold-rename");
            }
            return super.rename(from, to);
        }

        @Override
        protected OutputStream createOutputStreamWithMode(
                org.apache.hadoop.fs.Path file, boolean append, FsPermission permission)
                throws IOException {
            OutputStream out = super.createOutputStreamWithMode(file, append, permission);
            boolean full = Files.exists(Path.of(getConf().get("held.place"), "full"));
            return full ? new FullDisk(out) : out;
        }
    }

    private static final class FullDisk extends FilterOutputStream {

        FullDisk(OutputStream out) {
            super(out);
        }

        @Override
        public void write(byte[] bytes, int from, int length) throws IOException {
            out.write(bytes, from, length / 2);
            throw new IOException(FULL);
        }
    }

    private void order(String name) throws IOException {
        Files.createFile(directory.resolve(name));
    }

    /** Returns the process that an order of this name stopped. */
    private ProcessHandle held(CompletableFuture<?> work) throws IOException {
        while (true) {
            assertThat(work).as("the work that is to be held").isNotDone();
            try (Stream<Path> files = Files.list(directory)) {
                for (Path file : files.toList()) {
                    String name = file.getFileName().toString();
                    if (name.startsWith("held-")) {
                        return ProcessHandle.of(Long.parseLong(name.substring(5))).orElseThrow();
                    }
                }
            }
            sleep(20);
        }
    }

    private void release(ProcessHandle process) throws IOException {
        Files.delete(directory.resolve("held-" + process.pid()));
    }

    /** Kills the process that does some work in the middle of it, so many times. */
    private void killDuring(Runnable work, String order, int times, SparkCluster cluster)
            throws Exception {
        order(order);
        CompletableFuture<Void> running = CompletableFuture.runAsync(work);
        for (int i = 1; i <= times; i++) {
            ProcessHandle process = held(running);
            if (i < times) {
                order(order); // for the next attempt
            }
            int worker = cluster.executors(0).contains(process) ? 0 : 1;
            assertThat(cluster.executors(worker)).containsExactly(process);
            cluster.killExecutors(worker);
            release(process);
        }
        running.get(PATIENCE, SECONDS);
    }

    private static void check(LocalUpdates updates, Block block) {
        assertThat(numbers(block)).isEqualTo(EXPECTED.get((int) updates.step() / 2 - 1));
    }

    private static void round(LocalUpdates updates, Block block) {
        updates.round(2);
        check(updates, block);
    }

    private List<String> checkpoints() throws IOException {
        try (Stream<Path> all = Files.list(directory.resolve("checkpoints"))) {
            return all.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void killsChangeNoBit() {
        List<ProcessHandle> all = new ArrayList<>();
        onCluster(
                (cluster, updates, block) -> {
                    round(updates, block);
                    all.addAll(cluster.executors(1));
                    killDuring(() -> round(updates, block), "hold-step", 1, cluster);
                    updates.save(1);
                    round(updates, block);
                    cluster.killWorker(1);
                    round(updates, block);
                    all.addAll(cluster.executors(0));
                });
        assertThat(all).hasSize(2).noneMatch(ProcessHandle::isAlive);
    }

    @Test
    @Tag("slow")
    void manyKillsChangeNoBit() {
        onCluster(
                (cluster, updates, block) -> {
                    round(updates, block);
                    killDuring(() -> round(updates, block), "hold-step", 3, cluster);
                    cluster.killExecutors(0);
                    round(updates, block);
                    updates.save(2);
                    cluster.killExecutors(1);
                    cluster.killExecutors(0);
                    round(updates, block);
                    round(updates, block);
                    killDuring(() -> updates.save(2), "hold-rename", 1, cluster);
                    assertThat(checkpoints()).containsExactly("step-0000000006", "step-0000000010");
                    order("hold-step");
                    CompletableFuture<Void> running =
                            CompletableFuture.runAsync(() -> round(updates, block));
                    ProcessHandle process = held(running);
                    cluster.killWorker(cluster.executors(0).contains(process) ? 0 : 1);
                    release(process);
                    running.get(PATIENCE, SECONDS);
                    updates.save(1);
                    assertThat(checkpoints()).containsExactly("step-0000000012");
                    round(updates, block);
                });
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    @Tag("slow")
    void numberOfExecutorsChangesNoBit(int executors) {
        String master = "local-cluster[" + executors + ",1,1024]";
        with(
                SparkCluster.conf(master, directory),
                directory,
                (context, updates, block) -> {
                    for (int i = 0; i < ROUNDS; i++) {
                        round(updates, block);
                    }
                    assertThat(context.sc().statusTracker().getExecutorInfos())
                            .hasSize(executors + 1); // and the driver
                });
        assertThat(ProcessHandle.current().descendants())
                .allSatisfy(process -> assertThat(process.onExit()).succeedsWithin(60, SECONDS));
    }

    @Test
    @Tag("slow")
    void speculationChangesNoBit() {
        onCluster(
                (cluster, updates, block) -> {
                    round(updates, block);
                    for (String order : List.of("hold-step", "hold-rename")) {
                        order(order);
                        boolean first = order.equals("hold-step");
                        CompletableFuture<Void> running =
                                CompletableFuture.runAsync(
                                        () -> {
                                            if (first) {
                                                round(updates, block);
                                            } else {
                                                updates.save(1);
                                            }
                                        });
                        ProcessHandle process = held(running);
                        running.get(PATIENCE, SECONDS); // by a copy, as that one is still held
                        release(process);
                        assertThat(process.isAlive()).isTrue();
                        round(updates, block);
                    }
                    updates.save(1);
                    assertThat(checkpoints()).hasSize(1);
                    round(updates, block);
                },
                "spark.speculation=true",
                "spark.speculation.quantile=0.3",
                "spark.speculation.multiplier=1.1");
    }

    @Test
    void faultsLeaveTheCheckpoint() {
        with(
                local("local[2,1]"),
                directory,
                (context, updates, block) -> {
                    order("full");
                    assertNoRoom(updates);
                    Files.delete(directory.resolve("full"));
                    round(updates, block);
                    faults(updates, block);
                });
    }

    @Test
    @Tag("slow")
    void faultsOfExecutorsLeaveTheCheckpoint() {
        onCluster(
                (cluster, updates, block) -> {
                    round(updates, block);
                    faults(updates, block);
                });
    }

    /** After round 1. */
    private void faults(LocalUpdates updates, Block block) throws IOException {
        updates.save(1);
        round(updates, block);
        round(updates, block);
        order("full");
        assertNoRoom(updates);
        Files.delete(directory.resolve("full"));
        order("nan");
        assertThatThrownBy(() -> updates.round(2))
                .isInstanceOf(TrainingDivergedException.class)
                .hasMessage("Worker 1 of 3, steps 7 to 8: The loss is NaN");
        Files.delete(directory.resolve("nan"));
        check(updates, block);
        order("bad");
        assertThatThrownBy(() -> updates.round(2))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(
                        "After step 6: worker ", " of 3: " + FULL, "has not changed");
        Files.delete(directory.resolve("bad"));
        check(updates, block);
        round(updates, block);
        assertThat(checkpoints()).element(1).isEqualTo("step-0000000002"); // 0: what was partial
        assertThat(updates.restore()).isTrue();
        check(updates, block);
        round(updates, block);
        round(updates, block);
        updates.save(1);
        assertThat(checkpoints()).containsExactly("step-0000000006");
    }

    private void assertNoRoom(LocalUpdates updates) {
        assertThatThrownBy(() -> updates.save(1))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(
                        "After step " + updates.step(), "Cannot write", FULL, "has not changed");
    }

    /** A worker that an executor refuses is another's if Spark is told to look for one. */
    @Test
    @Tag("slow")
    void badExecutorIsAvoided() {
        onCluster(
                (cluster, updates, block) -> {
                    order("bad-" + cluster.executors(0).get(0).pid());
                    for (int i = 0; i < 3; i++) {
                        round(updates, block);
                    }
                },
                "spark.excludeOnFailure.enabled=true");
    }
}
