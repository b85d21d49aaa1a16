package io.github.djlspectral.examples.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.gpt.TestText;
import io.github.djlspectral.examples.gpt.TrainingRun;
import io.github.djlspectral.examples.sweep.StepMeasurement.Point;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LandscapeTest {

    private static final int STEPS = 3;
    private static final double SMALL = 1e-3;
    private static final List<Double> EXPONENTS = List.of(0.0, 0.5, 0.75);
    private static final List<Double> RATES = List.of(0.0, SMALL, 2 * SMALL);

    @TempDir private Path directory;
    private final ByteArrayOutputStream output = new ByteArrayOutputStream();
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

    private StepMeasurement measurement(TrainArguments options) {
        return new StepMeasurement(options.options(), corpus);
    }

    @Test
    void trainingIsNotDisturbed() {
        Map<String, FloatBuffer> expected;
        float[] losses = new float[STEPS];
        try (StepMeasurement measurement = measurement(arguments)) {
            TrainingRun run = measurement.run;
            for (int step = 0; step < STEPS; step++) {
                losses[step] = run.validate();
                run.step(() -> false);
            }
            expected = weights(run);
        }
        try (StepMeasurement measurement = measurement(arguments)) {
            for (int step = 0; step < STEPS; step++) {
                if (step == 1) {
                    measurement.run.step(() -> false);
                } else {
                    Point[] points = measurement.stepAndMeasure(EXPONENTS, RATES);
                    float before = losses[step];
                    assertThat(points).hasSize(9).allMatch(point -> point.loss() == before);
                }
            }
            assertThat(weights(measurement.run)).isEqualTo(expected);
        }
    }

    private static Map<String, FloatBuffer> weights(TrainingRun run) {
        Map<String, FloatBuffer> weights = new TreeMap<>();
        run.block()
                .getParameters()
                .forEach(
                        p -> {
                            float[] values = p.getValue().getArray().toFloatArray();
                            weights.put(p.getKey(), FloatBuffer.wrap(values));
                        });
        return weights;
    }

    @Test
    void aStepIsLinearInTheLearningRateAndLowersTheLoss() {
        try (StepMeasurement measurement = measurement(arguments.plus("--dropout", 0))) {
            Point[] points = measurement.stepAndMeasure(EXPONENTS, RATES);
            for (int i = 0; i < points.length; i += RATES.size()) {
                assertThat(points[i].change()).isZero();
                // Well above float32's 2e-7 for a loss of 3, and small enough for the slope alone.
                double change = points[i + 1].change();
                assertThat(change).isBetween(-0.1, -1e-5);
                assertThat(points[i + 2].change() / change).isCloseTo(2, within(0.1));
                // Other training batches foretell it but roughly: validation windows all begin with
                // the same letter. A gradient added up wrongly would be off by a factor of 2 or
                // more.
                double foretold = -SMALL * points[i].descent().slope();
                assertThat(change).isCloseTo(foretold, within(0.4 * Math.abs(foretold)));
                assertThat(points[i].descent().alignment()).isBetween(0.5, 1.1);
            }
        }
    }

    @Test
    void keepsNoArrays() {
        try (StepMeasurement measurement = measurement(arguments)) {
            measurement.stepAndMeasure(EXPONENTS, RATES);
            NDArray weight = measurement.run.block().getParameters().get(0).getValue().getArray();
            int arrays = weight.getManager().getManagedArrays().size();
            measurement.stepAndMeasure(EXPONENTS, RATES);
            assertThat(weight.getManager().getManagedArrays()).hasSize(arrays);
            assertThat(weight.getGradient().toFloatArray()).containsOnly(0);
        }
    }

    /**
     * Quadratic, condition 1000: the gradients' rounding, which follows the largest curvature,
     * meets an average one along D, |H| |D|^2 / {@code <D, H D>} is about 6 here. Ten seeds, so
     * that one lucky rounding does not decide. Quartic: only there does truncation count. Five
     * times eps^(2/3), where both balance.
     */
    @Test
    void curvatureIsThatOfFunctionsWithAKnownOne() {
        double percent = 100 * 5 * Math.pow(Math.ulp(1f), 2.0 / 3);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            float[] variances = new float[20];
            for (int i = 0; i < variances.length; i++) {
                variances[i] = (float) Math.pow(10, -3.0 * i / (variances.length - 1));
            }
            NDArray s = manager.create(variances);
            for (int seed = 10; seed < 20; seed++) {
                NDArray w = uniform(manager, seed + 10);
                NDArray d = uniform(manager, 2).mul(1e-3 * seed);
                NDArray target = uniform(manager, seed);
                double quadratic = curvature(w, d, () -> w.sub(target).mul(s));
                double exact = wide(d).square().mul(wide(s)).sum().getDouble();
                assertThat(quadratic).isCloseTo(exact, withinPercentage(percent));
            }
            NDArray w = uniform(manager, 1);
            NDArray d = uniform(manager, 2);
            double exact = wide(w).mul(wide(d)).square().sum().getDouble() * 3;
            double quartic = curvature(w, d, () -> w.square().mul(w)); // of sum w^4 / 4
            assertThat(quartic).isCloseTo(exact, withinPercentage(percent));
        }
    }

    private static double curvature(NDArray w, NDArray d, Supplier<NDArray> gradient) {
        NDList origin = new NDList(w.duplicate());
        return StepMeasurement.curvature(
                new NDList(w), origin, new NDList(d), () -> new NDList(gradient.get()));
    }

    private static NDArray uniform(NDManager manager, long seed) {
        double[] values = new Random(seed).doubles(12 * 20, -2, 2).toArray();
        return manager.create(values, new Shape(12, 20)).toType(DataType.FLOAT32, false);
    }

    private static NDArray wide(NDArray array) {
        return array.toType(DataType.FLOAT64, true);
    }

    @Test
    void measuresEachStepOnce() throws IOException {
        List<Point> first = measure(arguments, 3);
        String csv = Files.readString(out.resolve("landscape.csv"));
        String rows = csv.substring(csv.indexOf('\n') + 1);
        assertThat(measure(arguments, 3)).isEqualTo(first);
        assertThat(output.toString(StandardCharsets.UTF_8)).contains("0 steps to measure");
        List<Point> more = measure(arguments, 1, 3);
        assertThat(more).hasSize(2 * 9).endsWith(first.toArray(Point[]::new));
        assertThat(more.get(0).step()).isEqualTo(1);

        assertThatThrownBy(() -> measure(arguments.plus("--seed", 3), 1))
                .isInstanceOf(BadInputException.class)
                .hasMessageContainingAll("step-1.json is of", "not of --seed=3");
        assertThat(Files.readString(out.resolve("landscape.csv"))).endsWith(rows);
        Files.writeString(out.resolve("steps/step-3.json"), "{");
        assertThatThrownBy(() -> measure(arguments, 1))
                .isInstanceOf(BadInputException.class)
                .hasMessageContainingAll("step-3.json is", "damaged");
    }

    private List<Point> measure(TrainArguments options, Integer... steps) {
        output.reset();
        PrintStream stream = new PrintStream(output, true, StandardCharsets.UTF_8);
        LandscapeCommand command = new LandscapeCommand();
        command.out = out;
        command.exponents = EXPONENTS;
        command.rates = RATES;
        return command.measure(options, List.of(steps), corpus, stream);
    }
}
