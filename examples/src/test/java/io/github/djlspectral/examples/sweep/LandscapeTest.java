package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.train.TestText;
import io.github.djlspectral.examples.train.TrainingOptions;
import io.github.djlspectral.examples.train.TrainingRun;
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
    private final LandscapeGrid grid =
            new LandscapeGrid(List.of(0.0, 0.5, 0.75), List.of(0.0, SMALL, 2 * SMALL));
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
        try (TrainingRun run = TrainingRun.observed(options(), corpus, new MomentumProbe())) {
            for (int step = 0; step < STEPS; step++) {
                losses[step] = run.validate();
                run.step(() -> false);
            }
            expected = weights(run);
        }
        try (MomentumProbe probe = new MomentumProbe();
                TrainingRun run = TrainingRun.observed(options(), corpus, probe)) {
            StepMeasurement measurement = new StepMeasurement(run, probe, grid);
            for (int step = 0; step < STEPS; step++) {
                if (step == 2) {
                    run.step(() -> false);
                } else {
                    List<LandscapePoint> points = measurement.stepAndMeasure();
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
        try (MomentumProbe probe = new MomentumProbe();
                TrainingRun run = TrainingRun.observed(withoutDropout, corpus, probe)) {
            List<LandscapePoint> points = new StepMeasurement(run, probe, grid).stepAndMeasure();
            for (double exponent : grid.exponents()) {
                double[] changes =
                        points.stream()
                                .filter(point -> point.exponent() == exponent)
                                .mapToDouble(LandscapePoint::change)
                                .toArray();
                assertThat(changes[0]).isZero();
                // Well above float32's 2e-7 for a loss of 3, and small enough for the slope alone.
                assertThat(changes[1]).isBetween(-0.1, -1e-5);
                assertThat(changes[2] / changes[1]).isCloseTo(2, within(0.1));
                // Other training batches foretell it but roughly: validation windows all begin with
                // the same letter. A gradient added up wrongly would be off by a factor of 2 or
                // more.
                LandscapePoint second =
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
        try (MomentumProbe probe = new MomentumProbe();
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
        List<LandscapePoint> first = measure(arguments, 3);
        String csv = Files.readString(out.resolve("landscape.csv"));
        assertThat(measure(arguments, 3)).isEqualTo(first);
        assertThat(output.toString(StandardCharsets.UTF_8)).contains("0 steps to measure");
        List<LandscapePoint> more = measure(arguments, 1, 3);
        assertThat(more).hasSize(2 * grid.size()).endsWith(first.toArray(LandscapePoint[]::new));
        assertThat(more.get(0).step()).isEqualTo(1);

        assertThatThrownBy(() -> measure(arguments.plus("--seed", 3), 1))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("holds another landscape");
        Files.writeString(out.resolve("landscape.csv"), csv + "3,x,1,2,3\n");
        assertThatThrownBy(() -> measure(arguments, 1))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("landscape.csv is damaged: '3,x,1,2,3'");
    }

    @Test
    void refusesStepsThatAreNotTrained() {
        assertThatThrownBy(() -> measure(arguments, 1, STEPS))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("--at has 5, but must be in [0, 4]");
        assertThat(out).doesNotExist();
    }

    private List<LandscapePoint> measure(TrainArguments options, Integer... steps) {
        output.reset();
        PrintStream stream = new PrintStream(output, true, StandardCharsets.UTF_8);
        return new Landscape(options, new TreeSet<>(List.of(steps)), grid)
                .measure(corpus, new LandscapeFiles(out), stream);
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
