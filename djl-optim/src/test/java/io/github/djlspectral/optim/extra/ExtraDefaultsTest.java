package io.github.djlspectral.optim.extra;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.PlainMatrix;
import io.github.djlspectral.optim.SpectralOptimizer;
import java.util.Arrays;
import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is documented of the builders, and gradients and weights that are not usual. */
class ExtraDefaultsTest {

    private static final Shape TALL = new Shape(8, 2);

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    private NDArray gaussian(Shape shape) {
        return manager.randomNormal(0, 1, shape, DataType.FLOAT64);
    }

    /** The singular values of the first step that moves a tall matrix, from zero. */
    private double[] firstStep(SpectralOptimizer optimizer) {
        NDArray weight = manager.zeros(TALL, DataType.FLOAT64);
        NDArray gradient = gaussian(TALL);
        try (optimizer) {
            optimizer.update("w", weight, gradient);
            if (optimizer instanceof Soap) { // whose first step finds its bases only
                optimizer.update("w", weight, gradient);
            }
        }
        return PlainMatrix.singularValues(PlainMatrix.of(weight));
    }

    @Test
    void firstStepsAreAsLongAsDocumented() {
        double scale = Math.sqrt(8 / 2.0);
        assertThat(firstStep(CautiousMuon.builder().build()))
                .containsOnly(new double[] {0.02 * scale}, within(1e-8));
        assertThat(firstStep(Scion.builder().build()))
                .containsOnly(new double[] {0.02 * 50 * scale}, within(1e-6));
        assertThat(firstStep(Soap.builder().build()))
                .containsOnly(new double[] {0.003}, within(1e-6));
        double[] normed = firstStep(NorMuon.builder().build());
        assertThat(Math.hypot(normed[0], normed[1]))
                .isCloseTo(0.02 * scale * Math.sqrt(2), within(1e-8));
        double[] sinkhorn = firstStep(SinkGd.builder().build());
        assertThat(Math.hypot(sinkhorn[0], sinkhorn[1])) // entries of root mean square 1
                .isCloseTo(0.001 * Math.sqrt(16), within(1e-8));
    }

    @Test
    void aCautiousDecayIsATenthUnlessSet() {
        for (boolean set : new boolean[] {false, true}) {
            CautiousMuon.Builder builder = CautiousMuon.builder();
            NDArray weight = manager.ones(TALL, DataType.FLOAT64);
            try (CautiousMuon muon = (set ? builder.optCautiousDecay(0.5) : builder).build()) {
                muon.update("w", weight, weight.zerosLike());
            }
            assertThat(weight.toDoubleArray())
                    .containsOnly(new double[] {1 - 0.02 * (set ? 0.5 : 0.1)}, within(1e-8));
        }
    }

    /** Of beta 0 it divides each row by its own root mean square. */
    @Test
    void norMuonTakesItsBeta() {
        NDArray weight = manager.zeros(TALL, DataType.FLOAT64);
        try (NorMuon muon = NorMuon.builder().optBeta(0).build()) {
            muon.update("w", weight, gaussian(TALL));
            NDArray before = weight.duplicate();
            muon.update("w", weight, gaussian(TALL));
            double[] rows = weight.sub(before).norm(new int[] {1}).toDoubleArray();
            assertThat(rows).containsOnly(new double[] {rows[0]}, within(1e-6 * rows[0]));
        }
    }

    /** The spectral norm, as close as one step of a power iteration keeps up with slow turns. */
    @ParameterizedTest
    @ValueSource(ints = {0, 5})
    void theSphereIsTheSpectralNormsUnlessAskedWhateverTheFirstStep(int begin) {
        Shape shape = new Shape(12, 20);
        double[][] w = PlainMatrix.gaussian(new Random(5), 12, 20);
        NDArray weight = manager.create(PlainMatrix.flat(w), shape);
        try (SphereMuon muon =
                SphereMuon.builder()
                        .optLearningRateTracker(Tracker.fixed(1e-3f))
                        .optBeginNumUpdate(begin)
                        .build()) {
            double radius = 0;
            for (int t = 1; t <= 40; t++) {
                muon.update("w", weight, gaussian(shape));
                double[] s = PlainMatrix.singularValues(PlainMatrix.of(weight));
                radius = t == 1 ? s[11] : radius;
                assertThat(s[11]).isCloseTo(radius, within(0.002 * radius));
            }
            assertThat(radius).isBetween(6.5, 9.5); // sqrt(12) + sqrt(20) in the limit
        }
    }

