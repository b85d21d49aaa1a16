package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.gpt.TestText;
import io.github.djlspectral.examples.gpt.TrainingOptions;
import io.github.djlspectral.examples.gpt.TrainingRun;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LandscapeTest {

    private static final int STEPS = 5;
    private static final double SMALL = 1e-3;

    @TempDir private Path directory;
    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
    private final Landscape.Grid grid =
            new Landscape.Grid(List.of(0.0, 0.5, 0.75), List.of(0.0, SMALL, 2 * SMALL));
    private Path out;
    private TrainArguments arguments;
    private Corpus corpus;

    @BeforeEach
    void setUp() throws IOException {
        out = directory.resolve("out");
        Path text = TestText.write(directory);
        List<String> options = List.of(TestText.options(text, out, "--steps=" + STEPS));
        arguments =
                TrainArguments.parse(options); // with dropout, so that a lost random number shows
        PrintStream silent = new PrintStream(new ByteArrayOutputStream());
        corpus =
                new CorpusLoader(directory.resolve("cache"), silent)
                        .load(text.toString(), Tokenization.CHARS);
    }

    @AfterEach
    void tearDown() {
        corpus.close();
    }

    @Test
    void trainingIsNotDisturbed() {
        Map<String, float[]> expected;
        float[] losses = new float[STEPS];
        try (TrainingRun run =
                TrainingRun.observed(options(), corpus, new StepMeasurement.Probe())) {
            for (int step = 0; step < STEPS; step++) {
                losses[step] = run.validate();
                run.step(() -> false);
            }
            expected = weights(run);
        }
        try (StepMeasurement.Probe probe = new StepMeasurement.Probe();
                TrainingRun run = TrainingRun.observed(options(), corpus, probe)) {
            StepMeasurement measurement = new StepMeasurement(run, probe, grid);
            for (int step = 0; step < STEPS; step++) {
                if (step == 2) {
                    run.step(() -> false);
                } else {
                    List<Landscape.Point> points = measurement.stepAndMeasure();
                    assertThat(points).hasSize(grid.size());
                    float before = losses[step];
                    assertThat(points).allMatch(point -> point.loss() == before);
                }
            }
            assertThat(weights(run)).usingRecursiveComparison().isEqualTo(expected);
        }
    }

    @Test
    void aStepIsLinearInTheLearningRateAndLowersTheLoss() {
        TrainingOptions withoutDropout =
                TrainingOptions.of(arguments.plus("--dropout", 0).toList().toArray(String[]::new));
        try (StepMeasurement.Probe probe = new StepMeasurement.Probe();
                TrainingRun run = TrainingRun.observed(withoutDropout, corpus, probe)) {
            List<Landscape.Point> points = new StepMeasurement(run, probe, grid).stepAndMeasure();
            for (double exponent : grid.exponents()) {
                double[] changes =
                        points.stream()
                                .filter(point -> point.exponent() == exponent)
                                .mapToDouble(Landscape.Point::change)
                                .toArray();
                assertThat(changes[0]).isZero();
                // Well above float32's 2e-7 for a loss of 3, and small enough for the slope alone.
                assertThat(changes[1]).isBetween(-0.1, -1e-5);
                assertThat(changes[2] / changes[1]).isCloseTo(2, within(0.1));
                // Other training batches foretell it but roughly: validation windows all begin with
                // the same letter. A gradient added up wrongly would be off by a factor of 2 or
                // more.
                Landscape.Point second =
                        points.stream()
                                .filter(point -> point.exponent() == exponent)
                                .skip(1)
                                .findFirst()
                                .orElseThrow();
                double foretold = -second.rate() * second.descent().slope();
                assertThat(changes[1]).isCloseTo(foretold, within(0.4 * Math.abs(foretold)));
                assertThat(second.descent().alignment()).isBetween(0.5, 1.1);
            }
        }
    }

    @Test
    void keepsNoArrays() {
        try (StepMeasurement.Probe probe = new StepMeasurement.Probe();
                TrainingRun run = TrainingRun.observed(options(), corpus, probe)) {
            StepMeasurement measurement = new StepMeasurement(run, probe, grid);
            measurement.stepAndMeasure();
            NDManager manager =
                    run.block().getParameters().get(0).getValue().getArray().getManager();
            int arrays = manager.getManagedArrays().size();
            measurement.stepAndMeasure();
            assertThat(manager.getManagedArrays()).hasSize(arrays);
        }
    }

    @Test
    void measuresEachStepOnce() throws IOException {
        List<Landscape.Point> first = measure(arguments, 3);
        String csv = Files.readString(out.resolve("landscape.csv"));
        String rows = csv.substring(csv.indexOf('\n') + 1);
        assertThat(measure(arguments, 3)).isEqualTo(first);
        assertThat(output.toString(StandardCharsets.UTF_8)).contains("0 steps to measure");
        List<Landscape.Point> more = measure(arguments, 1, 3);
        assertThat(more).hasSize(2 * grid.size()).endsWith(first.toArray(Landscape.Point[]::new));
        assertThat(more.get(0).step()).isEqualTo(1);

        assertThatThrownBy(() -> measure(arguments.plus("--seed", 3), 1))
                .isInstanceOf(BadInputException.class)
                .hasMessageContainingAll("step-1.json is of", "not of --seed=3");
        assertThat(Files.readString(out.resolve("landscape.csv"))).endsWith(rows);
        Files.writeString(out.resolve("steps/step-3.json"), "{");
        assertThatThrownBy(() -> measure(arguments, 1))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("step-3.json is damaged");
    }

    @Test
    void refusesStepsThatAreNotTrained() {
        assertThatThrownBy(() -> measure(arguments, 1, STEPS))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--at has 5, but must be in [0, 4]");
        assertThat(out).doesNotExist();
    }

    private List<Landscape.Point> measure(TrainArguments options, Integer... steps) {
        output.reset();
        PrintStream stream = new PrintStream(output, true, StandardCharsets.UTF_8);
        return new Landscape(options, new TreeSet<>(List.of(steps)), grid)
                .measure(corpus, out, stream);
    }

    private TrainingOptions options() {
        return TrainingOptions.of(arguments.toList().toArray(String[]::new));
    }

    private static Map<String, float[]> weights(TrainingRun run) {
        Map<String, float[]> weights = new TreeMap<>();
        for (String name : run.block().getParameters().keys()) {
            Parameter parameter = run.block().getParameters().get(name);
            NDArray array = parameter.getArray();
            weights.put(name, array.toFloatArray());
        }
        return weights;
    }
}
