package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LandscapeReportTest {

    @TempDir private Path directory;

    private final LandscapeReport report =
            new LandscapeReport(
                    List.of(
                            new LandscapePoint(0, 0.5, 0.01, 3, -0.5),
                            new LandscapePoint(0, 0.5, 0.1, 3, 2),
                            new LandscapePoint(0, 2.0 / 3, 0.01, 3, -0.75),
                            new LandscapePoint(0, 2.0 / 3, 0.1, 3, Double.NaN),
                            new LandscapePoint(10, 0.5, 0.01, 2, 0.25),
                            new LandscapePoint(10, 0.5, 0.1, 2, -0.125),
                            new LandscapePoint(10, 2.0 / 3, 0.01, 2, Double.NaN),
                            new LandscapePoint(10, 2.0 / 3, 0.1, 2, Double.NaN)));

    @Test
    void tabulatesTheLargestFalls() {
        assertThat(report.table())
                .containsExactly(
                        "| step | loss | best c | its learning rate | loss change |",
                        "|---|---|---|---|---|",
                        "| 0 | 3.0000 | 0.67 | 0.010 | -0.7500 |",
                        "| 10 | 2.0000 | 0.50 | 0.10 | -0.1250 |",
                        "",
                        "The largest fall of each c, and its learning rate:",
                        "",
                        "| c | step 0 | step 10 |",
                        "|---|---|---|",
                        "| 0.50 | -0.5000 at 0.010 | -0.1250 at 0.10 |",
                        "| 0.67 | -0.7500 at 0.010 | NaN at 0.010 |");
    }

    @Test
    void drawsAMapForEachStep() {
        report.draw(directory);
        assertThat(directory.resolve("landscape-0.png")).isNotEmptyFile();
        assertThat(directory.resolve("landscape-10.png")).isNotEmptyFile();
    }
}
