package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import ai.djl.training.tracker.Tracker;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MuonTest {

    /** One step from zero momentum by hand: u = (1 - mu^2) g, and a map ignores the factor. */
    @ParameterizedTest
    @CsvSource({
        "SPECTRAL,40,10,2",
        "SPECTRAL,10,40,1",
        "MATCH_RMS,10,40,1.2649110",
        "NONE,40,10,1"
    })
    void oneStepIsTheScaledPolarFactorAfterDecay(
            UpdateScale scale, int rows, int columns, double factor) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon =
                        Muon.builder()
                                .optLearningRateTracker(Tracker.fixed(0.5f))
                                .optWeightDecays(0.25f)
                                .optUpdateScale(scale)
                                .build()) {
            NDArray w = manager.randomNormal(0, 1, new Shape(rows, columns), DataType.FLOAT64);
            NDArray g = manager.randomNormal(0, 1, new Shape(rows, columns), DataType.FLOAT64);
            NDArray expected =
                    w.mul(1 - 0.5 * 0.25).sub(SpectralMap.polar().apply(g).mul(0.5 * factor));
            muon.update("w", w, g);
            assertThat(Oracle.relativeDistance(w, expected)).isLessThan(1e-7);
        }
    }

    /** In float32 the rational route writes into the weight what the map would return. */
    @ParameterizedTest
    @CsvSource({"260,330,1", "330,260,1", "300,300,1", "100,12,60"})
    void theStepAppliesTheMapWithoutWritingIt(int rows, int columns, int area) {
        Shape shape = area == 1 ? new Shape(rows, columns) : new Shape(rows, columns, area);
        assertThat(
                        SpectralMap.polar(false)
                                .kernel(shape, DataType.FLOAT32, Device.cpu())
                                .toString())
                .startsWith("halley");
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
                Muon muon =
                        Muon.builder()
                                .optMap(SpectralMap.polar(false))
                                .optLearningRateTracker(Tracker.fixed(0.5f))
                                .optWeightDecays(0.25f)
                                .optUpdateScale(UpdateScale.NONE)
                                .build()) {
            NDArray w = manager.randomNormal(shape);
            NDArray swapped = w.swapAxes(0, 1);
            NDArray transposed = swapped.flatten().reshape(swapped.getShape()).swapAxes(0, 1);
            for (float size : new float[] {1, 1e-25f, 1e25f}) {
                NDArray g = manager.randomNormal(shape).mul(size);
                NDArray before = g.duplicate();
                NDArray expected =
                        w.mul(1 - 0.5 * 0.25).sub(SpectralMap.polar(false).apply(g).mul(0.5));
                muon.update("w" + size, w, g);
                muon.update("transposed" + size, transposed, g);
                assertThat(g).isEqualTo(before);
                // two ways of rounding, amplified by the smallest singular values
                assertThat(Oracle.relativeDistance(w, expected)).isLessThan(1e-5);
                assertThat(Oracle.relativeDistance(transposed, expected)).isLessThan(1e-5);
            }
            NDArray decayed = w.mul(1 - 0.5 * 0.25);
            muon.update("zero", w, w.zerosLike());
            assertThat(w).isEqualTo(decayed);
        }
    }

    @Test
    void twoStepsMatchTheMomentumOfTheReference() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (boolean nesterov : new boolean[] {true, false}) {
                try (Muon muon =
                        Muon.builder()
                                .optMomentum(0.75f)
                                .optNesterov(nesterov)
                                .optLearningRateTracker(Tracker.fixed(1f))
                                .build()) {
                    Shape shape = new Shape(20, 30);
                    NDArray w = manager.zeros(shape, DataType.FLOAT64);
                    NDArray g1 = manager.randomNormal(0, 1, shape, DataType.FLOAT64);
                    NDArray g2 = manager.randomNormal(0, 1, shape, DataType.FLOAT64);
                    muon.update("w", w, g1);
                    NDArray first = w.duplicate();
                    muon.update("w", w, g2);
                    NDArray m = g1.mul(0.25 * 0.75).add(g2.mul(0.25));
                    NDArray u = nesterov ? g2.mul(0.25).add(m.mul(0.75)) : m;
                    NDArray expected = first.sub(SpectralMap.polar().apply(u));
                    assertThat(Oracle.relativeDistance(w, expected)).isLessThan(1e-9);
                    assertThat(Oracle.relativeDistance(muon.state("w", w).array(0), m))
                            .isLessThan(1e-14);
                }
            }
        }
    }

    @Test
    void aConvolutionStepsAsItsFlattenedMatrix() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon = Muon.builder().build()) {
            NDArray w = manager.randomNormal(new Shape(16, 2, 3, 3));
            NDArray flat = w.reshape(16, 18).duplicate();
            NDArray g = manager.randomNormal(new Shape(16, 2, 3, 3));
            muon.update("convolution", w, g);
            muon.update("linear", flat, g.reshape(16, 18));
            assertThat(w.reshape(16, 18)).isEqualTo(flat);
        }
    }

    @Test
    void rescalesAndClipsTheGradientBeforeTheMap() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon clipped = Muon.builder().setRescaleGrad(0.5f).optClipGrad(0.25f).build();
                Muon plain = Muon.builder().build()) {
            NDArray g = manager.randomNormal(new Shape(12, 20));
            NDArray w = manager.zeros(new Shape(12, 20));
            NDArray expected = manager.zeros(new Shape(12, 20));
            clipped.update("w", w, g);
            plain.update("w", expected, g.mul(0.5f).clip(-0.25f, 0.25f));
            assertThat(Oracle.relativeDistance(w, expected)).isLessThan(1e-6);
        }
    }

    @Test
    void aNanIsAnErrorBeforeAnythingChanges() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon = Muon.builder().build()) {
            NDArray w = manager.randomNormal(new Shape(40, 60));
            NDArray g = manager.randomNormal(new Shape(40, 60));
            muon.update("w", w, g);
            NDArray weightBefore = w.duplicate();
            NDArray momentumBefore = muon.state("w", w).array(0).duplicate();
            NDArray bad = g.duplicate();
            bad.setScalar(new NDIndex(39, 59), Float.NaN);

            assertThatThrownBy(() -> muon.update("w", w, bad))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("w")
                    .hasMessageContaining("NaN or infinity at step 2");

            assertThat(w).isEqualTo(weightBefore);
            assertThat(muon.state("w", w).array(0)).isEqualTo(momentumBefore);
            assertThat(muon.state("w", w).step()).isEqualTo(1);
        }
    }

    @Test
    void zeroAndTinyGradients() {
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
                Muon muon = Muon.builder().build()) {
            NDArray w = manager.randomNormal(new Shape(40, 60));
            NDArray before = w.duplicate();
            muon.update("zero", w, manager.zeros(new Shape(40, 60)));
            assertThat(w).isEqualTo(before);

            NDArray g = manager.randomNormal(new Shape(40, 60));
            NDArray byTiny = before.duplicate();
            muon.update("one", w, g);
            muon.update("tiny", byTiny, g.mul(1e-30f));
            assertThat(Oracle.relativeDistance(byTiny.sub(before), w.sub(before))).isLessThan(1e-4);
        }
    }

    @Test
    void zeroesTheGradientInsideACollectorAndOnAnotherThread() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon = Muon.builder().build()) {
            NDArray w = manager.randomNormal(new Shape(8, 8));
            w.setRequiresGradient(true);
            try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
                collector.backward(w.mul(w).sum());
                NDArray before = w.duplicate();
                CompletableFuture.runAsync(() -> muon.update("w", w, w.getGradient())).join();
                assertThat(w.getGradient().abs().max().getFloat()).isZero();
                // polar factor of 2w at learning rate 0.02
                assertThat(w.sub(before).norm().getFloat())
                        .isCloseTo(0.02f * (float) Math.sqrt(8), within(1e-4f));
                collector.backward(w.mul(w).sum());
                muon.update("w", w, w.getGradient());
            }
            assertThat(w.hasGradient()).isTrue();
            assertThat(muon.state("w", w).step()).isEqualTo(2);
        }
    }

    @Test
    void stepsAreCountedPerParameter() {
        int[] seen = new int[1];
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon =
                        Muon.builder()
                                .optBeginNumUpdate(10)
                                .optLearningRateTracker(
                                        (Tracker)
                                                step -> {
                                                    seen[0] = step;
                                                    return 0.1f;
                                                })
                                .build()) {
            NDArray w = manager.ones(new Shape(4, 4));
            for (int i = 1; i <= 3; i++) {
                for (String id : new String[] {"a", "b", "c"}) {
                    muon.update(id, w, w);
                    assertThat(seen[0]).isEqualTo(10 + i);
                }
            }
        }
    }

    @Test
    void withoutRoutingElongatedMatricesAndVectorsGoToTheFallback() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon =
                        Muon.builder()
                                .optLearningRateTracker(Tracker.fixed(0))
                                .optFallback(
                                        DecoupledAdamW.builder()
                                                .optLearningRateTracker(Tracker.fixed(0.5f))
                                                .optWeightDecays(0)
                                                .build())
                                .build()) {
            for (Shape shape : new Shape[] {new Shape(7), new Shape(1, 17), new Shape(170, 10)}) {
                NDArray w = manager.zeros(shape);
                muon.update(shape.toString(), w, manager.ones(shape));
                // AdamW's first step has length lr in every coordinate
                assertThat(w.max().getFloat()).isCloseTo(-0.5f, within(1e-6f));
            }
            NDArray hidden = manager.zeros(new Shape(160, 10));
            muon.update("hidden", hidden, manager.ones(new Shape(160, 10)));
            assertThat(hidden.abs().max().getFloat()).isZero();
        }
    }

    @Test
    void badValuesAreNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Muon.builder().optMomentum(1))
                .withMessageContaining("[0, 1)")
                .withMessageContaining("1.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Muon.builder().optMomentum(Float.NaN));
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon =
                        Muon.builder().optLearningRateTracker(Tracker.fixed(Float.NaN)).build()) {
            NDArray w = manager.ones(new Shape(4, 4));
            assertThatThrownBy(() -> muon.update("w", w, w))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("learning rate");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> muon.update("w", w, manager.ones(new Shape(4, 5))))
                    .withMessageContaining("(4, 5)");
            assertThatIllegalArgumentException()
                    .isThrownBy(
                            () ->
                                    muon.update(
                                            "w",
                                            w,
                                            manager.ones(new Shape(4, 4), DataType.FLOAT64)));
        }
    }

    /** The root of a matrix that is not positive: Cholesky's factorization throws. */
    @Test
    void aMapThatThrowsChangesNothing() {
        SpectralMap throwing =
                SpectralMap.of(Kernel.named("power_fractions", 0.5, -0.5, 0, 0, -2, 1, -2, 1));
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon = Muon.builder().optMap(throwing).build()) {
            NDArray w = manager.randomNormal(new Shape(6, 9));
            NDArray before = w.duplicate();
            assertThatThrownBy(() -> muon.update("w", w, w)).isInstanceOf(EngineException.class);
            assertThat(w).isEqualTo(before);
            assertThat(muon.firstState("w")).isNull();
            NDArray momentum = muon.state("w", w).array(0);
            assertThatThrownBy(() -> muon.update("w", w, w)).isInstanceOf(EngineException.class);
            assertThat(momentum.abs().max().getFloat()).isZero();
            assertThat(muon.state("w", w).step()).isZero();
        }
    }

    @Test
    void infinityIsFoundBeforeItIsClippedAndAfterItIsRescaled() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon clipping = Muon.builder().optClipGrad(1).build();
                Muon rescaling = Muon.builder().setRescaleGrad(1e30f).build()) {
            NDArray w = manager.randomNormal(new Shape(4, 6));
            NDArray before = w.duplicate();
            NDArray g = manager.full(new Shape(4, 6), 1e20f);
            assertThatThrownBy(() -> rescaling.update("w", w, g))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(
                            "w is finite, but not multiplied by setRescaleGrad(1.0E30)");
            g.setScalar(new NDIndex(3, 5), Float.POSITIVE_INFINITY);
            assertThatThrownBy(() -> clipping.update("w", w, g))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("w contains NaN or infinity at step 1");
            assertThat(w).isEqualTo(before);
        }
    }

    @Test
    void theObserverSeesTheRescaledAndClippedGradient() {
        List<NDArray> seen = new ArrayList<>();
        UpdateObserver observer =
                new UpdateObserver() {
                    @Override
                    public boolean wants(int step) {
                        return true;
                    }

                    @Override
                    public void observe(
                            String name, int step, int blocks, NDArray momentum, NDArray update) {
                        seen.add(momentum.duplicate());
                    }
                };
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon =
                        Muon.builder()
                                .optMomentum(0)
                                .setRescaleGrad(0.5f)
                                .optClipGrad(0.25f)
                                .optObserver(observer)
                                .build()) {
            NDArray g = manager.randomNormal(new Shape(4, 6));
            muon.update("w", manager.zeros(new Shape(4, 6)), g);
            assertThat(seen).containsExactly(g.mul(0.5f).clip(-0.25f, 0.25f));
        }
    }
}
