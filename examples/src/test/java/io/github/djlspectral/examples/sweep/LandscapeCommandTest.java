package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.experiment.LocalDescent;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LandscapeCommandTest {

    /** Alignment 1/2, potential 8, best step 1. */
    private static final LocalDescent DESCENT = new LocalDescent(2, 4, 2);

    @TempDir private Path directory;

    private final List<StepMeasurement.Point> points =
            List.of(
                    new StepMeasurement.Point(0, 0.5, 0.01, 3, -0.5, DESCENT),
                    new StepMeasurement.Point(0, 0.5, 0.1, 3, 2, DESCENT),
                    new StepMeasurement.Point(0, 2.0 / 3, 0.01, 3, -0.75, DESCENT),
                    new StepMeasurement.Point(0, 2.0 / 3, 0.1, 3, Double.NaN, DESCENT),
                    new StepMeasurement.Point(10, 0.5, 0.01, 2, 0.25, DESCENT),
                    new StepMeasurement.Point(10, 0.5, 0.1, 2, -0.125, DESCENT),
                    new StepMeasurement.Point(10, 2.0 / 3, 0.01, 2, Double.NaN, DESCENT),
                    new StepMeasurement.Point(10, 2.0 / 3, 0.1, 2, Double.NaN, DESCENT));

    @Test
    void tabulatesTheLargestFalls() {
        assertThat(LandscapeCommand.table(points))
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
                        "| 0.67 | -0.7500 at 0.010 | NaN at 0.010 |",
                        "",
                        "Alignment, and descent potential, of each c, by differences of gradients:",
                        "",
                        "| c | step 0 | step 10 |",
                        "|---|---|---|",
                        "| 0.50 | 0.50, 8.0 | 0.50, 8.0 |",
                        "| 0.67 | 0.50, 8.0 | 0.50, 8.0 |");
    }

    /** A blank picture is a file too, of one colour. */
    @Test
    void drawsAMapForEachStep() throws IOException {
        LandscapeCommand.draw(points, directory);
        for (String name : List.of("landscape-0.png", "landscape-10.png", "descent.png")) {
            BufferedImage image = ImageIO.read(directory.resolve(name).toFile());
            int width = image.getWidth();
            int[] pixels = image.getRGB(0, 0, width, image.getHeight(), null, 0, width);
            assertThat(Arrays.stream(pixels).distinct().count()).as(name).isGreaterThan(3);
        }
    }
}