    @Test
    void theSphereIsFrobeniussIfAsked() {
        NDArray[] weights = new NDArray[3];
        NDArray[] gradients = {gaussian(TALL), gaussian(TALL)};
        for (int i = 0; i < 3; i++) {
            weights[i] = manager.ones(TALL, DataType.FLOAT64);
            SphereMuon.Builder builder =
                    SphereMuon.builder().optLearningRateTracker(Tracker.fixed(0.5f));
            try (SphereMuon muon = (i == 0 ? builder : builder.optFrobenius(i == 1)).build()) {
                muon.update("w", weights[i], gradients[0]);
                double norm = weights[i].norm().getDouble();
                muon.update("w", weights[i], gradients[1]);
                double kept = weights[i].norm().getDouble() / norm;
                assertThat(Math.abs(kept - 1) < 1e-9).isEqualTo(i == 1);
            }
        }
        assertThat(weights[0]).isEqualTo(weights[2]);
    }

    /** A layer that no backward pass has reached, then one that it has. */
    @ParameterizedTest
    @MethodSource("io.github.djlspectral.optim.extra.ExtraOptimizersTest#all")
    void gradientsOfZeroLeaveEverythingFinite(Supplier<SpectralOptimizer> make) {
        NDArray weight = gaussian(new Shape(4, 6));
        try (SpectralOptimizer optimizer = make.get()) {
            for (int step = 0; step < 3; step++) {
                NDArray gradient = step == 2 ? gaussian(weight.getShape()) : weight.zerosLike();
                NDArray before = weight.duplicate();
                optimizer.update("w", weight, gradient);
                double moved = weight.sub(before).abs().max().getDouble();
                assertThat(Arrays.stream(weight.toDoubleArray())).allMatch(Double::isFinite);
                assertThat(moved).isLessThan(2);
                assertThat(moved > 1e-6 || step < 2).isTrue();
            }
        }
    }

    /** In float32, where squares of such gradients are zero or infinite. */
    @ParameterizedTest
    @ValueSource(doubles = {0x1p-72, 0x1p80})
    void sinkGdForgetsTheSizeOfGradients(double size) {
        NDArray gradient = manager.randomNormal(TALL);
        NDArray first = manager.ones(TALL);
        NDArray second = manager.ones(TALL);
        try (SinkGd sink = SinkGd.builder().build()) {
            sink.update("a", first, gradient);
            sink.update("b", second, gradient.mul((float) size));
        }
        assertThat(second.toFloatArray()).containsExactly(first.toFloatArray(), within(1e-6f));
        assertThat(first).isNotEqualTo(first.onesLike()); // one entry alone may round to no step
    }

    /** On the route of large matrices, whose map has two factors. */
    @ParameterizedTest
    @CsvSource({"180,200", "200,180"})
    void aHookGetsTheWholeMap(int rows, int columns) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon = Muon.builder().build();
                CautiousMuon cautious = CautiousMuon.builder().optCautiousDecay(0).build()) {
            NDArray first = manager.ones(new Shape(rows, columns));
            NDArray second = first.duplicate();
            NDArray gradient = manager.randomNormal(first.getShape());
            muon.update("w", first, gradient);
            cautious.update("w", second, gradient);
            assertThat(second.sub(first).abs().max().getFloat()).isLessThan(1e-6f);
            assertThat(first.min().getFloat()).isLessThan(1 - 1e-3f);
        }
    }
}
