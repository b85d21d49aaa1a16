package io.github.djlspectral.examples.gpt;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.Main;
import io.github.djlspectral.examples.experiment.Environment;
import io.github.djlspectral.spark.SparkCluster;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Runs in processes of their own, which are killed and asked to stop. */
class InterruptedRunTest extends Runs {

    private static final int STEPS = 60;
    private static final int INTERRUPT_AFTER = 37; // between two checkpoints, at 32 and 40
    private static final int POLL_MILLISECONDS = 5;

    private static final String[] SPARK = {
        "--spark=local-cluster[2,1,1024]",
        "--workers=3",
        "--inner-steps=4",
        "--checkpoint-every=8",
        "--keep=1",
        "--steps=24"
    };

    private List<String> locale = List.of();

    /** It goes on where digits differ, too. */
    @Test
    void aKilledRunContinuesBitForBit() throws IOException, InterruptedException {
        Path whole = directory.resolve("whole");
        Path killed = directory.resolve("killed");
        Process process = start(killed);
        waitForStep(process, killed);
        process.destroyForcibly().waitFor();
        assertThat(checkpoint(killed, STEPS)).doesNotExist();
        locale = List.of("-Duser.language=en", "-Duser.country=GB");
        assertThat(start(killed, "--resume").waitFor()).isZero();
        assertThat(log()).contains("continuing after step");
        assertThat(start(whole).waitFor()).isZero();
        assertSame(whole, killed, STEPS);
    }

    @Test
    void aRunThatIsAskedToStopWritesACheckpointFirst() throws IOException, InterruptedException {
        Path stopped = directory.resolve("stopped");
        Process process = start(stopped, "--checkpoint-every=" + STEPS);
        waitForStep(process, stopped);
        process.destroy(); // SIGTERM, which the JVM handles as it does Ctrl-C
        process.waitFor();
        int step = new RunDirectory(stopped).checkpoints().required().step();
        assertThat(step).isBetween(INTERRUPT_AFTER, STEPS - 1);
        assertThat(rows(stopped)).hasSize(step + 1);
    }

