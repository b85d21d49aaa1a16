package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.gpt.Metrics.Log;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsTest {

    private static final float NAN = Float.NaN;

    private static final List<Metrics.Row> ROWS =
            List.of(
                    new Metrics.Row(0, NAN, 5.5f, NAN, NAN, 0, 1.25, Double.NaN, 0),
                    new Metrics.Row(1, 5.4321098f, NAN, 0.001f, 12.5f, 2048, 2.5, 1234.5, 0),
                    new Metrics.Row(2, 1 / 3f, 2 / 3f, 1e-10f, 0.1f, 4096, 3.75, 999.9, 3));

    @TempDir private Path directory;

    @Test
    void readsWhatItWrote() {
        Path path = write(ROWS);
        assertThat(Metrics.read(path, 2)).isEqualTo(ROWS);
    }

    @Test
    void leavesCellsEmptyThatWereNotMeasured() throws IOException {
        assertThat(Files.readAllLines(write(ROWS)))
                .containsExactly(
                        "step,train_loss,validation_loss,learning_rate,gradient_norm,tokens,"
                                + "seconds,tokens_per_second,skipped",
                        "0,,5.5,,,0,1.250,,0",
                        "1,5.43211,,0.001,12.5,2048,2.500,1234.5,0",
                        "2,0.33333334,0.6666667,1.0E-10,0.1,4096,3.750,999.9,3");
    }

    @Test
    void readsUpToAStepAndNotWhatACrashCutOff() throws IOException {
        Path path = write(ROWS.subList(0, 2));
        Files.writeString(path, Files.readString(path) + "2,0.33");
        assertThat(Metrics.read(path, 1)).isEqualTo(ROWS.subList(0, 2));
    }

    @Test
    void readsRowsOfBeforeThereWasACountOfSkippedBatches() throws IOException {
        Path path = write(ROWS.subList(0, 2));
        Files.writeString(path, Files.readString(path).replaceAll("(?m),(skipped|0)$", ""));
        assertThat(Metrics.read(path, 2)).isEqualTo(ROWS.subList(0, 2));
    }

    @Test
    void continuesAfterTheRowsGiven() {
        Path path = write(ROWS);
        try (Log<Metrics.Row> log = Metrics.open(path, ROWS.subList(0, 1))) {
            log.append(List.of(ROWS.get(1)));
        }
        assertThat(Metrics.read(path, Integer.MAX_VALUE)).isEqualTo(ROWS.subList(0, 2));
    }

    @Test
    void namesTheDamagedLine() throws IOException {
        Path path = write(ROWS);
        Files.writeString(path, Files.readString(path).replace("2048", "x"));
        assertThatThrownBy(() -> Metrics.read(path, 2))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("line 3");
    }

    private Path write(List<Metrics.Row> rows) {
        Path path = directory.resolve("metrics.csv");
        try (Log<Metrics.Row> log = Metrics.open(path, List.of())) {
            log.append(rows);
        }
        return path;
    }
}
