package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.tracker.Tracker;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** DJL's trainer on two GPUs: needs them, as one CPU cannot be two devices. */
class SeveralDevicesTest {

    private final Engine engine = Engine.getEngine("PyTorch");
    @TempDir private Path directory;

    @BeforeEach
    void needsTwo() {
        assumeThat(engine.getGpuCount()).isGreaterThan(1);
    }

    static Stream<Named<Supplier<StatefulOptimizer>>> optimizers() {
        Tracker rate = Tracker.fixed(0.1f);
        return Stream.of(
                Named.of("muon", () -> Muon.builder().optLearningRateTracker(rate).build()),
                Named.of("noise", () -> Kaon.builder().optRandomSpectrum(3).build()),
                Named.of("adamw", () -> DecoupledAdamW.builder().build()));
    }

    @ParameterizedTest
    @MethodSource("optimizers")
    void twoDevicesTrainAsOneDoesAndStayAlike(Supplier<StatefulOptimizer> optimizers)
            throws IOException {
        Device[] devices = engine.getDevices(2);
        try (StatefulOptimizer alone = optimizers.get();
                StatefulOptimizer shared = optimizers.get();
                StatefulOptimizer resumed = optimizers.get();
                TinyTraining one = new TinyTraining(alone);
                TinyTraining two = new TinyTraining(shared, devices);
                TinyTraining again = new TinyTraining(resumed, devices)) {
            one.train(1, 3);
            two.train(1, 3);
            // The sum of the halves' means is twice the mean, which none of these optimizers minds.
            NDArray expected = flat(one);
            assertThat(Oracle.relativeDistance(flat(two), expected)).isLessThan(1e-3);
            List<float[]> predictions = new ArrayList<>();
            for (Device device : devices) {
                try (NDManager manager = engine.newBaseManager(device)) {
                    NDArray x = manager.ones(new Shape(2, TinyTraining.INPUTS));
                    NDList prediction = two.trainer.evaluate(new NDList(x));
                    predictions.add(prediction.head().toFloatArray());
                }
            }
            assertThat(predictions.get(1)).containsExactly(predictions.get(0));
            Path file = directory.resolve("state");
            for (Parameter parameter : BlockParameters.byName(two.block()).values()) {
                List<ParameterState> states =
                        shared.parts().stream()
                                .map(part -> part.firstState(parameter.getId()))
                                .filter(state -> state != null)
                                .toList();
                assertThat(states).hasSize(1).allMatch(state -> state.step() == 3);
                assertThat(states.get(0).array(0).getDevice()).isEqualTo(devices[0]);
            }
            assertThatThrownBy(() -> OptimizerStep.apply(two.trainer, shared))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("one device, this one has 2");

            OptimizerState.save(shared, two.block(), file);
            OptimizerState.load(resumed, again.block(), file);
            assertThatThrownBy(() -> again.train(4, 4))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("resumed on one device only");
        }
    }

    private static NDArray flat(TinyTraining training) {
        NDList all = new NDList();
        for (Parameter parameter : BlockParameters.byName(training.block()).values()) {
            all.add(parameter.getArray().flatten());
        }
        return NDArrays.concat(all);
    }
}
