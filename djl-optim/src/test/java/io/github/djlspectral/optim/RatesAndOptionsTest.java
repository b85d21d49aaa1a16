package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.core.Linear;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.LinearTracker;
import ai.djl.training.tracker.ParameterTracker;
import ai.djl.training.tracker.Tracker;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a user sets once: where it arrives, and what is refused. */
class RatesAndOptionsTest {

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    private static Tracker linear() {
        return LinearTracker.builder().setBaseValue(0.02f).optSlope(-0.001f).optMinValue(0).build();
    }

    static Stream<StatefulOptimizer> onALineToZero() {
        return Stream.of(
                Muon.builder().optLearningRateTracker(linear()).build(),
                Freon.builder().optLearningRateTracker(linear()).build(),
                Kaon.builder().optLearningRateTracker(linear()).build(),
                TruncatedSgd.builder().optLearningRateTracker(linear()).build(),
                DecoupledAdamW.builder().optLearningRateTracker(linear()).build());
    }

    /** In float32 DJL's own schedule ends at -1.9e-9, at step 20. */
    @ParameterizedTest
    @MethodSource("onALineToZero")
    void aScheduleThatEndsBelowZeroByRoundingEndsAtZero(StatefulOptimizer optimizer) {
        assertThat(linear().getNewValue(20)).isNegative();
        List<NDArray> weights =
                List.of(manager.randomNormal(new Shape(6, 4)), manager.randomNormal(new Shape(4)));
        try (optimizer) {
            for (int step = 1; step <= 22; step++) {
                for (NDArray weight : weights) {
                    NDArray before = weight.duplicate();
                    String id = weight.getShape().toString();
                    optimizer.update(id, weight, manager.randomNormal(weight.getShape()));
                    assertThat(weight.equals(before)).as("step %d", step).isEqualTo(step >= 20);
                }
            }
        }
    }

    @Test
    void aMomentumThatEndsBelowZeroByRoundingEndsAtZero() {
        Tracker falling = step -> step == 1 ? 0.9f : -0x1p-23f;
        NDArray weight = manager.zeros(new Shape(6, 4), DataType.FLOAT64);
        try (Muon muon = Muon.builder().optMomentumTracker(falling).build()) {
            muon.update(
                    "w", weight, manager.randomNormal(0, 1, weight.getShape(), DataType.FLOAT64));
            NDArray last = manager.randomNormal(0, 1, weight.getShape(), DataType.FLOAT64);
            muon.update("w", weight, last);
            assertThat(muon.state("w", weight).array(0)).isEqualTo(last);
        }
    }

    /** AdamW by the published formula, in plain numbers. */
    private static double[] adamw(double[] w, double[][] gradients, double[] rates, int begin) {
        double[] result = w.clone();
        for (int i = 0; i < w.length; i++) {
            double m = 0;
            double v = 0;
            for (int t = 0; t < gradients.length; t++) {
                double g = gradients[t][i];
                m = 0.9f * m + (1 - (double) 0.9f) * g;
                v = 0.999f * v + (1 - (double) 0.999f) * g * g;
                double mean = m / (1 - Math.pow(0.9f, begin + t + 1));
                double variance = v / (1 - Math.pow(0.999f, begin + t + 1));
                result[i] -= rates[t] * mean / (Math.sqrt(variance) + 1e-8f);
            }
        }
        return result;
    }

    /** Gradients near AdamW's epsilon: their size matters. */
    private static final double[][] GRADIENTS = {{4e-8, -1e-8, 2e-9}, {1e-9, -8e-8, 3e-8}};

    @ParameterizedTest
    @ValueSource(strings = {"SPECTRAL", "MATCH_RMS", "SPECTRAL_CONDITION", "NONE"})
    void oneTrackerDrivesBothGroupsByTheRatioOfTheScale(UpdateScale scale) {
        ParameterTracker tracker = (id, step) -> (id.equals("head") ? 0.25f : 0.5f) * step;
        double ratio = scale == UpdateScale.MATCH_RMS ? 1 : SPECTRAL_RATIO;
        assertThat(scale.fallbackRatio()).isEqualTo(ratio);
        try (Muon muon =
                Muon.builder().optLearningRateTracker(tracker).optUpdateScale(scale).build()) {
            for (String id : new String[] {"head", "bias"}) {
                NDArray weight = manager.zeros(new Shape(3), DataType.FLOAT64);
                for (double[] g : GRADIENTS) {
                    muon.update(id, weight, manager.create(g));
                }
                double rate = ratio * (id.equals("head") ? 0.25 : 0.5);
                assertThat(weight.toDoubleArray())
                        .containsExactly(
                                adamw(new double[3], GRADIENTS, new double[] {rate, 2 * rate}, 0),
                                within(1e-12));
            }
        }
    }

