package io.github.djlspectral.examples.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.examples.flow.FlowSettings.FlowDrift;
import io.github.djlspectral.examples.flow.FlowSettings.TokenStart;
import io.github.djlspectral.examples.flow.FlowSettings.WeightStart;
import io.github.djlspectral.examples.flow.TokenPicture.View;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FlowCommandTest {

    @TempDir private Path directory;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    private static FlowSettings settings(int d, FlowDrift drift) {
        TokenStart tokens = TokenStart.UNIFORM;
        double noise = drift.noise;
        return new FlowSettings(
                d, 2, 6, 0.2, 0.01, drift, tokens, WeightStart.DRIFT, noise, 2, 1, 5);
    }

    private List<String> lines(String file) throws IOException {
        return Files.readAllLines(directory.resolve(file));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void writesTablesPicturesAndAnAnimation(int dimension) throws IOException {
        new FlowSimulation(settings(dimension, FlowDrift.OSCILLATING)).run(directory, out);
        List<String> rows = lines("flow.csv");
        assertThat(rows.get(0))
                .isEqualTo(
                        "path,time,energy,slope,dissipation,energy_drift,slope_integral,"
                                + "dissipation_integral,martingale,residual,slope_residual");
        assertThat(rows).hasSize(1 + 2 * 5); // two paths of four times and the beginning
        assertThat(rows.get(5)).startsWith("1,0.2,");
        assertThat(lines("tokens.csv"))
                .hasSize(1 + 5 * 6)
                .startsWith(dimension == 2 ? "time,token,x1,x2" : "time,token,x1,x2,x3");
        for (String name : new String[] {"energy.png", "identity.png", "tokens.png"}) {
            assertThat(colors(ImageIO.read(directory.resolve(name).toFile())))
                    .as(name)
                    .isGreaterThan(5);
        }
        try (ImageInputStream stream =
                ImageIO.createImageInputStream(directory.resolve("tokens.gif").toFile())) {
            ImageReader reader = ImageIO.getImageReaders(stream).next();
            reader.setInput(stream);
            assertThat(reader.getFormatName()).isEqualTo("gif");
            assertThat(reader.getNumImages(true)).isEqualTo(5);
            assertThat(colors(reader.read(4))).isGreaterThan(5);
            reader.dispose();
        }
        assertThat(bytes.toString(StandardCharsets.UTF_8)).contains("residual of the identity");
    }

    private static long colors(BufferedImage image) {
        int width = image.getWidth();
        int[] pixels = image.getRGB(0, 0, width, image.getHeight(), null, 0, width);
        return Arrays.stream(pixels).distinct().count();
    }

    @Test
    void drawsNoTokensInHigherDimensions() {
        new FlowSimulation(settings(4, FlowDrift.OU)).run(directory, out);
        assertThat(directory.resolve("tokens.csv")).exists();
        assertThat(directory.resolve("tokens.png")).doesNotExist();
        assertThat(bytes.toString(StandardCharsets.UTF_8)).contains("--dimension 2 and 3 only");
    }

    @Test
    void projectsOrthographically() {
        assertThat(View.of(0.6, -0.8)).isEqualTo(new View(0.6, -0.8, 0));
        double[][] points = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0.48, 0.6, 0.64}};
        for (double[] point : points) {
            View view = View.of(point);
            double square = Math.pow(view.right(), 2) + Math.pow(view.up(), 2);
            assertThat(square + Math.pow(view.depth(), 2)).isCloseTo(1, within(1e-15));
        }
        assertThat(View.of(0, 0, 1).up()).isCloseTo(Math.cos(Math.PI / 9), within(1e-15));
        assertThat(View.of(0, 0, 1).right()).isZero();
        assertThat(View.of(1, 0, 0).depth()).isPositive();
        assertThat(View.of(-1, 0, 0).depth()).isNegative();
    }

    /** The claims of the documents, on a small system. */
    @Test
    void theIdentityHoldsWithTheExactDissipation() throws IOException {
        FlowDrift drift = FlowDrift.OSCILLATING;
        WeightStart start = WeightStart.NORMAL;
        FlowSettings base =
                new FlowSettings(3, 1, 8, 0.4, 0.01, drift, TokenStart.UNIFORM, start, 0, 1, 1, 1);
        FlowStudies.identity(base, List.of(1, 4), List.of(0.0025, 0.005), directory, out);
        List<String> rows = lines("residuals.csv");
        assertThat(rows.get(0))
                .isEqualTo("dimension,heads,step_size,energy_change,residual,slope_residual");
        double[][] values =
                rows.stream()
                        .skip(1)
                        .map(row -> Arrays.stream(row.split(",")).mapToDouble(Double::parseDouble))
                        .map(row -> row.toArray())
                        .toArray(double[][]::new);
        assertThat(values).hasNumberOfRows(4);
        assertThat(values[0][2]).isEqualTo(0.005);
        for (int i : new int[] {0, 2}) {
            assertThat(values[i][4] / values[i + 1][4]).isBetween(1.7, 2.3);
        }
        assertThat(values[0][5] / values[1][5]).isBetween(1.7, 2.3); // one head: they are the same
        assertThat(values[2][5] / values[3][5]).isLessThan(1.5); // four: something stays
        assertThat(lines("residuals.md")).hasSize(6);
        assertThat(directory.resolve("residuals.png")).exists();
    }

    @Test
    void scalingWritesEveryPathAndAnExponentForEverySeed() throws IOException {
        List<FlowSettings> bases =
                List.of(settings(2, FlowDrift.OU), settings(2, FlowDrift.OSCILLATING));
        FlowStudies.scaling(bases, List.of(8, 1, 4), 2, directory, out);
        assertThat(lines("scaling.csv"))
                .hasSize(1 + 2 * 2 * 3 * 2)
                .startsWith("drift,dimension,seed,heads,path,mean_slope");
        List<String> table = lines("scaling.md");
        assertThat(table).hasSize(2 + 2 * 2);
        assertThat(table.get(0)).contains("H = 1 | H = 4 | H = 8 | exponent");
        assertThat(directory.resolve("scaling.png")).exists();
        // the single head, 100, is left out
        double[] heads = {1, 4, 8};
        assertThat(FlowStudies.fit(heads, new double[] {100, 3, 1.5}).exponent())
                .isCloseTo(-1, within(1e-14));
    }
}
