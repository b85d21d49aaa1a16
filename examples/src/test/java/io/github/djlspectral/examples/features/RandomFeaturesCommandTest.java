package io.github.djlspectral.examples.features;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.github.djlspectral.text.BadInputException;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RandomFeaturesCommandTest {

    @TempDir private Path directory;

    private String run() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        RandomFeaturesCommand.run(new Descent.Problem(4, 8, 5, 10, 12), 2, directory, out);
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void writesItsFilesAndKeepsWhatIsFinished() throws IOException {
        String output = run();
        int optimizers = Descent.Descender.all().size();
        assertThat(output).contains("Muon, seed 2: done");
        Path table = directory.resolve("table.md");
        assertThat(Files.readAllLines(table)).hasSize(2 + optimizers);
        assertThat(output).contains(Files.readAllLines(table));
        for (String name : new String[] {"loss.png", "step-size.png"}) {
            BufferedImage image = ImageIO.read(directory.resolve(name).toFile());
            assertThat(colors(image)).as(name).isGreaterThan(optimizers);
        }

        String before = Files.readString(table);
        Path kept = directory.resolve("runs/gd-seed1.json");
        Path lost = directory.resolve("runs/muon-seed2.json");
        byte[] muon = Files.readAllBytes(lost);
        var time = Files.getLastModifiedTime(kept);
        Files.delete(lost);
        assertThat(run())
                .contains("GD, seed 1: finished before", "Muon, seed 2: done")
                .doesNotContain("GD, seed 1: done");
        assertThat(Files.getLastModifiedTime(kept)).isEqualTo(time);
        assertThat(lost).hasBinaryContent(muon);
        assertThat(Files.readString(table)).isEqualTo(before);

        String earlier = Files.readString(kept).replace("descent", "slope");
        Files.writeString(kept, earlier);
        assertThatExceptionOfType(BadInputException.class)
                .isThrownBy(this::run)
                .withMessageContaining("gd-seed1.json is of an earlier version or damaged");
    }

    private static long colors(BufferedImage image) {
        int[] pixels =
                image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
        return Arrays.stream(pixels).distinct().count();
    }
}
