package io.github.djlspectral.examples.classify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.examples.classify.ClassifierExperiment.Optimizer;
import io.github.djlspectral.examples.classify.TokenClassifier.Mixer;
import io.github.djlspectral.examples.data.IdxWriter;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.data.Mnist;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.text.BadInputException;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ClassifierExperimentTest {

    private static final String[] TABLES = {"metrics.csv", "energy.csv", "table.md"};

    @TempDir private Path directory;

    private static ClassifierExperiment.Settings settings(Optimizer optimizer, int epochs) {
        return new ClassifierExperiment.Settings(14, 8, 2, 1, optimizer, 0.01, epochs, 20);
    }

    private ImageData data() throws IOException {
        IdxWriter.writeTest(directory, 125);
        return Mnist.read(directory);
    }

    private String run(String name, Optimizer optimizer, int epochs, int seeds) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        new ClassifierExperiment(
                        settings(optimizer, epochs),
                        List.of(0.02, 1e-9),
                        seeds,
                        directory.resolve(name))
                .run(data(), new PrintStream(bytes, true, StandardCharsets.UTF_8));
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @EnumSource
    void twoRunsGiveTheSameNumbers(Optimizer optimizer) throws IOException {
        run("a", optimizer, 1, 1);
        run("b", optimizer, 1, 1);
        for (String table : TABLES) {
            assertThat(directory.resolve("b").resolve(table))
                    .hasSameTextualContentAs(directory.resolve("a").resolve(table));
        }
    }

    @Test
    void writesTablesAndPictures() throws IOException {
        String output = run("r", Optimizer.MUON, 2, 2);
        assertThat(output)
                .contains(
                        "first 100 to train on, last 25 to test with",
                        "attention flow, learning rate 1.0E-9: ",
                        "ordinary attention, rate ",
                        "seed 2, epoch 2/2: ",
                        "[16/16] ETA 0:00 min");
        Path results = directory.resolve("r");
        assertThat(Files.readAllLines(results.resolve("metrics.csv"))).hasSize(1 + 2 * 2 * 2);
        assertThat(Files.readAllLines(results.resolve("energy.csv"))).hasSize(1 + 2 * 2 * 3);
        List<String> table = Files.readAllLines(results.resolve("table.md"));
        assertThat(table).hasSize(4);
        assertThat(output).contains(table);
        for (String name : new String[] {"accuracy.png", "energy.png"}) {
            BufferedImage image = ImageIO.read(results.resolve(name).toFile());
            int[] pixels =
                    image.getRGB(
                            0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth());
            assertThat(Arrays.stream(pixels).distinct().count()).as(name).isGreaterThan(3);
        }
    }

    /** Classes that a bar in another place tells apart: chance would be 10%. */
    @ParameterizedTest
    @EnumSource
    void bothModelsLearn(Mixer mixer) throws IOException {
        IdxWriter.writeTest(directory, 500);
        ImageData data = Mnist.read(directory);
        try (ClassifierExperiment.Run run =
                new ClassifierExperiment.Run(
                        settings(Optimizer.MUON, 5), mixer, 0.02, 1, data.train(), data.test())) {
            double first = run.epoch().trainLoss();
            for (int epoch = 2; epoch < 5; epoch++) {
                run.epoch();
            }
            assertThat(first).isBetween(1.0, 4.0); // ln 10 = 2.3 without knowledge
            assertThat(run.epoch().testAccuracy()).isGreaterThan(0.9);
        }
    }

    @Test
    void energyIsMeasuredAlongTheDepth() throws IOException {
        ImageData data = data();
        try (ClassifierExperiment.Run run =
                new ClassifierExperiment.Run(
                        settings(Optimizer.MUON, 1),
                        Mixer.FLOW,
                        0.02,
                        1,
                        data.train(),
                        data.test())) {
            DepthProfile profile = run.profile(10);
            assertThat(profile.energy()).hasSize(3).doesNotContain(0);
            for (int i = 0; i <= 2; i++) {
                double balance = profile.weightWork()[i] - profile.dissipated()[i];
                assertThat(profile.energy()[i] - profile.energy()[0] - balance)
                        .isCloseTo(profile.residual()[i], within(1e-12));
            }
            assertThat(profile.clustersBefore()).isBetween(1.0, 4.0);
        }
    }

    @ParameterizedTest
    @EnumSource
    void theBetterLearningRateIsChosen(Mixer mixer) throws IOException {
        IdxWriter.writeTest(directory, 500);
        ImageData data = Mnist.read(directory);
        PrintStream out = new PrintStream(OutputStream.nullOutputStream());
        ClassifierExperiment experiment =
                new ClassifierExperiment(
                        settings(Optimizer.ADAMW, 2),
                        List.of(1e-9, 1e-10, 0.02), // the first two leave the model as it was
                        1,
                        directory);
        assertThat(experiment.bestRate(mixer, data.train(), new Eta(6), out)).isEqualTo(0.02);
        ImageSet few = data.train().part(0, 9);
        assertThatThrownBy(() -> experiment.bestRate(mixer, few, new Eta(6), out))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("only 9 training images");
    }

    @ParameterizedTest
    @EnumSource
    void nothingIsKeptFromEpochToEpoch(Mixer mixer) throws IOException {
        ImageData data = data();
        try (ClassifierExperiment.Run run =
                new ClassifierExperiment.Run(
                        settings(Optimizer.MUON, 3), mixer, 0.02, 1, data.train(), data.test())) {
            run.epoch();
            int arrays = run.training.arrays();
            run.epoch();
            assertThat(run.training.arrays()).isEqualTo(arrays);
        }
    }

    @Test
    void badNumbersAreNamed() {
        assertThatThrownBy(
                        () ->
                                new ClassifierExperiment(
                                        settings(Optimizer.MUON, 1),
                                        List.of(0.1, -1.0),
                                        1,
                                        directory))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--lr is -1.0, but must be positive");
    }
}
