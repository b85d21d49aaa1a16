package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.metric.Metrics;
import ai.djl.ndarray.NDArray;
import ai.djl.nn.Parameter;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class OptimizerStepTest {

    /** Remembers what it is given. */
    private static final class Recorder extends Optimizer {

        private final List<String> ids = new ArrayList<>();
        private final List<float[]> gradients = new ArrayList<>();

        Recorder() {
            super(new Builder());
        }

        @Override
        public void update(String parameterId, NDArray weight, NDArray gradient) {
            ids.add(parameterId);
            gradients.add(gradient.toFloatArray());
        }

        private static final class Builder extends OptimizerBuilder<Builder> {
            @Override
            protected Builder self() {
                return this;
            }
        }
    }

    static Stream<Named<Supplier<Optimizer>>> optimizers() {
        Tracker rate = Tracker.fixed(0.1f);
        return Stream.of(
                Named.of("muon", () -> Muon.builder().optLearningRateTracker(rate).build()),
                Named.of("adamw", () -> DecoupledAdamW.builder().setRescaleGrad(0.5f).build()),
                Named.of("djl adam", () -> Optimizer.adam().optClipGrad(0.1f).build()),
                Named.of("djl adamw", () -> Optimizer.adamW().setRescaleGrad(0.5f).build()),
                Named.of(
                        "djl sgd",
                        () ->
                                Optimizer.sgd()
                                        .setLearningRateTracker(rate)
                                        .optMomentum(0.5f)
                                        .build()));
    }

    @ParameterizedTest
    @MethodSource("optimizers")
    void doesWhatTheTrainersStepDoesToTheLastBit(Supplier<Optimizer> optimizers) {
        Optimizer optimizer = optimizers.get();
        try (TinyTraining reference = new TinyTraining(optimizers.get());
                TinyTraining tiny = new TinyTraining(optimizer)) {
            for (int step = 1; step <= 5; step++) {
                reference.backward(step);
                reference.trainer.step();
                tiny.backward(step);
                if (step == 3) {
                    tiny.trainer.step(); // the two may alternate
                } else {
                    OptimizerStep.apply(tiny.trainer, optimizer);
                }
                assertThat(tiny.weights()).containsExactlyElementsOf(reference.weights());
                assertThat(tiny.gradients())
                        .allSatisfy(gradient -> assertThat(gradient).containsOnly(0f));
            }
        }
    }

    @Test
    void givesTrainedParametersByNameAndZerosToThoseNotReached() {
        Recorder recorder = new Recorder();
        try (TinyTraining tiny = new TinyTraining(recorder)) {
            Map<String, Parameter> parameters = BlockParameters.byName(tiny.block());
            List<Parameter> all = List.copyOf(parameters.values());
            NDArray first = all.get(0).getArray();
            first.setRequiresGradient(false); // not reached, though trained
            tiny.backward(1);
            first.setRequiresGradient(true);
            all.get(1).freeze(true);
            List<float[]> expected = new ArrayList<>();
            for (Parameter parameter : BlockParameters.trainable(tiny.block()).values()) {
                expected.add(parameter.getArray().getGradient().toFloatArray());
            }

            OptimizerStep.apply(tiny.trainer, recorder);

            List<String> ids = new ArrayList<>(all.stream().map(Parameter::getId).toList());
            ids.remove(1);
            assertThat(recorder.ids).containsExactlyElementsOf(ids);
            assertThat(recorder.gradients).containsExactlyElementsOf(expected);
            assertThat(recorder.gradients.get(0)).containsOnly(0f);
        }
    }

    @Test
    void addsItsTimeToTheTrainersMetrics() {
        Optimizer optimizer = Muon.builder().build();
        try (TinyTraining tiny = new TinyTraining(optimizer)) {
            tiny.trainer.setMetrics(new Metrics());
            tiny.backward(1);
            OptimizerStep.apply(tiny.trainer, optimizer);
            assertThat(tiny.trainer.getMetrics().latestMetric("step").getValue().longValue())
                    .isPositive();
        }
    }

    @Test
    void leavesNoArraysBehind() {
        Optimizer optimizer = Muon.builder().build();
        try (TinyTraining tiny = new TinyTraining(optimizer)) {
            tiny.backward(1);
            OptimizerStep.apply(tiny.trainer, optimizer);
            int arrays = tiny.model.getNDManager().getManagedArrays().size();
            for (int i = 0; i < 20; i++) {
                OptimizerStep.apply(tiny.trainer, optimizer);
            }
            assertThat(tiny.model.getNDManager().getManagedArrays()).hasSize(arrays);
        }
    }

    @Test
    void refusesSeveralDevicesAndAStepBeforeTheFirstBackwardPass() {
        Recorder recorder = new Recorder();
        try (TinyTraining tiny = new TinyTraining(recorder);
                TinyTraining two = new TinyTraining(recorder, Device.gpu(0), Device.gpu(1))) {
            assertThatThrownBy(() -> OptimizerStep.apply(two.trainer, recorder))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("one device, this one has 2");
            assertThatThrownBy(() -> OptimizerStep.apply(tiny.trainer, recorder))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("backward");
            assertThat(recorder.ids).isEmpty();
        }
    }
}
