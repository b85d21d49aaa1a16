package io.github.djlspectral.examples.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.data.IdxWriter;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.isometry.DeepRun.Measurement;
import io.github.djlspectral.examples.isometry.DeepRun.Outcome;
import io.github.djlspectral.examples.isometry.IsometrySettings.Optimizer;
import io.github.djlspectral.examples.isometry.IsometrySettings.Regularizer;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.text.BadInputException;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class IsometryExperimentTest {

    private static final int EPOCHS = 2;

    @TempDir private Path directory;

    private static IsometrySettings settings(Optimizer optimizer) {
        return settings(optimizer, EPOCHS);
    }

    private static IsometrySettings settings(Optimizer optimizer, int epochs) {
        return new IsometrySettings(
                16,
                16,
                Parametrization.RETRACTION,
                Regularizer.NONE,
                0,
                optimizer,
                0.003,
                epochs,
                20);
    }

    private ImageData data(int count) throws IOException {
        IdxWriter.writeTest(directory, count);
        return ImageData.read(directory, 28);
    }

    private List<Outcome> outcomes(String name) {
        return IsometryExperiment.outcomes(directory.resolve(name));
    }

    private String run(IsometryExperiment experiment, ImageData data, String name) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        new IsometryExperiment(
                        experiment.families(),
                        experiment.depths(),
                        experiment.rates(),
                        experiment.seeds(),
                        experiment.settings(),
                        directory.resolve(name))
                .run(data, new PrintStream(bytes, true, StandardCharsets.UTF_8));
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static IsometryExperiment experiment(
            Optimizer optimizer, List<Family> families, int depth, double... rates) {
        return new IsometryExperiment(
                families,
                List.of(depth),
                Arrays.stream(rates).boxed().toList(),
                2,
                settings(optimizer),
                Path.of("unused"));
    }

    @ParameterizedTest
    @EnumSource
    void twoRunsGiveTheSameNumbers(Optimizer optimizer) throws IOException {
        ImageData data = data(125);
        IsometryExperiment experiment =
                experiment(optimizer, List.of(Family.RESIDUAL_FOLD), 3, 0.01);
        run(experiment, data, "a");
        run(experiment, data, "b");
        List<Outcome> first = outcomes("a");
        List<Outcome> second = outcomes("b");
        assertThat(second)
                .hasSize(2)
                .usingRecursiveComparison()
                .ignoringFields("seconds")
                .isEqualTo(first);
        assertThat(second.get(0).epochs()).isNotEqualTo(second.get(1).epochs());
        assertThat(second.get(0).last().trainLoss())
                .isLessThan(second.get(0).epochs().get(0).trainLoss());
    }

    @Test
    void finishedRunsAreSkipped() throws IOException {
        ImageData data = data(125);
        List<Family> families = List.of(Family.ABS_FOLD, Family.HE_RELU);
        IsometryExperiment first = experiment(Optimizer.ADAM, families, 2, 0.01, 1e-9);
        String output = run(first, data, "r");
        assertThat(output)
                .contains(
                        "abs-fold, depth 2, rate 0.01, seed 0: ",
                        "he-relu, depth 2, rate 0.01, seed 2, epoch 2/2: train ",
                        "[16/16] ETA 0:00 min");
        Path runs = directory.resolve("r").resolve("runs");
        Path file = runs.resolve("abs-fold-depth-2-adam-retraction-lr-0.01-seed-1.json");
        FileTime written = Files.getLastModifiedTime(file);
        Files.delete(runs.resolve("he-relu-depth-2-adam-retraction-lr-0.01-seed-2.json"));
        assertThat(run(first, data, "r"))
                .contains("he-relu, depth 2, rate 0.01, seed 2, epoch 2/2: ", "[2/2]")
                .doesNotContain("abs-fold, depth 2, rate 0.01, seed 1, epoch");
        assertThat(Files.getLastModifiedTime(file)).isEqualTo(written);
    }

    @Test
    void filesOfOtherRunsAreNotTakenForThese() throws IOException {
        IsometryExperiment experiment =
                experiment(Optimizer.ADAM, List.of(Family.ABS_FOLD), 1, 0.01);
        run(experiment, data(125), "r");
        ImageData more = data(150);
        assertThatThrownBy(() -> run(experiment, more, "r"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("train=100")
                .hasMessageContaining("train=120")
                .hasMessageContaining("choose another --out");
        ImageSet images = data(125).train();
        ImageData swapped = new ImageData(images.part(25, 50), images.part(0, 25), 10, "swapped");
        ImageData same = new ImageData(images.part(0, 25), images.part(25, 50), 10, "same");
        run(experiment, same, "s");
        assertThat(run(experiment, same, "s")).doesNotContain("epoch");
        assertThatThrownBy(() -> run(experiment, swapped, "s"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("checksum=");
        IsometryExperiment other =
                new IsometryExperiment(
                        List.of(Family.MAX_MIN),
                        List.of(1),
                        List.of(0.01),
                        1,
                        settings(Optimizer.ADAM, 7),
                        directory);
        assertThatThrownBy(() -> run(other, same, "s"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--epochs 7");
        Path file =
                directory.resolve("r/runs/abs-fold-depth-1-adam-retraction-lr-0.01-seed-1.json");
        for (String text : new String[] {"{", "{\"of\": \"x\", \"result\": {}}"}) {
            Files.writeString(file, text);
            assertThatThrownBy(() -> outcomes("r"))
                    .isInstanceOf(BadInputException.class)
                    .hasMessageContaining("is damaged");
        }
        assertThatThrownBy(() -> outcomes("none"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("There is no finished run in");
    }

    @Test
    void divergedRunsAreReported() throws IOException {
        IsometryExperiment experiment =
                experiment(Optimizer.ADAM, List.of(Family.RESIDUAL_FOLD, Family.RESIDUAL), 3, 1e20);
        assertThat(run(experiment, data(125), "r")).contains("lower --lr", "[8/8]");
        List<Outcome> outcomes = outcomes("r");
        assertThat(outcomes).hasSize(4).allMatch(Outcome::diverged);
        assertThat(outcomes).allMatch(outcome -> outcome.accuracy() == 0.1);
        assertThat(IsometryReport.of(outcomes).table().markdown().get(2))
                .startsWith("| residual fold, b = -1 | 3 | adam | retraction | 1.0E20 |")
                .contains("| 2, 2 diverged | 10.00 [10.00, 10.00] |");
    }

    @Test
    void theBetterLearningRateIsChosenAndReported() throws IOException {
        IsometryExperiment experiment =
                experiment(
                        Optimizer.ADAM,
                        List.of(Family.RESIDUAL, Family.RESIDUAL_FOLD),
                        2,
                        1e-9,
                        0.01);
        run(experiment, data(500), "r");
        List<Outcome> outcomes = outcomes("r");
        assertThat(outcomes).hasSize(4).allMatch(outcome -> outcome.run().rate() == 0.01);
        assertThat(outcomes).allMatch(outcome -> outcome.accuracy() > 0.5); // chance: 0.1
        List<String> table = IsometryReport.of(outcomes).table().markdown();
        assertThat(table).hasSize(4);
        assertThat(table.get(2))
                .startsWith("| residual fold, b = -1 | 2 | adam | retraction | 0.01 | 2 | ")
                .contains(" | 1.000 to 1.000 | 1.000 to 1.000 | 1.000 | 1.000 | ");
        assertThat(table.get(3))
                .startsWith("| residual, branches / sqrt(L) | 2 | adam |  | 0.01 | 2 | ");
    }

    @Test
    void figuresShowEveryFamily() throws IOException {
        ImageData data = data(125);
        List<Family> families = List.of(Family.SHIFTED_ABS_2, Family.CONV_FOLD, Family.RESIDUAL);
        for (int depth = 1; depth <= 2; depth++) {
            run(experiment(Optimizer.ADAM, families, depth, 0.01), data, "r");
        }
        IsometryReport report = IsometryReport.of(outcomes("r"));
        List<IsometryReport.Group> groups = report.groups();
        assertThat(groups).hasSize(6).allMatch(group -> group.outcomes().size() == 2);
        report.draw(directory);
        for (String name : List.of("accuracy", "cosine", "gradients", "loss")) {
            BufferedImage image = ImageIO.read(directory.resolve(name + ".png").toFile());
            int width = image.getWidth();
            int height = image.getHeight();
            int[] pixels = image.getRGB(0, 0, width, height, null, 0, width);
            // white, black, a grey and a colour for each family
            assertThat(Arrays.stream(pixels).distinct().count()).as(name).isGreaterThan(5);
        }
        Outcome convolution = groups.get(5).outcomes().get(0);
        assertThat(convolution.run().family()).isEqualTo(Family.CONV_FOLD);
        assertThat(convolution.before().gradients()).hasSize(2);
        assertThat(convolution.deviation()).isBetween(0.0, 1e-5);
    }

    /** The penalty is what the weights would otherwise be moved away from. */
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void regularizersKeepFreeWeightsOrthogonal(Regularizer regularizer) throws IOException {
        ImageData data = data(250);
        Map<Regularizer, Double> spreads = new EnumMap<>(Regularizer.class);
        for (Regularizer each : List.of(Regularizer.NONE, regularizer)) {
            IsometrySettings settings =
                    new IsometrySettings(
                            16,
                            16,
                            Parametrization.INITIAL,
                            each,
                            100 * each.strength(),
                            Optimizer.ADAM,
                            0.001,
                            3,
                            20);
            IsometryExperiment experiment =
                    new IsometryExperiment(
                            List.of(Family.RESIDUAL_FOLD),
                            List.of(4),
                            List.of(0.01),
                            1,
                            settings,
                            directory);
            run(experiment, data, "r");
        }
        for (Outcome outcome : outcomes("r")) {
            Measurement after = outcome.after();
            double spread = after.largest() / after.least() - 1;
            spreads.put(outcome.run().settings().regularizer(), spread);
        }
        assertThat(spreads).hasSize(2);
        assertThat(spreads.get(regularizer)).isLessThan(0.7 * spreads.get(Regularizer.NONE));
    }

    @Test
    void tooFewImagesAreNamed() throws IOException {
        ImageData data = data(125);
        IsometryExperiment two = experiment(Optimizer.ADAM, List.of(Family.HE_RELU), 1, 0.1, 0.2);
        ImageData one = new ImageData(data.train(), data.test().part(0, 1), data.classes(), "one");
        assertThatThrownBy(() -> run(two, one, "r"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("only one image to test with");
        ImageData few = new ImageData(data.train().part(0, 19), data.test(), data.classes(), "few");
        assertThatThrownBy(() -> run(two, few, "r"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("only 19 training images");
    }

    @Test
    void badNumbersAreNamed() {
        assertThatThrownBy(() -> experiment(Optimizer.ADAM, List.of(Family.HE_RELU), 0, 0.1))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--depth is 0, but must be in [1, 1000]");
        assertThatThrownBy(() -> experiment(Optimizer.ADAM, List.of(Family.HE_RELU), 1))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--lr is empty");
    }
}