    @Test
    @Tag("slow")
    void aStopDoesNotWaitForAValidationWhichIsMadeUpFor() throws IOException, InterruptedException {
        String[] long_ = {"--eval-every=1", "--eval-batches=1000000", "--steps=2"};
        Path stopped = directory.resolve("stopped");
        Process process = start(stopped, long_);
        while (!log().contains("step 0/2")) {
            assertThat(process.waitFor(POLL_MILLISECONDS, TimeUnit.MILLISECONDS)).isFalse();
        }
        process.destroy(); // most likely during the validation of step 1
        process.waitFor();
        assertThat(log()).contains("Stopping, to continue later", "Stopped; continue with");
        assertThat(start(stopped, "--resume", long_[0], long_[1], long_[2]).waitFor()).isZero();
        Path whole = directory.resolve("whole");
        assertThat(start(whole, long_).waitFor()).isZero();
        assertSame(whole, stopped, 2);
    }

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "has no signals")
    void aSecondSignalEndsAtOnce() throws IOException, InterruptedException {
        ProcessBuilder builder = java(NeverStops.class.getName()).redirectErrorStream(true);
        builder.environment().remove("JDK_JAVA_OPTIONS"); // which prints a note
        Process process = builder.start();
        try (BufferedReader output = process.inputReader()) {
            assertThat(output.readLine()).isEqualTo("holding");
            signal(process); // destroy() would close the output too
            assertThat(output.readLine()).startsWith("Stopping, to continue later");
            for (int i = 0; i < 100 && process.isAlive(); i++) { // until the handler is in place
                signal(process);
                process.waitFor(POLL_MILLISECONDS, TimeUnit.MILLISECONDS);
            }
            assertThat(process.waitFor()).isEqualTo(130);
        } finally {
            process.destroyForcibly();
        }
    }

    @Test
    @Tag("slow")
    void aRunOnSparkSurvivesItsExecutorsAndItself() throws IOException, InterruptedException {
        SparkCluster.conf(SPARK[0], directory); // brings Spark's jars where executors are started
        Path killed = directory.resolve("killed");
        Process process = start(killed, SPARK);
        waitForLines(process, killed, 3); // after round 1
        List<ProcessHandle> executors = process.children().toList();
        assertThat(executors).hasSize(2);
        executors.get(0).destroyForcibly();
        waitForLines(process, killed, 5); // after round 3, in the middle of round 4
        executors = process.children().toList();
        process.destroyForcibly().waitFor();
        assertThat(rows(killed)).last().extracting(Metrics.Row::step).isEqualTo(12);
        assertThat(executors)
                .hasSize(2)
                .allSatisfy(one -> assertThat(one.onExit()).succeedsWithin(60, SECONDS));
        assertThat(log()).doesNotContain("step 16/24");
        String[] resumed =
                Stream.concat(Stream.of(SPARK), Stream.of("--resume")).toArray(String[]::new);
        assertThat(start(killed, resumed).waitFor()).isZero();
        assertThat(log()).contains("continuing after step 8");
        assertThat(names(killed.resolve("workers")))
                .containsExactly("step-0000000016", "step-0000000024");
        assertAsUndisturbed(killed);
    }

    @Test
    @Tag("slow")
    void aRunOnSparkThatIsAskedToStopSavesFirst() throws IOException, InterruptedException {
        SparkCluster.conf(SPARK[0], directory);
        Path stopped = directory.resolve("stopped");
        Process process = start(stopped, SPARK);
        waitForLines(process, stopped, 5);
        process.destroy();
        assertThat(process.waitFor()).isEqualTo(143);
        assertThat(log()).contains("Stopping, to continue later", "Stopped; continue with");
        int step = new RunDirectory(stopped).checkpoints().required().step();
        assertThat(step).isBetween(12, 20);
        assertThat(rows(stopped)).last().extracting(Metrics.Row::step).isEqualTo(step);
        command("--resume", "--out=" + stopped, "--spark=local[2]");
        assertAsUndisturbed(stopped);
    }

    /** Asserts that the weights are those of an undisturbed run in one process. */
    private void assertAsUndisturbed(Path run) throws IOException {
        Path whole = directory.resolve("whole");
        train(whole, "--spark=local[2]", SPARK[1], SPARK[2], SPARK[3], SPARK[4], SPARK[5]);
        String weights = "model.safetensors";
        assertThat(checkpoint(run, 24).resolve(weights))
                .hasSameBinaryContentAs(checkpoint(whole, 24).resolve(weights));
        assertThat(rows(run)).hasSameSizeAs(rows(whole));
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(path -> path.getFileName().toString()).sorted().toList();
        }
    }

    private static void signal(Process process) throws IOException, InterruptedException {
        new ProcessBuilder("kill", "-TERM", Long.toString(process.pid())).start().waitFor();
    }

    /** Holds a stop for ever. */
    static final class NeverStops {

        private NeverStops() {}

        /** Says that it holds, and then does nothing. */
        public static void main(String[] arguments) throws InterruptedException {
            Environment.StopSignal stop = new Environment.StopSignal(() -> {});
            stop.hold();
            System.out.println("holding");
            new CountDownLatch(1).await();
        }
    }

    private Process start(Path out, String... more) throws IOException {
        List<String> command = new ArrayList<>(locale);
        command.addAll(List.of(Main.class.getName(), "train"));
        List<String> options = new ArrayList<>(List.of("--steps=" + STEPS));
        options.addAll(List.of(more)); // where the same one wins
        command.addAll(List.of(TestText.options(text, out, options.toArray(String[]::new))));
        ProcessBuilder builder = java(command.toArray(String[]::new));
        builder.environment().put("DJL_SPECTRAL_CACHE", directory.resolve("cache").toString());
        builder.redirectErrorStream(true);
        builder.redirectOutput(
                ProcessBuilder.Redirect.appendTo(directory.resolve("log.txt").toFile()));
        return builder.start();
    }

    private static ProcessBuilder java(String... arguments) {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        List<String> command = new ArrayList<>(List.of(java, "-cp"));
        command.add(System.getProperty("java.class.path"));
        command.add("-Dai.djl.pytorch.num_threads=1"); // as in the tests' own process
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command);
    }

    private void waitForStep(Process process, Path run) throws IOException, InterruptedException {
        waitForLines(process, run, INTERRUPT_AFTER + 2);
    }

    private void waitForLines(Process process, Path run, int lines)
            throws IOException, InterruptedException {
        while (lines(run) < lines) {
            assertThat(process.waitFor(POLL_MILLISECONDS, TimeUnit.MILLISECONDS))
                    .as(() -> "the run ended early: " + log())
                    .isFalse();
        }
    }

    private static long lines(Path run) {
        return RunDirectory.read(run.resolve("metrics.csv")).lines().count();
    }

    private String log() {
        return RunDirectory.read(directory.resolve("log.txt"));
    }
}
