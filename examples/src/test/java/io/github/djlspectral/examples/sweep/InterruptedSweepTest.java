package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.Main;
import io.github.djlspectral.examples.gpt.TestText;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A sweep in a process of its own, which is asked to stop. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "has no signal that asks a process to stop")
class InterruptedSweepTest {

    private static final int POLL_MILLISECONDS = 5;
    private static final String FOREVER = "1000000";

    @TempDir private Path directory;

    @Test
    void itsRunsSaveAndEndWithIt() throws IOException, InterruptedException {
        assertRunsSaveAndEndWithIt("--jobs=1", 1);
    }

    @Test
    @Tag("slow")
    void onSparkInThatProcessThereAreNoOthers() throws IOException, InterruptedException {
        assertRunsSaveAndEndWithIt("--spark=local[1]", 0);
    }

    private void assertRunsSaveAndEndWithIt(String place, int processes)
            throws IOException, InterruptedException {
        Path out = directory.resolve("out");
        Process sweep = start(out, place);
        Path run = out.resolve("muon/lr-0.005/seed-0");
        while (!(Files.exists(run.resolve("metrics.csv")) && lines(run) > 2)) {
            assertThat(sweep.waitFor(POLL_MILLISECONDS, TimeUnit.MILLISECONDS))
                    .as("the sweep ended early")
                    .isFalse();
        }
        List<ProcessHandle> children = sweep.descendants().toList();
        assertThat(children).hasSize(processes);
        sweep.destroy(); // SIGTERM, which the JVM handles as it does Ctrl-C
        sweep.waitFor();
        assertThat(children).noneMatch(ProcessHandle::isAlive);
        assertThat(run.resolve("train.log")).content().contains("Stopped; continue with --resume");
        assertThat(directory.resolve("log.txt"))
                .content()
                .contains("Stopping; the same command goes on from here")
                .doesNotContain("failed", "[1/");
    }

    private static long lines(Path run) throws IOException {
        return Files.readString(run.resolve("metrics.csv")).lines().count();
    }

    private Process start(Path out, String place) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
        command.addAll(List.of("sweep", "--quick", "--only=muon", place, "--out=" + out, "--"));
        String steps = "--steps=" + FOREVER;
        for (String option : TestText.options(TestText.write(directory), out, steps)) {
            if (!option.startsWith("--out")) {
                command.add(option);
            }
        }
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("DJL_SPECTRAL_CACHE", directory.resolve("cache").toString());
        builder.redirectErrorStream(true);
        return builder.redirectOutput(Redirect.to(directory.resolve("log.txt").toFile())).start();
    }
}
