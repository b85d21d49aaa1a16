package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.Main;
import io.github.djlspectral.examples.gpt.TestText;
import io.github.djlspectral.examples.sweep.SweepPlan.Cell;
import io.github.djlspectral.examples.sweep.SweepPlan.Contender;
import io.github.djlspectral.spark.SparkCluster;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.torch.Bfloat16;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A sweep whose runs are tasks of Spark. */
class SparkRunsTest {

    private static final int POLL_MILLISECONDS = 5;

    @TempDir private Path directory;
    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private Path text;

    @BeforeEach
    void setUp() throws IOException {
        text = TestText.write(directory);
    }

    private Path out(String name) {
        return directory.resolve(name);
    }

    private List<Cell> cells(String name, String options) {
        TrainArguments common =
                TrainArguments.parse(List.of(TestText.options(text, out(name))))
                        .plus(TrainArguments.parse("--warmup 0 --clip 0 " + options));
        Contender muon = Contender.of("Muon", "--optimizer muon", 0.02, 0.01);
        Contender sgd = Contender.of("SGD", "--optimizer sgd", 1e30);
        return new SweepPlan(common, List.of(muon, sgd), 1).tuning(out(name));
    }

    private Sweep sweep(List<Cell> cells, String name, SparkRuns spark) {
        output.reset();
        PrintStream stream = new PrintStream(output, true, StandardCharsets.UTF_8);
        return new Sweep(
                cells, spark, Main.class.getName(), 2, out(name).resolve("sweep.csv"), stream);
    }

    private SweepResults sweep(String name, String options, String master) {
        try (SparkRuns spark = new SparkRuns(master)) {
            return sweep(cells(name, options), name, spark).run().orElseThrow();
        }
    }

    private List<String> inProcesses(String options) {
        return digits(sweep(cells("alone", options), "alone", null).run().orElseThrow());
    }

    private String printed() {
        return output.toString(StandardCharsets.UTF_8);
    }

    /** Returns everything but the time. */
    private static List<String> digits(SweepResults results) {
        Stream<String> lines = results.csv().stream().map(line -> line.replaceFirst(",[^,]*$", ""));
        Stream<?> losses = results.outcomes().values().stream().map(o -> o.validationLosses());
        return Stream.concat(lines, losses.map(Object::toString)).toList();
    }

    @Test
    @Tag("slow")
    void runsAreTheSameToTheLastDigitAndMadeOnce() throws IOException {
        String options = "--steps 6 --eval-every 2";
        List<String> expected = inProcesses(options);
        assertThat(digits(sweep("spark", options, "local[2]"))).isEqualTo(expected).hasSize(7);
        assertThat(printed())
                .contains(
                        "3 runs, 0 of them done before; as many as executors of local[2] at a time")
                .contains("[1/3] ", "[3/3] ", "diverged after step 1")
                .doesNotContain("failed");

        Cell first = cells("spark", options).get(0);
        String log = Files.readString(log(first));
        String unreachable = "spark://127.0.0.1:1"; // and not asked
        assertThat(digits(sweep("spark", options, unreachable))).isEqualTo(expected);
        assertThat(log(first)).content().isEqualTo(log);

        interrupt(first);
        assertThat(digits(sweep("spark", options, "local[1]"))).isEqualTo(expected);
        assertThat(printed()).contains("2 of them done", "[1/1] Muon, learning rate 0.02");
        assertThat(log(first)).content().startsWith(log).contains("continuing after step 4");
    }

    /**
     * Leaves the run as if it had been killed after its fifth step; a checkpoint is of its fourth.
     */
    private static void interrupt(Cell cell) throws IOException {
        Path metrics = cell.directory().resolve("metrics.csv");
        Files.write(metrics, Files.readAllLines(metrics).subList(0, 7));
        Path checkpoint = cell.directory().resolve("checkpoints/step-000006");
        Files.move(checkpoint, cell.directory().resolve("checkpoints/lost"));
    }

    private static Path log(Cell cell) {
        return cell.directory().resolve("train.log");
    }

