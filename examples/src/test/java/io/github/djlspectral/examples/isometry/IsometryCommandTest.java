package io.github.djlspectral.examples.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.data.IdxWriter;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.isometry.DeepRun.Optimizer;
import io.github.djlspectral.examples.isometry.DeepRun.Outcome;
import io.github.djlspectral.examples.isometry.DeepRun.Regularizer;
import io.github.djlspectral.text.BadInputException;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import picocli.CommandLine;

class IsometryCommandTest {

    @TempDir private Path directory;

    private ImageData data(int count) throws IOException {
        IdxWriter.writeTest(directory, count);
        return ImageData.read(directory, 28);
    }

    private IsometryCommand command(String name, String options) {
        IsometryCommand command = new IsometryCommand();
        List<String> small = new ArrayList<>(List.of("--width=16", "--batch=20", "--epochs=2"));
        small.addAll(List.of("--seeds=2", "--adam-lr=0.003", "--out=" + directory.resolve(name)));
        small.addAll(List.of(options.split(" ")));
        new CommandLine(command)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setOverwrittenOptionsAllowed(true)
                .parseArgs(small.toArray(String[]::new));
        return command;
    }

    private String run(String name, String options, ImageData data) {
        IsometryCommand command = command(name, options);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        command.console = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        command.prepare();
        command.train(data);
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private List<Outcome> outcomes(String name) {
        return command(name, "--report-only").outcomes(null);
    }

    private List<String> report(String name) {
        return IsometryReport.of(outcomes(name)).write(directory.resolve(name));
    }

    @ParameterizedTest
    @EnumSource
    void twoRunsGiveTheSameNumbers(Optimizer optimizer) throws IOException {
        String options = "--family=residual-fold --depth=3 --lr=0.01 --optimizer=" + optimizer;
        run("a", options, data(125));
        run("b", options, data(125));
        List<Outcome> second = outcomes("b");
        assertThat(second)
                .hasSize(2)
                .usingRecursiveComparison()
                .ignoringFields("seconds")
                .isEqualTo(outcomes("a"));
        assertThat(second.get(0).epochs()).isNotEqualTo(second.get(1).epochs());
        assertThat(second.get(0).last().trainLoss())
                .isLessThan(second.get(0).epochs().get(0).trainLoss());
    }

    @Test
    void finishedRunsAreSkipped() throws IOException {
        String options = "--family=abs-fold,he-relu --depth=2 --lr=0.01,1e-9";
        assertThat(run("r", options, data(125)))
                .contains(
                        "abs-fold, depth 2, rate 0.01, seed 0: ",
                        "he-relu, depth 2, rate 0.01, seed 2, epoch 2/2: train ",
                        "[16/16] ETA 0:00 min");
        Path runs = directory.resolve("r/runs");
        Path file = runs.resolve("abs-fold-depth-2-adam-retraction-lr-0.01-seed-1.json");
        FileTime written = Files.getLastModifiedTime(file);
        Files.delete(runs.resolve("he-relu-depth-2-adam-retraction-lr-0.01-seed-2.json"));
        assertThat(run("r", options, data(125)))
                .contains("he-relu, depth 2, rate 0.01, seed 2, epoch 2/2: ", "[2/2] ETA")
                .doesNotContain("abs-fold, depth 2, rate 0.01, seed 1, epoch");
        assertThat(Files.getLastModifiedTime(file)).isEqualTo(written);
    }

    @Test
    void filesOfOtherRunsAreNotTakenForThese() throws IOException {
        String options = "--family=abs-fold --depth=1 --lr=0.01";
        run("r", options, data(125));
        ImageData more = data(150);
        assertThatThrownBy(() -> run("r", options, more))
                .isInstanceOf(BadInputException.class)
                .hasMessageContainingAll("train=100", "train=120", "choose another --out");
        ImageSet images = data(125).train();
        ImageData same = new ImageData(images.part(0, 25), images.part(25, 50), 10, "same");
        ImageData swapped = new ImageData(same.test(), same.train(), 10, "swapped");
        run("s", options, same);
        assertThat(run("s", options, same)).doesNotContain("epoch ");
        assertThatThrownBy(() -> run("s", options, swapped))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("checksum=");
        assertThatThrownBy(() -> run("s", options + " --epochs=7", same))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--epochs 7");
        Path file =
                directory.resolve("r/runs/abs-fold-depth-1-adam-retraction-lr-0.01-seed-1.json");
        String older = Files.readString(file).replace("\"optimizer\"", "\"way\"");
        String[] texts = {
            "{\"of\": \"x\", \"result\": {}}", older, "{\"run\": {}, \"epochs\": []}"
        };
        for (String text : texts) {
            Files.writeString(file, text);
            assertThatThrownBy(() -> outcomes("r"))
                    .isInstanceOf(BadInputException.class)
                    .hasMessageContainingAll("r/runs", "of an earlier version", "delete", "--out");
        }
    }

    /** As two processes do that share a directory. */
    @Test
    void tablesAreMadeOfAllRuns() throws IOException {
        data(125);
        String options = " --quick --depth=2,3 --data=" + directory;
        command("r", "--family=shifted-abs-3" + options).run();
        Path table = directory.resolve("r/table.md");
        List<String> first = Files.readAllLines(table);
        assertThat(first).hasSize(2 + 2);
        command("r", "--family=conv-residual,looks-linear" + options).run();
        List<String> both = Files.readAllLines(table);
        assertThat(both).hasSize(2 + 2 * 3).containsAll(first);
        Files.delete(table);
        Files.delete(directory.resolve("r/accuracy.png"));
        command("r", "--report-only").run();
        assertThat(Files.readAllLines(table)).isEqualTo(both);
        assertThat(directory.resolve("r/accuracy.png")).isNotEmptyFile();
    }

    @Test
    void divergedRunsAreReported() throws IOException {
        String options = "--family=residual-fold,residual --depth=3 --lr=1e20";
        assertThat(run("r", options, data(125))).contains("lower --lr", "[8/8]");
        assertThat(outcomes("r"))
                .hasSize(4)
                .allMatch(Outcome::diverged)
                .allMatch(outcome -> outcome.percent() == 10);
        assertThat(report("r").get(2))
                .startsWith("| residual fold, b = -1 | 3 | adam | retraction | 1.0E20 |")
                .contains("| 2, 2 diverged | 10.00 [10.00, 10.00] |");
    }

    @Test
    void theBetterLearningRateIsChosenAndReported() throws IOException {
        run("r", "--family=residual,residual-fold --depth=2 --lr=1e-9,0.01", data(500));
        assertThat(outcomes("r"))
                .hasSize(4)
                .allMatch(outcome -> outcome.run().rate() == 0.01)
                .allMatch(outcome -> outcome.percent() > 50); // chance: 10
        List<String> table = report("r");
        assertThat(table).hasSize(4);
        assertThat(table.get(2))
                .startsWith("| residual fold, b = -1 | 2 | adam | retraction | 0.01 | 2 | ")
                .contains(" | 1.000 to 1.000 | 1.000 to 1.000 | 1.000 | 1.000 | ");
        assertThat(table.get(3))
                .startsWith("| residual, branches / sqrt(L) | 2 | adam |  | 0.01 | 2 | ");
    }

    @Test
    void figuresShowEveryFamily() throws IOException {
        run("r", "--family=shifted-abs-2,conv-fold,residual --depth=1,2 --lr=0.01", data(125));
        assertThat(report("r")).hasSize(2 + 6);
        for (String name : List.of("accuracy", "cosine", "gradients", "loss")) {
            BufferedImage image = ImageIO.read(directory.resolve("r/" + name + ".png").toFile());
            int width = image.getWidth();
            int height = image.getHeight();
            int[] pixels = image.getRGB(0, 0, width, height, null, 0, width);
            // white, black, a grey and a colour for each family
            assertThat(Arrays.stream(pixels).distinct().count()).as(name).isGreaterThan(5);
        }
        Outcome convolution = outcomes("r").get(2);
        assertThat(convolution.run().family()).isEqualTo(Family.CONV_FOLD);
        assertThat(convolution.before().gradients()).hasSize(2);
        assertThat(convolution.deviation()).isBetween(0.0, 1e-5);
    }

    /** The penalty is what the weights would otherwise be moved away from. */
    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void regularizersKeepFreeWeightsOrthogonal(Regularizer regularizer) throws IOException {
        String free =
                "--family=residual-fold --depth=4 --lr=0.01 --seeds=1 --epochs=3"
                        + " --parametrization=initial --adam-lr=0.001";
        String strong = " --strength=" + 100 * regularizer.strength;
        run("r", free, data(250));
        run("r", free + " --regularizer=" + regularizer + strong, data(250));
        Map<Regularizer, Double> spreads =
                outcomes("r").stream()
                        .collect(
                                Collectors.toMap(
                                        outcome -> outcome.run().regularizer(),
                                        o -> o.after().largest() / o.after().least() - 1));
        assertThat(spreads).hasSize(2);
        assertThat(spreads.get(regularizer)).isLessThan(0.7 * spreads.get(Regularizer.NONE));
    }

    @Test
    void unusableImagesAreNamed() throws IOException {
        ImageData data = data(125);
        String two = "--family=he-relu --depth=1 --lr=0.1,0.2";
        ImageData one = new ImageData(data.train(), data.test().part(0, 1), 10, "one");
        assertThatThrownBy(() -> run("r", two, one))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("only one image to test with");
        ImageData few = new ImageData(data.train().part(0, 19), data.test(), 10, "few");
        assertThatThrownBy(() -> run("r", two, few))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("only 19 training images");
        ImageSet odd = new ImageSet(6, new byte[144], new byte[4], 0, 4);
        assertThatThrownBy(
                        () ->
                                run(
                                        "r",
                                        "--family=he-relu,conv-fold",
                                        new ImageData(odd, odd, 10, "odd")))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("6 pixels high, but must have a multiple of 4 for --family");
        assertThat(directory.resolve("r")).doesNotExist();
    }

    @Test
    void spectralOptimizersNeedMatrices() {
        String cayley = "--optimizer=muon --parametrization=cayley --family=";
        assertThatThrownBy(() -> command("r", cayley + "persistent,he-relu,max-min").prepare())
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("max-min has no matrices for muon: choose adam, or --param");
        command("r", cayley + "persistent,he-relu").prepare();
    }

    @Test
    void aProbeIsSummedUp() {
        assertThat(
                        NetworkProbe.gradient(
                                List.of(
                                        new double[] {1, 2, 9},
                                        new double[] {0.5, 4, 5},
                                        new double[] {2, 3, 8})))
                .isEqualTo("0.500 / 3.000 / 9.000");
    }

    @Test
    void gradientsKeepTheirLengthAndFewFoldsKeepTheJacobian() throws IOException {
        IsometryCommand command =
                command(
                        "p",
                        "--family=residual-fold,residual-fold-0,he-relu --depth=40 --width=32");
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        command.console = new PrintStream(bytes, true, StandardCharsets.UTF_8);
        command.prepare();
        NetworkProbe.run(command, data(40));
        assertThat(bytes.toString(StandardCharsets.UTF_8))
                .contains("he-relu, depth 40; [3/3] ETA 0:00 min");
        List<String> table = Files.readAllLines(directory.resolve("p/probe.md"));
        assertThat(table).hasSize(5);
        assertThat(table.get(2))
                .startsWith("| residual fold, b = -1 | 40 | 1.000 / 1.000 / 1.000 |");
        assertThat(table.get(3))
                .startsWith("| residual fold, b = 0 | 40 | 1.000 / 1.000 / 1.000 |");
        assertThat(table.get(4)).doesNotContain("1.000 / 1.000 / 1.000");
        List<String> csv = Files.readAllLines(directory.resolve("p/probe.csv"));
        assertThat(csv).hasSize(1 + 3 * 8);
        // a tenth of the length away, after 40 layers: most of the Jacobian is left, or nothing
        int column = List.of(csv.get(0).split(",")).indexOf("cosine_0.1");
        assertThat(Double.parseDouble(csv.get(1).split(",")[column])).isGreaterThan(0.6);
        assertThat(Double.parseDouble(csv.get(1 + 8).split(",")[column])).isLessThan(0.3);
        assertThat(directory.resolve("p/probe.png")).isNotEmptyFile();
    }
}
