package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.Main;
import io.github.djlspectral.examples.bench.Results.Round;
import java.io.IOException;
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
import picocli.CommandLine;

class BenchCommandTest {

    private static final int POLL_MILLISECONDS = 20;

    @TempDir private Path directory;

    @Test
    void exitCodeTellsOfARegression() {
        Path old = write("old", 1.0);
        assertThat(compare(old, write("same", 1.01))).isZero();
        assertThat(directory.resolve("same/compare.md")).content().contains("- No regression.");
        assertThat(compare(old, write("slow", 1.3))).isEqualTo(1);
        assertThat(directory.resolve("slow/compare.md"))
                .content()
                .contains("- REGRESSION: layers, width 1: fold, ms: 1.30 [1.2");
        assertThat(directory.resolve("slow/bench.md")).exists();
    }

    @Test
    void resultsAreNotOverwritten() {
        write("old", 1.0);
        assertThat(bench("--python", "none", "--out", directory.resolve("old").toString()))
                .isEqualTo(2);
    }

    /** Ctrl-C in the middle, then the same command with --resume. */
    @Test
    @Tag("slow")
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "has no signal that asks a process to stop")
    void whatWasMeasuredBeforeAnInterruptionIsKept() throws IOException, InterruptedException {
        Files.createDirectory(temporary());
        Path out = directory.resolve("out");
        Process process = start(out, 1000);
        while (!Files.exists(Results.file(out))) {
            assertThat(process.waitFor(POLL_MILLISECONDS, TimeUnit.MILLISECONDS))
                    .as(() -> "it ended early: " + log())
                    .isFalse();
        }
        process.destroy(); // SIGTERM, which the JVM handles as it does Ctrl-C
        process.waitFor();
        Results stopped = Results.read(Results.file(out));
        int known = stopped.measurements().get(0).rounds().size();
        assertThat(known).isBetween(1, 999);
        assertThat(stopped.hasFailures()).isFalse();
        assertThat(temporary()).isDirectoryNotContaining("glob:**djl-spectral-bench*");
        assertThat(out.resolve("bench.md")).exists();
        assertThat(start(out, known + 1, "--resume").waitFor()).as(this::log).isZero();
        List<Round> rounds = Results.read(Results.file(out)).measurements().get(0).rounds();
        assertThat(rounds).hasSize(known + 1);
        assertThat(rounds.subList(0, known)).isEqualTo(stopped.measurements().get(0).rounds());
    }

    private Process start(Path out, int rounds, String... more) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-Xmx256m", "-Djmh.ignoreLock=true"));
        command.add("-Djava.io.tmpdir=" + temporary());
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.addAll(List.of(Main.class.getName(), "bench", "--quick", "--python=none"));
        command.addAll(List.of("--only=16x64: eigh", "--rounds=" + rounds, "--out=" + out));
        command.addAll(List.of(more));
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(
                        ProcessBuilder.Redirect.appendTo(directory.resolve("log.txt").toFile()))
                .start();
    }

    private Path temporary() {
        return directory.resolve("temporary");
    }

    private String log() {
        try {
            return Files.readString(directory.resolve("log.txt"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    private int compare(Path old, Path fresh) {
        return bench(
                "--report-only",
                "--out",
                fresh.getParent().toString(),
                "--compare",
                old.toString());
    }

    private static int bench(String... arguments) {
        return new CommandLine(new BenchCommand())
                .setExecutionExceptionHandler((e, command, parsed) -> 2)
                .execute(arguments);
    }

    private Path write(String name, double seconds) {
        Path file = Results.file(directory.resolve(name));
        new SomeResults().add(Suite.LAYERS, "width 1", "fold", seconds).get().write(file);
        return file;
    }
}
