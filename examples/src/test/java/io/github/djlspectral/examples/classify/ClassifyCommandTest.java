package io.github.djlspectral.examples.classify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.classify.ClassifierReport.Profile;
import io.github.djlspectral.examples.classify.TokenClassifier.Mixer;
import io.github.djlspectral.examples.data.IdxWriter;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.data.Mnist;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.ImageTraining;
import io.github.djlspectral.text.BadInputException;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class ClassifyCommandTest {

    private final ByteArrayOutputStream output = new ByteArrayOutputStream();

    @TempDir private Path directory;

    private ClassifyCommand command(String... options) {
        ClassifyCommand command = new ClassifyCommand();
        command.console = new PrintStream(output, true, StandardCharsets.UTF_8);
        List<String> small = new ArrayList<>(List.of("--patch=14", "--width=8", "--depth=2"));
        small.addAll(List.of("--step-size=1", "--adamw-lr=0.01", "--batch=20", "--lr=0.02,1e-9"));
        small.addAll(List.of(options));
        new CommandLine(command)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setOverwrittenOptionsAllowed(true)
                .parseArgs(small.toArray(String[]::new));
        command.prepare();
        return command;
    }

    private ImageData data(int count) throws IOException {
        IdxWriter.writeTest(directory, count);
        return Mnist.read(directory);
    }

    private Path run(String name, String... options) throws IOException {
        data(125);
        List<String> all = new ArrayList<>(List.of("--data=" + directory));
        all.add("--out=" + directory.resolve(name));
        all.addAll(List.of(options));
        command(all.toArray(String[]::new)).run();
        return directory.resolve(name);
    }

    @ParameterizedTest
    @ValueSource(strings = {"muon", "adamw"})
    void twoRunsGiveTheSameNumbers(String optimizer) throws IOException {
        Path first = run("a", "--optimizer=" + optimizer, "--epochs=1", "--seeds=1");
        Path second = run("b", "--optimizer=" + optimizer, "--epochs=1", "--seeds=1");
        for (String table : List.of("metrics.csv", "energy.csv", "table.md")) {
            assertThat(second.resolve(table)).hasSameTextualContentAs(first.resolve(table));
        }
    }

    @Test
    void writesTablesAndPictures() throws IOException {
        Path results = run("r", "--epochs=2", "--seeds=2");
        List<String> table = Files.readAllLines(results.resolve("table.md"));
        assertThat(output.toString(StandardCharsets.UTF_8))
                .contains(table)
                .contains(
                        "first 100 to train on, last 25 to test with",
                        "attention flow, learning rate 1.0E-9: ",
                        "ordinary attention, rate ",
                        "seed 2, epoch 2/2: train ",
                        "[16/16] ETA 0:00 min");
        assertThat(table).hasSize(4);
        assertThat(Files.readAllLines(results.resolve("metrics.csv"))).hasSize(1 + 2 * 2 * 2);
        assertThat(Files.readAllLines(results.resolve("energy.csv"))).hasSize(1 + 2 * 2 * 3);
        for (String name : List.of("accuracy.png", "energy.png")) {
            BufferedImage image = ImageIO.read(results.resolve(name).toFile());
            int width = image.getWidth();
            int[] pixels = image.getRGB(0, 0, width, image.getHeight(), null, 0, width);
            assertThat(Arrays.stream(pixels).distinct().count()).as(name).isGreaterThan(3);
        }
    }

    /** Classes that a bar in another place tells apart: chance would be 10%. */
    @ParameterizedTest
    @EnumSource
    void bothModelsLearnAndKeepNothingFromEpochToEpoch(Mixer mixer) throws IOException {
        ImageData data = data(500);
        ClassifyCommand command = command("--epochs=5");
        TokenClassifier classifier = new TokenClassifier(mixer, command);
        try (ImageTraining training = command.training(classifier, 0.02, 1, data.train())) {
            double first = training.epoch(data.test(), (step, loss) -> {}).trainLoss();
            int arrays = training.arrays();
            for (int epoch = 2; epoch < 5; epoch++) {
                training.epoch(data.test(), (step, loss) -> {});
            }
            assertThat(first).isBetween(1.0, 4.0); // ln 10 = 2.3 without knowledge
            assertThat(training.epoch(data.test(), (step, loss) -> {}).testAccuracy())
                    .isGreaterThan(0.9);
            assertThat(training.arrays()).isEqualTo(arrays);
        }
    }

    @Test
    void energyIsMeasuredAlongTheDepth() throws IOException {
        ImageData data = data(125);
        ClassifyCommand command = command();
        TokenClassifier classifier = new TokenClassifier(Mixer.FLOW, command);
        try (ImageTraining training = command.training(classifier, 0.02, 1, data.train())) {
            Profile profile = Profile.of("before", classifier, data.test(), training.manager());
            assertThat(profile.energy()).hasSize(3).doesNotContain(0);
            double[] work = profile.measures().get(3);
            double[] dissipated = profile.measures().get(4);
            for (int i = 0; i <= 2; i++) {
                double balance = work[i] - dissipated[i];
                assertThat(profile.energy()[i] - profile.energy()[0] - balance)
                        .isCloseTo(profile.measures().get(5)[i], within(1e-12));
            }
            assertThat(profile.clustersBefore()).isBetween(1.0, 4.0);
        }
    }

    @Test
    void countsClusters() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            double[] angles = {0, 0.1, 0.2, 2, 2.05, 4, 0, 1, 2, 3, 4, 5};
            double[] coordinates = new double[24];
            for (int i = 0; i < 12; i++) {
                coordinates[2 * i] = Math.cos(angles[i]);
                coordinates[2 * i + 1] = Math.sin(angles[i]);
            }
            NDArray x = manager.create(coordinates, new Shape(2, 6, 2));
            assertThat(Profile.clusters(x, 0.15)).isEqualTo((3 + 6) / 2.0);
            assertThat(Profile.clusters(x, 0.07)).isEqualTo((5 + 6) / 2.0);
            assertThat(Profile.clusters(x, 2.5)).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @EnumSource
    void theBetterLearningRateIsChosen(Mixer mixer) throws IOException {
        ImageData data = data(500);
        // the first two leave the model as it was
        ClassifyCommand command =
                command("--optimizer=adamw", "--epochs=2", "--lr=1e-9,1e-10,0.02");
        assertThat(command.bestRate(mixer, data.train(), new Eta(6))).isEqualTo(0.02);
        ImageSet few = data.train().part(0, 9);
        assertThatThrownBy(() -> command.bestRate(mixer, few, new Eta(6)))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("only 9 training images");
    }
}
