package io.github.djlspectral.examples.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.experiment.Plot.Style;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.knowm.xchart.QuickChart;
import org.knowm.xchart.XYChart;

class PlotTest {

    private static final double[] TWO = {1, 2};

    @TempDir private Path directory;

    @Test
    void aMachineWithoutFontsDrawsNothingAndSaysSoOnce() {
        PrintStream before = System.err;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        Path path = directory.resolve("loss.png");
        try {
            Plot.draw(path, () -> failing(new UnsatisfiedLinkError("fontmanager")));
            Plot.draw(path, () -> failing(new InternalError("Fontconfig head")));
        } finally {
            System.setErr(before);
        }
        assertThat(path).doesNotExist();
        assertThat(bytes.toString(StandardCharsets.UTF_8))
                .contains("loss.png", "fontmanager", "install")
                .hasLineCount(1);
    }

    private static byte[] failing(Error error) {
        throw error;
    }

    @Test
    void axesHaveTheSameDigitsInEveryLanguage() {
        XYChart chart = QuickChart.getChart("", "x", "y", "s", TWO, TWO);
        Plot.save(directory.resolve("a.png"), 1, () -> List.of(chart));
        assertThat(chart.getStyler().getLocale()).isEqualTo(Locale.ROOT);
        assertThat(directory.resolve("a.png")).isNotEmptyFile();
    }

    @Test
    void whatNoAxisShowsIsLeftOut() throws IOException {
        Path path = directory.resolve("energy.png");
        double[] never = {Double.POSITIVE_INFINITY, Double.NaN};
        double[] negative = {-1, 0};
        Plot plot = new Plot("", "", "").logY().add("a", Style.LINE, TWO, never);
        plot.add("b", Style.LINE, TWO, negative).addRange("c", 1, never).addRange("d", 1, 0, 1);
        assertThat(plot.isEmpty()).isTrue();
        Files.createFile(path); // of an earlier run
        plot.save(path);
        assertThat(path).doesNotExist();
    }

    @Test
    void oneNameHasOneColourInAllPanels() throws IOException {
        Plot first = new Plot("", "", "").size(400, 300).add("a", Style.LINE, TWO, TWO);
        Plot second = new Plot("", "", "").size(400, 300).add("b", Style.POINTS, TWO, TWO);
        second.add("a", Style.DASHED, TWO, new double[] {2, 1}).addRange("a", 1.5, 1, 2);
        Path path = directory.resolve("new/two.png");
        Plot.save(path, 2, List.of(first, new Plot("", "", ""), second));
        BufferedImage image = ImageIO.read(path.toFile());
        assertThat(List.of(image.getWidth(), image.getHeight())).containsExactly(800, 300);
        Set<Integer> left = colours(image, 0);
        Set<Integer> right = colours(image, 400);
        assertThat(left).contains(0x2455A4).doesNotContain(0xC0392B);
        assertThat(right).contains(0x2455A4, 0xC0392B);
    }

    private static Set<Integer> colours(BufferedImage image, int from) {
        return IntStream.of(image.getRGB(from, 0, 400, image.getHeight(), null, 0, 400))
                .mapToObj(pixel -> pixel & 0xFFFFFF)
                .collect(Collectors.toSet());
    }

    @Test
    void aSmoothedCurveIsDrawnOverTheRawOne() {
        double[] many = new double[200];
        many[100] = 1;
        Plot plot = new Plot("", "", "").addSmoothed("a", many, many);
        plot.save(directory.resolve("smooth.png"));
        assertThat(directory.resolve("smooth.png")).isNotEmptyFile();
    }

    @Test
    void aFileThatCannotBeWrittenIsAnError() {
        Path path = directory.resolve("loss.png");
        assertThatThrownBy(() -> Plot.draw(path, PlotTest::fullDisk))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContainingAll("loss.png", "No space left");
    }

    private static byte[] fullDisk() throws IOException {
        throw new IOException("No space left on device");
    }
}