    private static final double SPECTRAL_RATIO = 0.3;

    @Test
    void rescalingClippingAndTheFirstStepReachTheDefaultFallback() {
        int[] seen = new int[2];
        Tracker tracker =
                step -> {
                    seen[0] = seen[1];
                    seen[1] = step;
                    return step * 0.125f;
                };
        NDArray weight = manager.zeros(new Shape(3), DataType.FLOAT64);
        try (Muon muon =
                Muon.builder()
                        .optLearningRateTracker(tracker)
                        .setRescaleGrad(0.5f)
                        .optClipGrad(1e-8f)
                        .optBeginNumUpdate(7)
                        .build()) {
            for (double[] g : GRADIENTS) {
                muon.update("b", weight, manager.create(g));
            }
        }
        assertThat(seen).containsExactly(8, 9);
        double[][] entering =
                Arrays.stream(GRADIENTS)
                        .map(
                                g ->
                                        Arrays.stream(g)
                                                .map(x -> Math.max(-1e-8f, Math.min(1e-8f, x / 2)))
                                                .toArray())
                        .toArray(double[][]::new);
        double[] rates = {8 * 0.125 * SPECTRAL_RATIO, 9 * 0.125 * SPECTRAL_RATIO};
        assertThat(weight.toDoubleArray())
                .containsExactly(adamw(new double[3], entering, rates, 7), within(1e-12));
    }

    /** Gradients of zero leave decay alone, which vectors do not have. */
    @ParameterizedTest
    @ValueSource(floats = {-1, 0, 0.25f})
    void oneWeightDecayDrivesBothGroupsAndIsZeroUnlessSet(float decay) {
        Muon.Builder builder = Muon.builder().optLearningRateTracker(Tracker.fixed(0.5f));
        try (Muon muon = (decay < 0 ? builder : builder.optWeightDecays(decay)).build()) {
            for (Shape shape : new Shape[] {new Shape(4, 4), new Shape(40, 1), new Shape(5)}) {
                NDArray weight = manager.ones(shape, DataType.FLOAT64);
                muon.update(shape.toString(), weight, weight.zerosLike());
                double rate = shape.get(0) == 4 ? 0.5 : 0.5 * SPECTRAL_RATIO;
                double expected = shape.dimension() == 1 ? 1 : 1 - rate * Math.max(0, decay);
                assertThat(weight.toDoubleArray())
                        .containsOnly(new double[] {expected}, within(1e-15));
            }
        }
    }

    @Test
    void aFallbackThatIsGivenKeepsItsOwnOptions() {
        NDArray weight = manager.zeros(new Shape(3), DataType.FLOAT64);
        try (DecoupledAdamW fallback =
                        DecoupledAdamW.builder()
                                .optLearningRateTracker(Tracker.fixed(0.25f))
                                .build();
                Muon muon =
                        Muon.builder()
                                .setRescaleGrad(0.5f)
                                .optBeginNumUpdate(3)
                                .optFallback(fallback)
                                .build()) {
            muon.update("b", weight, manager.create(GRADIENTS[0]));
        }
        double[][] one = {GRADIENTS[0]};
        assertThat(weight.toDoubleArray())
                .containsExactly(adamw(new double[3], one, new double[] {0.25}, 0), within(1e-12));
    }

    @Test
    void theTableSaysAtWhichRate() {
        Block block = Linear.builder().setUnits(3).build();
        block.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
        ParameterRouting routing = ParameterRouting.of(block);
        try (Freon freon = Freon.builder().optRouting(routing).build();
                Muon matching = Muon.builder().optUpdateScale(UpdateScale.MATCH_RMS).build();
                Muon given = Muon.builder().optFallback(Optimizer.adam().build()).build()) {
            assertThat(freon.toTable())
                    .startsWith(routing.toTable())
                    .endsWith(
                            "spectral: Freon, update scale SPECTRAL\n"
                                    + "fallback: DecoupledAdamW at 0.3 times its learning rate\n");
            assertThat(matching.toTable())
                    .isEqualTo(
                            "no routing: shapes decide\n"
                                    + "spectral: Muon, update scale MATCH_RMS\n"
                                    + "fallback: DecoupledAdamW at 1.0 times its learning rate\n");
            assertThat(given.toTable())
                    .endsWith("fallback: Adam as given, at its own learning rate\n");
        }
    }

