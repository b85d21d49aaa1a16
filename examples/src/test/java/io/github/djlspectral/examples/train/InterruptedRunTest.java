package io.github.djlspectral.examples.train;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.Main;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs in processes of their own, which are killed and asked to stop. */
class InterruptedRunTest {

    private static final int STEPS = 60;
    private static final int INTERRUPT_AFTER = 37; // between two checkpoints, at 32 and 40
    private static final int POLL_MILLISECONDS = 5;

    @TempDir private Path directory;
    private Path text;

    @BeforeEach
    void setUp() throws IOException {
        text = TestText.write(directory);
    }

    @Test
    void aKilledRunContinuesBitForBit() throws IOException, InterruptedException {
        Path whole = directory.resolve("whole");
        Path killed = directory.resolve("killed");
        Process process = start(killed);
        waitForStep(process, killed);
        process.destroyForcibly().waitFor();
        assertThat(Runs.checkpoint(killed, STEPS)).doesNotExist();
        assertThat(start(killed, "--resume").waitFor()).isZero();
        assertThat(start(whole).waitFor()).isZero();
        Runs.assertSame(whole, killed, STEPS);
    }

    @Test
    void aRunThatIsAskedToStopWritesACheckpointFirst() throws IOException, InterruptedException {
        Path stopped = directory.resolve("stopped");
        Process process = start(stopped, "--checkpoint-every=" + STEPS);
        waitForStep(process, stopped);
        process.destroy(); // SIGTERM, which the JVM handles as it does Ctrl-C
        process.waitFor();
        Checkpoint checkpoint = new RunDirectory(stopped).checkpoints().newest().orElseThrow();
        assertThat(checkpoint.step()).isBetween(INTERRUPT_AFTER, STEPS - 1);
        List<MetricsRow> rows = MetricsLog.read(stopped.resolve("metrics.csv"), STEPS);
        assertThat(rows).hasSize(checkpoint.step() + 1);
    }

    private Process start(Path out, String... more) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("-Dai.djl.pytorch.num_threads=1"); // as in the tests' own process
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(Main.class.getName(), "train"));
        List<String> options = new ArrayList<>(List.of(more));
        options.add("--steps=" + STEPS);
        command.addAll(List.of(TestText.options(text, out, options.toArray(String[]::new))));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("DJL_SPECTRAL_CACHE", directory.resolve("cache").toString());
        builder.redirectErrorStream(true);
        builder.redirectOutput(
                ProcessBuilder.Redirect.appendTo(directory.resolve("log.txt").toFile()));
        return builder.start();
    }

    private void waitForStep(Process process, Path run) throws IOException, InterruptedException {
        while (rows(run) < INTERRUPT_AFTER) {
            assertThat(process.waitFor(POLL_MILLISECONDS, TimeUnit.MILLISECONDS))
                    .as(() -> "the run ended early: " + log())
                    .isFalse();
        }
    }

    private static long rows(Path run) throws IOException {
        Path metrics = run.resolve("metrics.csv");
        return Files.exists(metrics) ? Files.readString(metrics).lines().count() - 2 : 0;
    }

    private String log() {
        try {
            return Files.readString(directory.resolve("log.txt"));
        } catch (IOException e) {
            return e.toString();
        }
    }
}
