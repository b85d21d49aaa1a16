package io.github.djlspectral.examples.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.knowm.xchart.QuickChart;
import org.knowm.xchart.XYChart;

class PictureTest {

    @TempDir private Path directory;

    @Test
    void aMachineWithoutFontsDrawsNothingAndSaysSoOnce() {
        PrintStream before = System.err;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        Path path = directory.resolve("loss.png");
        try {
            Picture.draw(path, () -> withoutFonts(path, new UnsatisfiedLinkError("fontmanager")));
            Picture.draw(path, () -> withoutFonts(path, new InternalError("Fontconfig head")));
        } finally {
            System.setErr(before);
        }
        assertThat(path).doesNotExist();
        assertThat(bytes.toString(StandardCharsets.UTF_8))
                .contains("loss.png", "fontmanager", "install")
                .hasLineCount(1);
    }

    /** As the encoder does: the file is there before the first letter is drawn. */
    private static void withoutFonts(Path path, Error error) throws IOException {
        Files.createFile(path);
        throw error;
    }

    @Test
    void axesHaveTheSameDigitsInEveryLanguage() {
        double[] numbers = {1, 2};
        XYChart chart = QuickChart.getChart("", "x", "y", "s", numbers, numbers);
        Picture.save(chart, directory.resolve("a.png"));
        assertThat(chart.getStyler().getLocale()).isEqualTo(Locale.ROOT);
        assertThat(directory.resolve("a.png")).isNotEmptyFile();
    }

    @Test
    void numbersThatNoAxisShowsLeaveNoFile() {
        Path path = directory.resolve("energy.png");
        double[] infinite = {1, Double.POSITIVE_INFINITY};
        Picture.save(QuickChart.getChart("", "x", "y", "s", infinite, infinite), path);
        assertThat(path).doesNotExist();
    }

    @Test
    void aFileThatCannotBeWrittenIsAnError() {
        Path path = directory.resolve("loss.png");
        assertThatThrownBy(
                        () ->
                                Picture.draw(
                                        path,
                                        () -> {
                                            throw new IOException("No space left on device");
                                        }))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("loss.png")
                .hasMessageContaining("No space left");
    }
}
