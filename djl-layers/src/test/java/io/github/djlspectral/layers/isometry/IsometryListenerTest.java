package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.metric.Metrics;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.layers.isometry.diagnostics.IsometryListener;
import io.github.djlspectral.layers.isometry.diagnostics.IsometryMeasurement;
import io.github.djlspectral.layers.isometry.diagnostics.IsometryProbe;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class IsometryListenerTest {

    private static SequentialBlock network(Parametrization way) {
        return new SequentialBlock()
                .add(
                        ResidualFold.builder()
                                .setWidth(8)
                                .optParametrization(way)
                                .optInitialBias(0)
                                .build())
                .add(Linear.builder().setUnits(6).build())
                .add(Activation::relu)
                .add(AbsFold.builder().setWidth(6).optParametrization(way).build());
    }

    /** All parameters after a loop of one's own that measures after each step, or not. */
    private static List<float[]> train(
            Parametrization way, Function<NDManager, IsometryListener> listener) {
        Engine.getEngine("PyTorch").setRandomSeed(1);
        try (Model model = Model.newInstance("probe", "PyTorch")) {
            model.setBlock(network(way));
            NDManager manager = model.getNDManager();
            Optimizer adam = Optimizer.adam().optLearningRateTracker(Tracker.fixed(0.01f)).build();
            try (Trainer trainer =
                    model.newTrainer(new DefaultTrainingConfig(Loss.l2Loss()).optOptimizer(adam))) {
                trainer.initialize(new Shape(1, 8));
                IsometryListener measuring = listener.apply(manager);
                List<float[]> found = new ArrayList<>();
                for (int i = 0; i < 12; i++) {
                    // the engine's generator makes each batch
                    NDArray x = manager.randomNormal(new Shape(16, 8));
                    try (GradientCollector collector = trainer.newGradientCollector()) {
                        NDArray y = trainer.forward(new NDList(x)).singletonOrThrow();
                        collector.backward(y.sub(x.get(":, :6")).square().mean());
                    }
                    trainer.step();
                    if (measuring != null) {
                        measuring.afterBatch(trainer);
                    }
                }
                for (Parameter parameter : model.getBlock().getParameters().values()) {
                    found.add(parameter.getArray().toFloatArray());
                }
                return found;
            }
        }
    }

    private static IsometryProbe probe(NDManager manager) {
        float[] values = new float[5 * 8];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) Math.sin(i + 1);
        }
        return IsometryProbe.builder()
                .setInputs(manager.create(values, new Shape(5, 8)))
                .optProbes(3)
                .build();
    }

    @ParameterizedTest
    @EnumSource(Parametrization.class)
    void trainingGoesOnAsWithoutIt(Parametrization way) {
        List<IsometryListener> made = new ArrayList<>();
        List<float[]> without = train(way, manager -> null);
        List<float[]> with =
                train(
                        way,
                        manager -> {
                            made.add(
                                    IsometryListener.builder()
                                            .setProbe(probe(manager))
                                            .optEvery(3)
                                            .build());
                            return made.get(0);
                        });
        assertThat(with).hasSameSizeAs(without);
        for (int i = 0; i < with.size(); i++) {
            assertThat(with.get(i)).containsExactly(without.get(i)); // bit for bit
        }
        assertThat(made.get(0).entries())
                .extracting(IsometryListener.Entry::batch)
                .containsExactly(3L, 6L, 9L, 12L);
    }

    /** In DJL's own loop: metrics, and the numbers that direct calls give. */
    @Test
    void listensToDjlsOwnLoop() throws Exception {
        Engine.getEngine("PyTorch").setRandomSeed(1);
        try (Model model = Model.newInstance("probe", "PyTorch")) {
            SequentialBlock block = new SequentialBlock();
            for (int i = 0; i < 5; i++) {
                block.add(ResidualFold.builder().setWidth(8).optInitialBias(0).build());
            }
            model.setBlock(block);
            NDManager manager = model.getNDManager();
            IsometryProbe probe = probe(manager);
            IsometryListener listener =
                    IsometryListener.builder().setProbe(probe).optEvery(2).build();
            Optimizer adam = Optimizer.adam().optLearningRateTracker(Tracker.fixed(1e-3f)).build();
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(Loss.l2Loss())
                            .optOptimizer(adam)
                            .addTrainingListeners(TrainingListener.Defaults.basic())
                            .addTrainingListeners(listener);
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(1, 8));
                Metrics metrics = new Metrics();
                trainer.setMetrics(metrics);
                NDArray x = manager.randomNormal(new Shape(40, 8));
                ArrayDataset data =
                        new ArrayDataset.Builder()
                                .setData(x)
                                .optLabels(x.abs())
                                .setSampling(10, false)
                                .build();
                EasyTrain.fit(trainer, 1, data, null);
                assertThat(listener.entries()).hasSize(2);
                IsometryMeasurement last = listener.entries().get(1).measurement();
                assertThat(metrics.getMetric("isometry_singular_value_max")).hasSize(2);
                assertThat(metrics.latestMetric("isometry_jacobian_cosine").getValue())
                        .isEqualTo(last.jacobianCosine().mean());
                assertThat(last.largest()).isCloseTo(1, within(1e-5));
                assertThat(last.smallest()).isCloseTo(1, within(1e-5));
                assertThat(last.deviation().rows()).isLessThan(1e-5);
                assertThat(last.gradientRatio().max()).isCloseTo(1, within(1e-5));
                assertThat(last.layers()).hasSize(5);
                assertThat(last.foldRate()).isBetween(0.2, 0.8);
                assertThat(last.distanceRatio().max()).isLessThan(1.00001);
                // EasyTrain steps once more after the last batch's listeners
                assertThat(probe.measure(block)).isEqualTo(probe.measure(block));
            }
        }
    }

    /** Known without measuring: one fold x - 2 w relu(w.x), and a block whose layers are hidden. */
    @Test
    void knownNumbers() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            ResidualFold fold =
                    ResidualFold.builder().setWidth(8).optRows(1).optInitialBias(0).build();
            SequentialBlock network = new SequentialBlock().add(fold);
            network.initialize(manager, DataType.FLOAT32, new Shape(1, 8));
            IsometryMeasurement found = probe(manager).measure(network);
            assertThat(found.foldRate() * 5 % 1).isZero(); // 5 points, 1 row
            assertThat(found.gradientRatio().median()).isCloseTo(1, within(1e-6));
            IsometryMeasurement hidden = probe(manager).measure(fold);
            assertThat(hidden.foldRate()).isNaN();
            assertThat(hidden.gradientRatio().max()).isNaN();
            assertThat(hidden.jacobianCosine()).isEqualTo(found.jacobianCosine());
            // nothing to put back
            assertThat(probe(manager).measure(FixedIsometry.groupSort(2)).largest())
                    .isCloseTo(1, within(1e-6));
        }
    }

    @Test
    void nothingIsLeftBehind() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SequentialBlock network = network(Parametrization.RETRACTION);
            network.initialize(manager, DataType.FLOAT32, new Shape(1, 8));
            IsometryProbe probe = probe(manager);
            int arrays = manager.getManagedArrays().size();
            for (int i = 0; i < 100; i++) {
                probe.measure(network);
            }
            assertThat(manager.getManagedArrays()).hasSize(arrays);
        }
    }

    @Test
    void badValuesAreNamed() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            IsometryProbe.Builder one =
                    IsometryProbe.builder().setInputs(manager.ones(new Shape(1, 8)));
            assertThatIllegalArgumentException()
                    .isThrownBy(one::build)
                    .withMessageContaining("(1, 8)");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> IsometryProbe.builder().build())
                    .withMessageContaining("not set");
            NDArray two = manager.ones(new Shape(2, 8));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> IsometryProbe.builder().setInputs(two).optProbes(0).build())
                    .withMessageContaining("was 0");
            assertThatIllegalArgumentException()
                    .isThrownBy(
                            () ->
                                    IsometryProbe.builder()
                                            .setInputs(two)
                                            .optPerturbation(-1)
                                            .build())
                    .withMessageContaining("-1.0");
            IsometryListener.Builder listener = IsometryListener.builder();
            assertThatThrownBy(listener::build).hasMessageContaining("probe");
            listener.setProbe(probe(manager)).optEvery(0);
            assertThatIllegalArgumentException()
                    .isThrownBy(listener::build)
                    .withMessageContaining("was 0");
        }
    }
}
