package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.core.Linear;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What every spectral optimizer must do, whatever its map. */
class SpectralFamilyTest {

    private static final UpdateObserver IDLE =
            new UpdateObserver() {
                @Override
                public boolean wants(int step) {
                    return true;
                }

                @Override
                public void observe(
                        String parameter, int step, int blocks, NDArray momentum, NDArray update) {}
            };

    static Stream<Named<Supplier<SpectralOptimizer>>> optimizers() {
        return Stream.of(
                Named.of("muon", () -> Muon.builder().build()),
                Named.of("muon, watched", () -> Muon.builder().optObserver(IDLE).build()),
                Named.of("freon", () -> Freon.builder().build()),
                Named.of("freon, c = 0", () -> Freon.builder().optExponent(0).build()),
                Named.of("freon, c = 1", () -> Freon.builder().optExponent(1).build()),
                Named.of("kaon", () -> Kaon.builder().build()),
                Named.of("kaon, drawn", () -> Kaon.builder().optRandomSpectrum(5).build()),
                Named.of("truncated sgd", () -> TruncatedSgd.builder().build()));
    }

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    @ParameterizedTest
    @MethodSource("optimizers")
    void zeroGradientsMoveNothing(Supplier<SpectralOptimizer> optimizers) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                SpectralOptimizer optimizer = optimizers.get()) {
            for (Shape shape : List.of(new Shape(40, 60), new Shape(1, 7), new Shape(7, 1))) {
                NDArray weight = manager.randomNormal(shape);
                NDArray before = weight.duplicate();
                optimizer.update(shape.toString(), weight, manager.zeros(shape));
                assertThat(weight).isEqualTo(before);
            }
        }
    }

    /** Powers of two scale without rounding, so even a chaotic map must give the same. */
    @ParameterizedTest
    @MethodSource("optimizers")
    void theScaleOfTheGradientDoesNotMatter(Supplier<SpectralOptimizer> optimizers) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray gradient = manager.randomNormal(new Shape(40, 60));
            NDArray expected = moved(optimizers, gradient);
            for (int exponent : new int[] {-90, -20, 20, 90}) {
                NDArray scaled = gradient.mul((float) Math.scalb(1.0, exponent));
                assertThat(Oracle.relativeDistance(moved(optimizers, scaled), expected))
                        .as("2^%d", exponent)
                        .isLessThan(gradient.getDevice().isGpu() ? 0.03 : 1e-2); // bfloat16
            }
        }
    }

    private static NDArray moved(Supplier<SpectralOptimizer> optimizers, NDArray gradient) {
        try (SpectralOptimizer optimizer = optimizers.get()) {
            NDArray weight = gradient.zerosLike();
            optimizer.update("w", weight, gradient);
            return weight;
        }
    }

    @ParameterizedTest
    @MethodSource("optimizers")
    void aNanIsAnErrorBeforeAnythingChanges(Supplier<SpectralOptimizer> optimizers) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                SpectralOptimizer optimizer = optimizers.get()) {
            NDArray weight = manager.randomNormal(new Shape(40, 60));
            NDArray before = weight.duplicate();
            NDArray gradient = manager.randomNormal(new Shape(40, 60));
            gradient.setScalar(new NDIndex(39, 59), Float.NaN);
            assertThatThrownBy(() -> optimizer.update("w", weight, gradient))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("NaN or infinity at step 1");
            assertThat(weight).isEqualTo(before);
        }
    }

    @ParameterizedTest
    @MethodSource("optimizers")
    void aThousandStepsLeaveNoArraysBehind(Supplier<SpectralOptimizer> optimizers) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                SpectralOptimizer optimizer = optimizers.get()) {
            NDArray weight = manager.randomNormal(new Shape(12, 16));
            NDArray gradient = manager.randomNormal(new Shape(12, 16));
            optimizer.update("w", weight, gradient);
            int before = arrays(manager);
            for (int step = 0; step < 1000; step++) {
                optimizer.update("w", weight, gradient);
            }
            assertThat(arrays(manager)).isEqualTo(before);
        }
    }

    private static int arrays(NDManager manager) {
        return manager.getManagedArrays().size()
                + manager.getParentManager().getManagedArrays().size();
    }

    /** Saved after three steps and continued, with the same random draws, under the same names. */
    @ParameterizedTest
    @MethodSource("optimizers")
    void resumesToTheLastBit(Supplier<SpectralOptimizer> optimizers, @TempDir Path directory)
            throws IOException {
        try (Model model = Model.newInstance("linear", "PyTorch");
                SpectralOptimizer through = optimizers.get();
                SpectralOptimizer resumed = optimizers.get()) {
            Block block = Linear.builder().setUnits(20).optBias(false).build();
            block.initialize(model.getNDManager(), model.getDataType(), new Shape(1, 30));
            String id = block.getParameters().get(0).getValue().getId();
            NDArray weight = block.getParameters().get(0).getValue().getArray().duplicate();
            NDArray gradient = model.getNDManager().randomNormal(new Shape(20, 30));
            for (int step = 0; step < 3; step++) {
                through.update(id, weight, gradient);
            }
            OptimizerState.save(through, block, directory.resolve("state"));
            OptimizerState.load(resumed, block, directory.resolve("state"));
            NDArray copy = weight.duplicate();
            for (int step = 3; step < 6; step++) {
                through.update(id, weight, gradient);
                resumed.update(id, copy, gradient);
            }
            assertThat(copy).isEqualTo(weight);
        }
    }

    @Test
    void anObserverSeesWhatIsAppliedAndChangesNothing() {
        List<String> seen = new ArrayList<>();
        UpdateObserver observer =
                new UpdateObserver() {
                    @Override
                    public boolean wants(int step) {
                        return step % 2 == 0;
                    }

                    @Override
                    public void observe(
                            String parameter,
                            int step,
                            int blocks,
                            NDArray momentum,
                            NDArray update) {
                        seen.add(parameter + " " + step);
                        NDArray expected = SpectralMap.power(2.0 / 3, 0.01).apply(momentum);
                        assertThat(Oracle.relativeDistance(update, expected)).isLessThan(1e-6);
                    }
                };
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Freon watched = Freon.builder().optObserver(observer).build();
                Freon alone = Freon.builder().build()) {
            NDArray weight = manager.randomNormal(new Shape(20, 30));
            NDArray copy = weight.duplicate();
            for (int step = 0; step < 5; step++) {
                try (NDArray gradient = manager.randomNormal(new Shape(20, 30))) {
                    watched.update("w", weight, gradient);
                    alone.update("w", copy, gradient);
                }
            }
            assertThat(seen).containsExactly("w 2", "w 4");
            assertThat(weight).isEqualTo(copy);
        }
    }
}
