package io.github.djlspectral.examples.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.examples.data.IdxWriter;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.layers.isometry.diagnostics.Spread;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NetworkProbeTest {

    @TempDir private Path directory;

    private static IsometrySettings settings() {
        return new IsometrySettings(
                32,
                16,
                Parametrization.RETRACTION,
                IsometrySettings.Regularizer.NONE,
                0,
                IsometrySettings.Optimizer.ADAM,
                0.001,
                1,
                1);
    }

    @Test
    void gradientsKeepTheirLengthAndFewFoldsKeepTheJacobian() throws IOException {
        IdxWriter.writeTest(directory, 40);
        ImageData data = ImageData.read(directory, 28);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        new NetworkProbe(
                        List.of(Family.RESIDUAL_FOLD, Family.RESIDUAL_FOLD_0, Family.HE_RELU),
                        List.of(40),
                        settings())
                .run(
                        data,
                        directory.resolve("r"),
                        new PrintStream(bytes, true, StandardCharsets.UTF_8));
        String output = bytes.toString(StandardCharsets.UTF_8);
        assertThat(output).contains("he-relu, depth 40; [3/3] ETA 0:00 min");
        List<String> table = Files.readAllLines(directory.resolve("r/probe.md"));
        assertThat(table).hasSize(5);
        assertThat(table.get(2))
                .startsWith("| residual fold, b = -1 | 40 | 1.000 / 1.000 / 1.000 |");
        assertThat(table.get(3))
                .startsWith("| residual fold, b = 0 | 40 | 1.000 / 1.000 / 1.000 |");
        assertThat(table.get(4)).doesNotContain("1.000 / 1.000 / 1.000");
        List<String> csv = Files.readAllLines(directory.resolve("r/probe.csv"));
        assertThat(csv).hasSize(1 + 3 * 8);
        // a tenth of the length away, after 40 layers: most of the Jacobian is left, or nothing
        assertThat(cosine(csv.get(1))).isGreaterThan(0.6);
        assertThat(cosine(csv.get(1 + 8))).isLessThan(0.3);
        assertThat(directory.resolve("r/probe.png")).isNotEmptyFile();
    }

    private static double cosine(String line) {
        return Double.parseDouble(line.split(",")[6 + NetworkProbe.PERTURBATIONS.indexOf(0.1)]);
    }

    @Test
    void networksAreSummedUp() {
        NetworkProbe.Result result =
                new NetworkProbe.Result(
                        Family.RESIDUAL,
                        10,
                        List.of(
                                network(1, 2, 9, 0.25, 3),
                                network(0.5, 4, 5, 0.5, 1),
                                network(2, 3, 8, 0.75, 2)));
        assertThat(result.leastGradient()).isEqualTo(0.5);
        assertThat(result.medianGradient()).isEqualTo(3);
        assertThat(result.largestGradient()).isEqualTo(9);
        assertThat(result.cosines()[0]).isCloseTo(0.5, within(1e-15));
        assertThat(result.distance()).isCloseTo(2, within(1e-15));
    }

    private static NetworkProbe.Result.OfNetwork network(
            double least, double median, double largest, double cosine, double distance) {
        return new NetworkProbe.Result.OfNetwork(
                new Spread(least, median, median, largest), new double[] {cosine}, distance);
    }
}