    @Test
    void aRunThatFailsSaysWhyAndLeavesTheOthersAlone() throws IOException {
        List<Cell> cells = cells("spark", "--steps 2");
        Path inTheWay = cells.get(1).directory().resolve("tokenizer.json");
        Files.createDirectories(inTheWay.resolve("full"));
        assertThatThrownBy(() -> sweep("spark", "--steps 2", "local[2]"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("1 of 3 runs failed; the same command tries them again")
                .hasMessageContaining("Muon, learning rate 0.01, seed 0: an error on ")
                .hasMessageContaining("train.log: djl-spectral: ")
                .hasMessageContaining("tokenizer.json");
        assertThat(printed()).contains("[3/3]", "diverged after step 1", "validation loss");
        assertThat(out("spark").resolve("sweep.csv")).content().hasLineCount(3);
        IOException aborted = new IOException("Job aborted: executor lost\n\tat a.b\n");
        assertThat(SparkRuns.await(CompletableFuture.failedFuture(aborted)))
                .isEqualTo("Job aborted: executor lost");
    }

    @Test
    void machinesMustShareTheFolder() throws Exception {
        List<String> arguments = cells("spark", "--steps 2").get(0).arguments().toList();
        Path missing = out("not-mounted");
        assertThat(SparkRuns.train(missing.toString(), arguments))
                .startsWith("no such folder on ")
                .contains(": --out must be a folder");
        assertThat(missing).doesNotExist();

        Cell there = cells("there", "--steps 2").get(0);
        String folder = Files.createDirectories(there.directory()).toString();
        String said = SparkRuns.train(folder, there.arguments().toList());
        assertThat(there.directory().resolve("config.json")).exists();
        SparkRuns place =
                new SparkRuns("not asked") {
                    @Override
                    CompletableFuture<String> start(Cell cell) {
                        return CompletableFuture.completedFuture(said);
                    }
                };
        assertThatThrownBy(() -> sweep(cells("here", "--steps 2"), "here", place).run())
                .hasMessageContaining("an end not seen here of a run on ")
                .hasMessageContaining(": --out must be a folder that all")
                .hasMessageContaining("it said nothing");
    }

    @Test
    void aTaskIsTriedAgainWhereverItIs() throws Exception {
        System.setProperty("ai.djl.pytorch.num_threads", "2");
        Cell cell = cells("again", "--steps 6 --precision bfloat16").get(0);
        List<String> arguments = cell.arguments().toList();
        String folder = Files.createDirectories(cell.directory()).toString();
        SparkRuns.train(folder, arguments);
        assertThat(System.getProperty("ai.djl.pytorch.num_threads")).isEqualTo("1");
        interrupt(cell);
        SparkRuns.train(folder, arguments);
        assertThat(log(cell)).content().contains("continuing after step 4");
        assertThat(System.getProperty(Bfloat16.PROPERTY)).as("the next run's own").isNull();
        String all = Files.readString(log(cell));
        SparkRuns.train(folder, arguments);
        assertThat(log(cell)).content().isEqualTo(all);
    }

    @Test
    void pathsHoldInTheDirectoriesOfExecutors() {
        Map<String, String> given = Map.of("--data", "a.txt", "--init", "b", "--out", "c");
        assertThat(new TrainArguments(given).absolute().values().values())
                .allMatch(path -> Path.of(path).isAbsolute());
        TrainArguments named = new TrainArguments(Map.of("--data", "commons-lang", "--lr", "1"));
        assertThat(named.absolute()).isEqualTo(named);
    }

    @Test
    @Tag("slow")
    void aRunOfAKilledExecutorIsContinued() throws Exception {
        String options = "--steps 1000 --eval-every 500 --checkpoint-every 50 --keep 20";
        List<String> expected = inProcesses(options);
        Path run = cells("spark", options).get(0).directory();
        Path cluster = Files.createDirectory(directory.resolve("cluster"));
        String classPath = "spark.executor.extraClassPath"; // here classes lie in folders
        System.setProperty(classPath, System.getProperty("java.class.path"));
        try (SparkCluster spark = new SparkCluster(cluster, 2, 1, "1g")) {
            String master = spark.conf().get("spark.master");
            CompletableFuture<SweepResults> results =
                    CompletableFuture.supplyAsync(() -> sweep("spark", options, master));
            while (!Files.exists(run.resolve("checkpoints/step-000100"))) {
                assertThat(results).as(spark.logs()).isNotDone();
                Thread.sleep(POLL_MILLISECONDS);
            }
            Stream.of(0, 1)
                    .flatMap(worker -> spark.executors(worker).stream())
                    .forEach(ProcessHandle::destroy); // they save
            while (!Files.exists(run.resolve("checkpoints/step-000200"))) {
                assertThat(results).as(spark.logs()).isNotDone();
                Thread.sleep(POLL_MILLISECONDS);
            }
            spark.killExecutors(0);
            spark.killExecutors(1);
            String log = Files.readString(run.resolve("train.log"));
            assertThat(log).doesNotContain("steps done");
            assertThat(digits(results.get())).isEqualTo(expected);
            assertThat(run.resolve("train.log"))
                    .content()
                    .startsWith(log)
                    .contains("Stopped; continue with --resume", "All 1000 steps done")
                    .doesNotContain("no checkpoint yet");
        } finally {
            System.clearProperty(classPath);
        }
        assertThat(printed()).contains("[3/3]").doesNotContain("failed");
    }
}
