package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.examples.gpt.Runs.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.gpt.Metrics.Log;
import io.github.djlspectral.optim.diagnostics.Spectrum;
import io.github.djlspectral.optim.diagnostics.UpdateSpectra;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The logs of a run, their pictures, and what {@code compare} makes of them. */
class MetricsTest {

    private static final float NAN = Float.NaN;

    private static final List<Metrics.Row> ROWS =
            List.of(
                    new Metrics.Row(0, NAN, 5.5f, NAN, NAN, 0, 1.25, NAN, 0),
                    new Metrics.Row(1, 5.4321098f, NAN, 0.001f, 12.5f, 2048, 2.5, 1234.5, 0),
                    new Metrics.Row(2, 1 / 3f, 2 / 3f, 1e-10f, 0.1f, 4096, 3.75, 999.9, 3));

    private static final List<UpdateSpectra> SPECTRA =
            List.of(
                    new UpdateSpectra(5, "a_weight", spectrum(1 / 3.0, 20), spectrum(1, 23)),
                    new UpdateSpectra(5, "b_weight", spectrum(1e-30, 1), spectrum(1.1, 23)),
                    new UpdateSpectra(10, "a_weight", spectrum(0.3, 19), spectrum(1, 22)),
                    new UpdateSpectra(10, "b_weight", spectrum(0.2, 18), spectrum(1, 22)));

    @TempDir private Path directory;
    private Path metrics;
    private Path spectra;

    @BeforeEach
    void write() {
        metrics = directory.resolve("metrics.csv");
        try (Log<Metrics.Row> log = Metrics.open(metrics, ROWS.subList(0, 1))) {
            log.append(ROWS.subList(1, 3));
        }
        spectra = directory.resolve("spectra.csv");
        try (Log<UpdateSpectra> log = Spectra.open(spectra, SPECTRA.subList(0, 1))) {
            log.append(SPECTRA.subList(1, 4));
        }
    }

    private static Spectrum spectrum(double largest, int fullBin) {
        List<Integer> histogram = new ArrayList<>(Collections.nCopies(Spectrum.BINS, 0));
        histogram.set(fullBin, 16);
        return new Spectrum(
                largest, largest / 7, 3.5, 4 + largest, 1e-3 * largest, List.copyOf(histogram));
    }

    @Test
    void readsMetricsUpToAStepAndNotWhatACrashCutOff() throws IOException {
        assertThat(Metrics.read(metrics, 2)).isEqualTo(ROWS);
        assertThat(Metrics.readAll(metrics, 2)).isEqualTo(ROWS);
        assertRefused(() -> Metrics.readAll(metrics, 3), "lacks the row of step 3");
        assertThat(Metrics.read(metrics, 1)).isEqualTo(ROWS.subList(0, 2));
        assertThat(Files.readAllLines(metrics))
                .containsExactly(
                        "step,train_loss,validation_loss,learning_rate,gradient_norm,tokens,"
                                + "seconds,tokens_per_second,skipped",
                        "0,,5.5,,,0,1.250,,0",
                        "1,5.43211,,0.001,12.5,2048,2.500,1234.5,0",
                        "2,0.33333334,0.6666667,1.0E-10,0.1,4096,3.750,999.9,3");
        Files.writeString(metrics, Files.readString(metrics) + "3,0.33");
        assertThat(Metrics.read(metrics, 9)).isEqualTo(ROWS);
        Metrics.open(metrics, ROWS.subList(0, 2)).close(); // others are cut off
        assertThat(Metrics.read(metrics, 9)).isEqualTo(ROWS.subList(0, 2));
        // as before there was a count of skipped batches
        Files.writeString(metrics, Files.readString(metrics).replaceAll("(?m),(skipped|0)$", ""));
        assertThat(Metrics.read(metrics, 9)).isEqualTo(ROWS.subList(0, 2));
    }

