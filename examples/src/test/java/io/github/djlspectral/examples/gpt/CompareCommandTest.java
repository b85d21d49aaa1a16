package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.gpt.Metrics.Log;
import io.github.djlspectral.text.BadInputException;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompareCommandTest {

    @TempDir private Path directory;

    private void run(String name, float... losses) throws IOException {
        Path path = Files.createDirectory(directory.resolve(name));
        try (Log<Metrics.Row> log = Metrics.open(path.resolve("metrics.csv"), List.of())) {
            for (int i = 0; i < losses.length; i++) {
                log.append(
                        List.of(
                                new Metrics.Row(
                                        10 * i, 9, losses[i], 0.1f, 1, 100 * i, i, 100, 0)));
                log.append(
                        List.of(
                                new Metrics.Row(
                                        10 * i + 1, 9, Float.NaN, 0.1f, 1, 100 * i, i, 100, 0)));
            }
        }
    }

    private List<Path> find(String glob) {
        return CompareCommand.find(directory.resolve(glob).toString());
    }

    @Test
    void tabulatesTheLastValidationLossOfEachGroup() throws IOException {
        run("muon-1", 5, 4, 2);
        run("muon-2", 5, 4, 1);
        run("adamw-1", 5, 4.5f);
        Files.createDirectory(directory.resolve("muon-broken")); // no metrics, no run
        Map<String, List<Path>> groups = new LinkedHashMap<>();
        groups.put("Muon", find("muon-*"));
        groups.put("AdamW", find("adamw-*"));
        assertThat(CompareCommand.table(groups))
                .containsExactly(
                        "|  | runs | steps | final validation loss | least | largest |",
                        "|---|---|---|---|---|---|",
                        "| Muon | 2 | 20 | 1.5000 | 1.0000 | 2.0000 |",
                        "| AdamW | 1 | 10 | 4.5000 | 4.5000 | 4.5000 |");

        Path png = directory.resolve("curves.png");
        CompareCommand.plot(groups, "losses", png);
        BufferedImage image = ImageIO.read(png.toFile());
        assertThat(pixels(image, new Color(0x2455A4)))
                .isGreaterThan(100); // two lines across the picture
        assertThat(pixels(image, new Color(0xC0392B))).isGreaterThan(50); // one across half of it
        assertThat(pixels(image, new Color(0x2E8B57))).isZero();
    }

    private static long pixels(BufferedImage image, Color color) {
        int width = image.getWidth();
        int[] pixels = image.getRGB(0, 0, width, image.getHeight(), null, 0, width);
        return Arrays.stream(pixels).filter(pixel -> pixel == color.getRGB()).count();
    }

    @Test
    void saysWhatIsMissing() throws IOException {
        assertThatThrownBy(() -> find("none-*"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("none-*");
        run("young", Float.NaN);
        Map<String, List<Path>> young = Map.of("young", find("young"));
        assertThatThrownBy(() -> CompareCommand.table(young))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("young");
    }
}
