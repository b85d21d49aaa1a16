package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DecoupledAdamWTest {

    private static final float RATE = 0.01f;
    private static final float BETA1 = 0.8f;
    private static final float BETA2 = 0.95f;
    private static final float EPSILON = 1e-3f;
    private static final float DECAY = 0.1f;

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    private static DecoupledAdamW.Builder adamw() {
        return DecoupledAdamW.builder()
                .optLearningRateTracker((id, t) -> RATE / t)
                .optBeta1(BETA1)
                .optBeta2(BETA2)
                .optEpsilon(EPSILON)
                .optWeightDecays(DECAY);
    }

    /** The published formula, element by element. */
    private static final class Reference {

        private final double[] w;
        private final double[] m;
        private final double[] v;
        private int t;

        Reference(double[] w) {
            this.w = w.clone();
            m = new double[w.length];
            v = new double[w.length];
        }

        void step(double[] g, double decay) {
            t++;
            double rate = RATE / t; // a float, as the tracker gives it
            for (int i = 0; i < w.length; i++) {
                w[i] -= rate * decay * w[i];
                m[i] = BETA1 * m[i] + (1 - (double) BETA1) * g[i];
                v[i] = BETA2 * v[i] + (1 - (double) BETA2) * g[i] * g[i];
                double mean = m[i] / (1 - Math.pow(BETA1, t));
                double variance = v[i] / (1 - Math.pow(BETA2, t));
                w[i] -= rate * mean / (Math.sqrt(variance) + EPSILON);
            }
        }
    }

    private static double[] gaussian(Random random, int size, double scale) {
        return random.doubles(size).map(u -> scale * random.nextGaussian()).toArray();
    }

    // Rank 1 must not decay. 1 x 1 up to more than one vector and one thread's share of the kernel.
    @ParameterizedTest
    @CsvSource({"7, 0", "1, 1", "3, 5", "40, 1000"})
    void followsThePublishedFormula(int rows, int columns) {
        Random random = new Random(1);
        Shape shape = columns == 0 ? new Shape(rows) : new Shape(rows, columns);
        int size = (int) shape.size();
        double[] start = gaussian(random, size, 1);
        NDArray w = manager.create(start, shape);
        NDArray w32 = w.toType(DataType.FLOAT32, true);
        Reference reference = new Reference(start);
        try (DecoupledAdamW optimizer = adamw().build()) {
            for (int t = 1; t <= 20; t++) {
                // Gradients from 1e-6, far below epsilon, to 10.
                double[] gradient = gaussian(random, size, Math.pow(10, t % 8 - 6));
                reference.step(gradient, columns == 0 ? 0 : DECAY);
                NDArray g = manager.create(gradient, shape);
                optimizer.update("w", w, g);
                optimizer.update("w32", w32, g.toType(DataType.FLOAT32, false));
            }
        }
        assertClose(w.toDoubleArray(), reference.w, 1e-12);
        // Twenty steps of at most a few roundings each, of numbers below 5.
        assertClose(w32.toType(DataType.FLOAT64, false).toDoubleArray(), reference.w, 5e-6);
    }

    /** Rate 0.001, epsilon 1e-8, decay 0.01; the betas show at the second step. */
    @Test
    void defaultsAreThePublishedOnesAndKernelsDecayToo() {
        NDArray w = manager.ones(new Shape(1, 1, 1, 1), DataType.FLOAT64);
        try (DecoupledAdamW optimizer = DecoupledAdamW.builder().build()) {
            double expected = 1;
            double mean = 0;
            double variance = 0;
            for (int t = 1; t <= 2; t++) {
                double g = 3 * t;
                optimizer.update("w", w, w.onesLike().mul(g));
                mean = 0.9f * mean + (1 - (double) 0.9f) * g;
                variance = 0.999f * variance + (1 - (double) 0.999f) * g * g;
                double root = Math.sqrt(variance / (1 - Math.pow(0.999f, t)));
                expected *= 1 - (double) 0.001f * 0.01f;
                expected -= 0.001f * mean / (1 - Math.pow(0.9f, t)) / (root + 1e-8f);
                assertThat(w.toDoubleArray()[0]).isCloseTo(expected, within(1e-13));
            }
        }
    }

    private static void assertClose(double[] actual, double[] expected, double tolerance) {
        for (int i = 0; i < expected.length; i++) {
            assertThat(actual[i]).as("element %d", i).isCloseTo(expected[i], within(tolerance));
        }
    }

    @Test
    void isDeterministicAndLeavesTheGradientGivenAlone() {
        Random random = new Random(2);
        Shape shape = new Shape(300, 1001);
        NDArray start = manager.create(gaussian(random, 300300, 1), shape);
        NDArray g =
                manager.create(gaussian(random, 300300, 1), shape).toType(DataType.FLOAT32, false);
        float[] before = g.toFloatArray();
        float[][] results = new float[2][];
        for (int run = 0; run < 2; run++) {
            NDArray w = start.toType(DataType.FLOAT32, true);
            try (DecoupledAdamW optimizer = adamw().setRescaleGrad(0.5f).optClipGrad(1).build()) {
                for (int t = 0; t < 5; t++) {
                    optimizer.update("w", w, g);
                }
            }
            results[run] = w.toFloatArray();
        }
        assertThat(results[0]).isEqualTo(results[1]);
        assertThat(g.toFloatArray()).isEqualTo(before);
    }

    @Test
    void rescalesThenClampsBothEnds() {
        NDArray w = manager.zeros(new Shape(4), DataType.FLOAT64);
        NDArray g = manager.create(new double[] {-8, 8, 1, -1});
        Reference reference = new Reference(new double[4]);
        try (DecoupledAdamW optimizer = adamw().setRescaleGrad(0.5f).optClipGrad(2).build()) {
            optimizer.update("w", w, g);
        }
        reference.step(new double[] {-2, 2, 0.5, -0.5}, 0);
        assertClose(w.toDoubleArray(), reference.w, 1e-15);
    }

    @Test
    void handlesTransposedWeightsAndGradients() {
        double[] start = {1, 2, 3, 4, 5, 6};
        double[] gradient = {1, -1, 2, -2, 3, -3};
        NDArray plain = manager.create(start, new Shape(2, 3));
        NDArray transposed = columnMajor(plain);
        NDArray g = manager.create(gradient, new Shape(2, 3));
        try (DecoupledAdamW optimizer = adamw().build()) {
            optimizer.update("plain", plain, g);
            optimizer.update("transposed", transposed, columnMajor(g));
            optimizer.update("plain", plain, columnMajor(g));
            optimizer.update("transposed", transposed, g);
        }
        assertThat(transposed.toDoubleArray()).containsExactly(plain.toDoubleArray());
    }

    /** A copy whose columns are contiguous; a duplicate would keep the strides of its original. */
    private static NDArray columnMajor(NDArray matrix) {
        NDArray transposed = matrix.transpose();
        return transposed.flatten().reshape(transposed.getShape()).transpose();
    }

    @Test
    void zeroesTheAttachedGradientInACollectorAndOnAnotherThread() {
        NDArray w = manager.create(new float[] {1, 2});
        w.setRequiresGradient(true);
        try (DecoupledAdamW optimizer = adamw().build();
                GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            collector.backward(w.mul(3).sum());
            CompletableFuture.runAsync(() -> optimizer.update("w", w, w.getGradient())).join();
            assertThat(w.getGradient().toFloatArray()).containsExactly(0, 0);
            collector.backward(w.mul(3).sum());
            optimizer.update("w", w, w.getGradient());
            assertThat(w.getGradient().toFloatArray()).containsExactly(0, 0);
        }
        // A constant gradient moves every weight by the learning rate: 0.01 / 1, then 0.01 / 2.
        assertThat(w.toFloatArray()[0]).isCloseTo(0.985f, within(1e-5f));
    }

    @ParameterizedTest
    @CsvSource({"NaN", "Infinity", "-Infinity"})
    void refusesGradientsThatAreNotFinite(double bad) {
        NDArray w = manager.ones(new Shape(2, 2));
        w.setName("weight");
        w.setRequiresGradient(true);
        NDArray g = manager.create(new float[] {1, 1, (float) bad, 1}, new Shape(2, 2));
        NDArray good = manager.ones(new Shape(2, 2));
        try (DecoupledAdamW optimizer = adamw().build()) {
            optimizer.update("id-1", w, good);
            float[] before = w.toFloatArray();
            float[] mean = optimizer.state("id-1", w).array(0).toFloatArray();
            assertThatThrownBy(() -> optimizer.update("id-1", w, g))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("id-1 contains NaN or infinity at step 2")
                    .hasMessageContaining("unchanged");
            assertThat(w.toFloatArray()).containsExactly(before);
            assertThat(optimizer.state("id-1", w).array(0).toFloatArray()).containsExactly(mean);
            assertThat(optimizer.state("id-1", w).step()).isEqualTo(1);
        }
    }

    @Test
    void refusesGradientsOfAnotherShapeOrType() {
        NDArray w = manager.ones(new Shape(2, 3));
        try (DecoupledAdamW optimizer = adamw().build()) {
            assertThatThrownBy(() -> optimizer.update("w", w, manager.ones(new Shape(3, 2))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("float32(2, 3) but its gradient is float32(3, 2)");
            NDArray wide = manager.ones(new Shape(2, 3), DataType.FLOAT64);
            assertThatThrownBy(() -> optimizer.update("w", w, wide))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("is float64(2, 3)");
            NDArray integers = manager.ones(new Shape(2, 3), DataType.INT32);
            assertThatThrownBy(() -> optimizer.update("w", integers, integers))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("is int32");
            assertThat(optimizer.firstState("w")).isNull();
        }
    }

    @Test
    void refusesIllegalHyperParameters() {
        assertThatThrownBy(() -> adamw().optBeta1(1).build()).hasMessageContaining("[0, 1)");
        assertThatThrownBy(() -> adamw().optBeta2(-0.1f).build()).hasMessageContaining("-0.1");
        for (float bad : new float[] {0, Float.POSITIVE_INFINITY, Float.NaN}) {
            assertThatThrownBy(() -> adamw().optEpsilon(bad).build())
                    .hasMessageContaining("optEpsilon");
        }
        for (float bad : new float[] {-0.1f, Float.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> adamw().optWeightDecays(bad).build())
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(String.valueOf(bad));
        }
        assertThatThrownBy(() -> adamw().optWeightDecays(Float.NaN).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("NaN");
        NDArray w = manager.ones(new Shape(2));
        try (DecoupledAdamW optimizer =
                adamw().optLearningRateTracker(Tracker.fixed(Float.NaN)).build()) {
            assertThatThrownBy(() -> optimizer.update("w", w, w))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("NaN at step 1");
        }
    }

    @Test
    void startsAtTheStepGivenAndKeepsTheNumberOfArraysConstant() {
        NDArray w = manager.ones(new Shape(3));
        int[] lastStep = new int[1];
        Tracker tracker =
                t -> {
                    lastStep[0] = t;
                    return RATE;
                };
        NDManager owner;
        try (DecoupledAdamW optimizer =
                adamw().optLearningRateTracker(tracker).optBeginNumUpdate(10).build()) {
            NDArray g = manager.ones(new Shape(3));
            optimizer.update("w", w, g);
            assertThat(lastStep[0]).isEqualTo(11);
            owner = optimizer.state("w", w).array(0).getManager();
            int arrays = manager.getManagedArrays().size() + owner.getManagedArrays().size();
            for (int i = 0; i < 50; i++) {
                optimizer.update("w", w, g);
            }
            assertThat(lastStep[0]).isEqualTo(61);
            assertThat(manager.getManagedArrays().size() + owner.getManagedArrays().size())
                    .isEqualTo(arrays);
        }
        assertThat(owner.isOpen()).isFalse();
    }

    /** Why this class exists; if a new DJL fails here, it may have become right. */
    @Test
    void pinsWhereTheStockAdamWDiffers() {
        Optimizer stock =
                Optimizer.adamW()
                        .optLearningRateTracker(Tracker.fixed(0.1f))
                        .optEpsilon(1)
                        .optClipGrad(2)
                        .build();
        NDArray w = manager.create(new float[] {1, 1});
        w.setRequiresGradient(true); // the stock optimizer zeroes its gradient
        stock.update("w", w, manager.create(new float[] {-5, 5}));
        float[] after = w.toFloatArray();
        // It decays the vector, by 0.1 * 0.01; clamps 5 to 2 but leaves -5; and adds epsilon = 1 to
        // the root before its bias correction: 0.1 * g / (|g| + 1 / sqrt(1 - 0.999)).
        float root = (float) Math.sqrt(1 / (1 - 0.999));
        assertThat(Arrays.copyOf(after, 2))
                .containsExactly(
                        new float[] {
                            0.999f + 0.1f * 5 / (5 + root), 0.999f - 0.1f * 2 / (2 + root)
                        },
                        within(1e-5f));
    }

    @Test
    void anOptionThatOverflowsIsNamedAndNotTheGradient() {
        NDArray w = manager.ones(new Shape(2));
        NDArray huge = manager.full(new Shape(2), 1e20f);
        try (DecoupledAdamW optimizer = adamw().setRescaleGrad(1e30f).build()) {
            assertThatThrownBy(() -> optimizer.update("w", w, huge))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(
                            "w is finite, but not multiplied by setRescaleGrad(1.0E30)");
            assertThat(w.toFloatArray()).containsExactly(1, 1);
            assertThat(optimizer.firstState("w")).isNull();
        }
    }
}