    @Test
    void readsSpectraUpToAStepAndNotWhatACrashCutOff() throws IOException {
        assertThat(Spectra.read(spectra, 10)).isEqualTo(SPECTRA);
        assertThat(Spectra.read(spectra, 9)).isEqualTo(SPECTRA.subList(0, 2));
        assertThat(Spectra.read(directory.resolve("none.csv"), 10)).isEmpty();
        List<String> lines = Files.readAllLines(spectra);
        assertThat(lines).hasSize(9).allMatch(line -> line.split(",").length == 8 + Spectrum.BINS);
        assertThat(lines.get(0))
                .startsWith("step,parameter,matrix,largest,smallest,stable_rank,effective_rank,rms")
                .contains(",-6.00,-5.75,")
                .endsWith(",-0.50,-0.25");
        assertThat(lines.get(2))
                .startsWith("5,a_weight,update,1.0,0.14285714285714285,3.5,5.0,0.001,0,")
                .endsWith(",0,16");
        Files.writeString(spectra, Files.readString(spectra) + "1"); // of 15
        assertThat(Spectra.read(spectra, 10)).isEqualTo(SPECTRA);
    }

    @Test
    void namesTheDamagedLine() throws IOException {
        Files.writeString(metrics, Files.readString(metrics).replace("2048", "x"));
        assertRefused(() -> Metrics.read(metrics, 2), "line 3");
        String good = Files.readString(spectra);
        for (String bad :
                List.of(
                        good.replace("a_weight,update,1.0,", "a_weight,update,x,"),
                        good.replace("5,a_weight,update", "5,b_weight,update"),
                        good.replaceFirst("(?m)^5,a_weight,update.*$", "5,a_weight,update,1"))) {
            Files.writeString(spectra, bad);
            assertRefused(() -> Spectra.read(spectra, 10), "line 3");
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
        for (int color : new int[] {0x2455A4, 0xC0392B}) {
            // lines are smoothed: few of their pixels have the colour itself
            assertThat(pixels(image, color, 0, middle)).isGreaterThan(10);
            assertThat(pixels(image, color, middle, middle)).isGreaterThan(10);
        }
    }

    private static long pixels(BufferedImage image, int color, int x, int width) {
        int[] pixels = image.getRGB(x, 0, width, image.getHeight(), null, 0, width);
        return Arrays.stream(pixels).filter(p -> p == new Color(color).getRGB()).count();
    }

    private void run(String name, float... losses) throws IOException {
        Path path = Files.createDirectory(directory.resolve(name)).resolve("metrics.csv");
        List<Metrics.Row> rows = new ArrayList<>();
        for (int i = 0; i < losses.length; i++) {
            rows.add(new Metrics.Row(10 * i, 9, losses[i], 0.1f, 1, 100 * i, i, 100, 0));
            rows.add(new Metrics.Row(10 * i + 1, 9, NAN, 0.1f, 1, 100 * i, i, 100, 0));
        }
        Metrics.open(path, rows).close();
    }

    private List<Path> find(String glob) {
        return Metrics.CompareCommand.find(directory.resolve(glob).toString());
    }

    @Test
    void comparesTheLastValidationLossOfEachGroup() throws IOException {
        run("muon-1", 5, 4, 2);
        run("muon-2", 5, 4, 1);
        run("adamw-1", 5, 4.5f);
        Files.createDirectory(directory.resolve("muon-broken")); // no metrics, no run
        Map<String, List<Path>> groups = new LinkedHashMap<>();
        groups.put("Muon", find("muon-*"));
        groups.put("AdamW", find("adamw-*"));
        assertThat(Metrics.CompareCommand.table(groups))
                .containsExactly(
                        "|  | runs | steps | final validation loss | least | largest |",
                        "|---|---|---|---|---|---|",
                        "| Muon | 2 | 20 | 1.5000 | 1.0000 | 2.0000 |",
                        "| AdamW | 1 | 10 | 4.5000 | 4.5000 | 4.5000 |");
        Path png = directory.resolve("curves.png");
        Metrics.CompareCommand.plot(groups, "losses", png);
        BufferedImage image = ImageIO.read(png.toFile());
        int width = image.getWidth();
        assertThat(pixels(image, 0x2455A4, 0, width)).isGreaterThan(100); // two lines across
        assertThat(pixels(image, 0xC0392B, 0, width)).isGreaterThan(50); // one across half of it
        assertThat(pixels(image, 0x2E8B57, 0, width)).isZero();
    }

    @Test
    void compareSaysWhatIsMissing() throws IOException {
        assertRefused(() -> find("none-*"), "none-*");
        run("young", NAN);
        Map<String, List<Path>> young = Map.of("young", find("young"));
        assertRefused(() -> Metrics.CompareCommand.table(young), "young");
    }
}
