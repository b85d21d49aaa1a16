package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.gpt.Metrics.Log;
import io.github.djlspectral.optim.diagnostics.Spectrum;
import io.github.djlspectral.optim.diagnostics.UpdateSpectra;
import io.github.djlspectral.text.BadInputException;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpectraTest {

    private static final List<UpdateSpectra> SPECTRA =
            List.of(
                    new UpdateSpectra(5, "a_weight", spectrum(1 / 3.0, 20), spectrum(1, 23)),
                    new UpdateSpectra(5, "b_weight", spectrum(1e-30, 1), spectrum(1.1, 23)),
                    new UpdateSpectra(10, "a_weight", spectrum(0.3, 19), spectrum(1, 22)),
                    new UpdateSpectra(10, "b_weight", spectrum(0.2, 18), spectrum(1, 22)));

    @TempDir private Path directory;

    private static Spectrum spectrum(double largest, int fullBin) {
        Integer[] histogram = Collections.nCopies(Spectrum.BINS, 0).toArray(Integer[]::new);
        histogram[fullBin] = 16;
        return new Spectrum(
                largest, largest / 7, 3.5, 4 + largest, 1e-3 * largest, List.of(histogram));
    }

    private Path write(List<UpdateSpectra> spectra) {
        Path path = directory.resolve("spectra.csv");
        try (Log<UpdateSpectra> log = Spectra.open(path, List.of())) {
            log.append(spectra);
        }
        return path;
    }

    @Test
    void readsWhatItWrote() throws IOException {
        Path path = write(SPECTRA);
        assertThat(Spectra.read(path, 10)).isEqualTo(SPECTRA);
        List<String> lines = Files.readAllLines(path);
        assertThat(lines.get(0))
                .startsWith("step,parameter,matrix,largest,smallest,stable_rank,effective_rank,rms")
                .contains(",-6.00,-5.75,")
                .endsWith(",-0.50,-0.25");
        assertThat(lines.get(2))
                .startsWith("5,a_weight,update,1.0,0.14285714285714285,3.5,5.0,0.001,0,")
                .endsWith(",0,16");
        assertThat(lines).hasSize(9).allMatch(line -> line.split(",").length == 8 + Spectrum.BINS);
    }

    @Test
    void readsUpToAStepAndNotWhatACrashCutOff() throws IOException {
        Path path = write(SPECTRA);
        assertThat(Spectra.read(path, 9)).isEqualTo(SPECTRA.subList(0, 2));
        Files.writeString(path, Files.readString(path) + "1"); // of 15
        assertThat(Spectra.read(path, 10)).isEqualTo(SPECTRA);
        assertThat(Spectra.read(directory.resolve("none.csv"), 10)).isEmpty();
    }

    @Test
    void namesTheDamagedLine() throws IOException {
        Path path = write(SPECTRA);
        String good = Files.readString(path);
        for (String bad :
                List.of(
                        good.replace("a_weight,update,1.0,", "a_weight,update,x,"),
                        good.replace("5,a_weight,update", "5,b_weight,update"),
                        good.replaceFirst("(?m)^5,a_weight,update.*$", "5,a_weight,update,1"))) {
            Files.writeString(path, bad);
            assertThatThrownBy(() -> Spectra.read(path, 10))
                    .isInstanceOf(BadInputException.class)
                    .hasMessageContaining("line 3");
        }
    }

    @Test
    void drawsRanksAndTheLastHistogram() throws IOException {
        Path png = directory.resolve("spectra.png");
        Spectra.plot("spectra", List.of(), png);
        assertThat(png).doesNotExist();
        Spectra.plot("spectra", SPECTRA, png);
        BufferedImage image = ImageIO.read(png.toFile());
        int middle = image.getWidth() / 2;
        for (Color color : List.of(new Color(0x2455A4), new Color(0xC0392B))) {
            // lines are smoothed: few of their pixels have the colour itself
            assertThat(pixels(image, color, 0, middle)).isGreaterThan(10);
            assertThat(pixels(image, color, middle, middle)).isGreaterThan(10);
        }
    }

    private static long pixels(BufferedImage image, Color color, int x, int width) {
        int[] pixels = image.getRGB(x, 0, width, image.getHeight(), null, 0, width);
        return Arrays.stream(pixels).filter(pixel -> pixel == color.getRGB()).count();
    }
}
