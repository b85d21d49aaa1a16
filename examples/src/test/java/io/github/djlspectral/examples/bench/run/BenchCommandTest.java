package io.github.djlspectral.examples.bench.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.Main;
import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.bench.report.Key;
import io.github.djlspectral.examples.bench.report.MachineDescription;
import io.github.djlspectral.examples.bench.report.Results;
import io.github.djlspectral.examples.bench.report.ResultsFile;
import io.github.djlspectral.examples.bench.report.Round;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class BenchCommandTest {

    private static final Key KEY = new Key(Suite.LAYERS, "width 1", "fold");
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

    /**
     * Whom to compare with is a matter of the report: results need not be measured again for it.
     */
    @Test
    void olderResultsAreComparedWithWhomTheyWouldBeToday() {
        String subject = "124M, B=4, T=256, step";
        Key ours = new Key(Suite.GPT2, subject, "ours, float32");
        Key stock = new Key(Suite.GPT2, subject, "DJL blocks, DJL AdamW");
        Path file = directory.resolve("old/bench.json");
        Results results =
                nothing("old")
                        .with(ours, List.of(), new Round(1, List.of(1.0), 0, 0, 0, 0, null))
                        .with(stock, List.of(), new Round(1, List.of(2.0), 0, 0, 0, 0, null));
        ResultsFile.write(file, results);
        assertThat(bench("--report-only", "--out", file.getParent().toString())).isZero();
        assertThat(directory.resolve("old/bench.md"))
                .content()
                .contains("| ours, float32 | 1000 ± ? | 0.500 ± ? of DJL blocks, DJL AdamW |");
    }

    @Test
    void resultsAreNotOverwritten() {
        write("old", 1.0);
        assertThat(bench("--python", "none", "--out", directory.resolve("old").toString()))
                .isEqualTo(2);
    }

    /** Ctrl-C in the middle, then the same command with --resume. */
    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "has no signal that asks a process to stop")
    void whatWasMeasuredBeforeAnInterruptionIsKept() throws IOException, InterruptedException {
        Files.createDirectory(temporary());
        Path out = directory.resolve("out");
        Process process = start(out, 1000);
        while (!Files.exists(Session.file(out))) {
            assertThat(process.waitFor(POLL_MILLISECONDS, TimeUnit.MILLISECONDS))
                    .as(() -> "it ended early: " + log())
                    .isFalse();
        }
        process.destroy(); // SIGTERM, which the JVM handles as it does Ctrl-C
        process.waitFor();
        Results stopped = ResultsFile.read(Session.file(out));
        int known = stopped.measurements().get(0).rounds().size();
        assertThat(known).isBetween(1, 999);
        assertThat(stopped.hasFailures()).isFalse();
        assertThat(temporary()).isDirectoryNotContaining("glob:**djl-spectral-bench*");
        assertThat(out.resolve("bench.md")).exists();
        assertThat(start(out, known + 1, "--resume").waitFor()).as(this::log).isZero();
        List<Round> rounds = ResultsFile.read(Session.file(out)).measurements().get(0).rounds();
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
        command.addAll(List.of("--only=tiny 20: nap", "--rounds=" + rounds, "--out=" + out));
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
        Results results = nothing(name);
        for (int round = 1; round <= 3; round++) {
            List<Double> times = List.of(seconds * (1 + 0.01 * round));
            results = results.with(KEY, List.of(), new Round(round, times, 0, 0, 0, 0, null));
        }
        Path file = directory.resolve(name).resolve("bench.json");
        ResultsFile.write(file, results);
        return file;
    }

    private static Results nothing(String date) {
        return new Results(
                new MachineDescription("CPU", 2, List.of(), 1, 0, 1, Map.of()),
                date,
                false,
                "bench",
                List.of(),
                List.of(),
                List.of());
    }
}
