package io.github.djlspectral.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.data.IdxWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IsometryCommandTest {

    @TempDir private Path directory;

    private int isometry(String... options) {
        List<String> arguments = new ArrayList<>(List.of("isometry", "--out", out().toString()));
        arguments.addAll(List.of(options));
        return Main.commandLine().execute(arguments.toArray(String[]::new));
    }

    private Path out() {
        return directory.resolve("r");
    }

    private int train(String family) {
        return isometry(
                "--quick",
                "--data=" + directory,
                "--family=" + family,
                "--depth=2,3",
                "--width=8",
                "--epochs=1",
                "--batch=50");
    }

    /** As two processes do that share a directory. */
    @Test
    void tablesAreMadeOfAllRuns() throws IOException {
        IdxWriter.writeTest(directory, 250);
        assertThat(train("shifted-abs-3")).isZero();
        List<String> first = Files.readAllLines(out().resolve("table.md"));
        assertThat(first).hasSize(4);
        assertThat(train("conv-residual,looks-linear")).isZero();
        List<String> both = Files.readAllLines(out().resolve("table.md"));
        assertThat(both).hasSize(8).containsAll(first);
        for (String name : List.of("accuracy", "cosine", "gradients", "loss")) {
            Path figure = out().resolve(name + ".png");
            assertThat(figure).isNotEmptyFile();
            Files.delete(figure);
        }
        Files.delete(out().resolve("table.md"));
        assertThat(isometry("--report-only")).isZero();
        assertThat(Files.readAllLines(out().resolve("table.md"))).isEqualTo(both);
        assertThat(out().resolve("accuracy.png")).isNotEmptyFile();
    }

    @Test
    void untrainedNetworksAreProbed() throws IOException {
        IdxWriter.writeTest(directory, 20);
        assertThat(
                        isometry(
                                "--probe",
                                "--data=" + directory,
                                "--family=few-rows,conv-fold",
                                "--depth=2"))
                .isZero();
        assertThat(Files.readAllLines(out().resolve("probe.md"))).hasSize(4);
        assertThat(out().resolve("probe.png")).isNotEmptyFile();
        assertThat(out().resolve("runs")).doesNotExist();
    }
}