    static Stream<Arguments> illegalOptions() {
        return Stream.of(
                refused("setRescaleGrad", b -> b.setRescaleGrad(Float.NaN), "NaN"),
                refused("setRescaleGrad", b -> b.setRescaleGrad(0), "0.0"),
                refused("setRescaleGrad", b -> b.setRescaleGrad(-1 / 0f), "-Infinity"),
                refused("optClipGrad", b -> b.optClipGrad(Float.NaN), "NaN"),
                refused("optClipGrad", b -> b.optClipGrad(0), "0.0"),
                refused("optWeightDecays", b -> b.optWeightDecays(Float.NaN), "NaN"),
                refused("optWeightDecays", b -> b.optWeightDecays(-1e-3f), "-0.001"),
                refused("optWeightDecays", b -> b.optWeightDecays(1 / 0f), "Infinity"),
                refused("optBeginNumUpdate", b -> b.optBeginNumUpdate(-1), "-1"));
    }

    private static Arguments refused(
            String option, Consumer<StatefulOptimizer.Builder<?>> call, String value) {
        return Arguments.of(option, call, value);
    }

    @ParameterizedTest
    @MethodSource("illegalOptions")
    void everyBuilderRefusesByNameAndRange(
            String option, Consumer<StatefulOptimizer.Builder<?>> call, String value) {
        for (StatefulOptimizer.Builder<?> builder :
                List.of(
                        Muon.builder(),
                        Freon.builder(),
                        Kaon.builder(),
                        TruncatedSgd.builder(),
                        DecoupledAdamW.builder())) {
            call.accept(builder);
            assertRefused(() -> RoutedStepTest.built(builder), option, "must be", "was " + value);
        }
    }

    private static void assertRefused(ThrowingCallable call, String... parts) {
        assertThatIllegalArgumentException()
                .isThrownBy(call)
                .satisfies(e -> assertThat(e.getMessage()).contains(parts));
    }

    @Test
    void theOptionsOfOneOptimizerAreRefusedByNameAndRange() {
        for (float bad : new float[] {Float.NaN, -0.1f, 1, Float.POSITIVE_INFINITY}) {
            String was = "was " + bad;
            assertRefused(
                    () -> DecoupledAdamW.builder().optBeta1(bad).build(),
                    "optBeta1",
                    "[0, 1)",
                    was);
            assertRefused(
                    () -> DecoupledAdamW.builder().optBeta2(bad).build(),
                    "optBeta2",
                    "[0, 1)",
                    was);
            assertRefused(() -> Muon.builder().optMomentum(bad), "optMomentum", "[0, 1)", was);
            assertRefused(
                    () -> TruncatedSgd.builder().optFraction(bad).build(),
                    "fraction",
                    "[0, 1)",
                    was);
        }
        for (float bad : new float[] {Float.NaN, 0, -1, Float.POSITIVE_INFINITY}) {
            assertRefused(
                    () -> DecoupledAdamW.builder().optEpsilon(bad).build(),
                    "optEpsilon",
                    "was " + bad);
        }
        for (double bad : new double[] {Double.NaN, -0.1, 1.1}) {
            String was = "was " + bad;
            assertRefused(() -> Freon.builder().optExponent(bad).build(), "exponent", was);
            assertRefused(() -> Freon.builder().optFloor(bad).build(), "floor", "[0, 1]", was);
        }
        for (double bad : new double[] {Double.NaN, 0, -1, Double.POSITIVE_INFINITY}) {
            assertRefused(() -> Kaon.builder().optRandomSpectrum(bad, 2, 1), "low = " + bad);
        }
    }

    @Test
    void kaonIteratesAtMostSoOften() {
        Kaon.builder().optIterations(Kaon.MAX_ITERATIONS).build().close();
        for (int bad : new int[] {Integer.MIN_VALUE, 0, Kaon.MAX_ITERATIONS + 1}) {
            assertRefused(
                    () -> Kaon.builder().optIterations(bad), "iterations", "[1, 32]", "was " + bad);
            assertRefused(() -> SpectralMap.chaotic(bad), "iterations", "[1, 32]", "was " + bad);
        }
    }

    /** What may look odd but is meant: no clipping, ascent, another beginning. */
    @Test
    void legalLimitsAreTaken() {
        NDArray weight = manager.ones(new Shape(3, 4));
        try (Muon muon =
                Muon.builder()
                        .optClipGrad(Float.POSITIVE_INFINITY)
                        .setRescaleGrad(-1)
                        .optBeginNumUpdate(0)
                        .optWeightDecays(0)
                        .build()) {
            muon.update("w", weight, weight.duplicate());
        }
        assertThat(weight.min().getFloat()).isGreaterThan(1);
    }
}
