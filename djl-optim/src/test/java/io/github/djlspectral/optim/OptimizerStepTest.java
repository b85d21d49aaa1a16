package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.metric.Metrics;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
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

    @ParameterizedTest
    @MethodSource("optimizers")
    void aStepIsMadeWholeOrNotAtAllAndTheNextBatchGoesOn(Supplier<Optimizer> optimizers) {
        Optimizer optimizer = optimizers.get();
        try (TinyTraining reference = new TinyTraining(optimizers.get());
                TinyTraining tiny = new TinyTraining(optimizer)) {
            reference.train(1, 1);
            tiny.train(1, 1);
            for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
                tiny.backward(2);
                assertThat(OptimizerStep.isFinite(tiny.trainer)).isTrue();
                tiny.poison("06Linear_weight", bad); // the last one
                List<float[]> before = tiny.weights();
                assertThat(OptimizerStep.isFinite(tiny.trainer)).isFalse();
                assertThatThrownBy(() -> OptimizerStep.apply(tiny.trainer, optimizer))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("parameter 06Linear_weight contains NaN or infinity")
                        .hasMessageContaining("no parameter has changed")
                        .hasMessageContaining("OptimizerStep.discard(trainer)");
                assertThat(tiny.weights()).containsExactlyElementsOf(before);
                OptimizerStep.discard(tiny.trainer);
                assertThat(tiny.gradients())
                        .allSatisfy(gradient -> assertThat(gradient).containsOnly(0f));
            }
            reference.train(3, 4);
            tiny.backward(3);
            OptimizerStep.apply(tiny.trainer, optimizer);
            tiny.train(4, 4);
            assertThat(tiny.weights()).containsExactlyElementsOf(reference.weights());
        }
    }

    @Test
    void hugeFiniteGradientsAreFinite() {
        try (TinyTraining tiny = new TinyTraining(new Recorder())) {
            assertThat(OptimizerStep.isFinite(tiny.trainer)).isTrue();
            OptimizerStep.discard(tiny.trainer);
            tiny.backward(1);
            tiny.poison("06Linear_weight", 3e38f); // its square overflows
            assertThat(OptimizerStep.isFinite(tiny.trainer)).isTrue();
        }
    }

    /** A trainer's own step, with a routing: the first parameter of each round checks all. */
    @Test
    void theTrainersStepIsWholeToo() {
        try (Model model = Model.newInstance("routed", "PyTorch")) {
            model.setBlock(TinyTraining.perceptron(8));
            ParameterRouting routing = ParameterRouting.of(model.getBlock());
            try (Muon muon = Muon.builder().optRouting(routing).build();
                    TinyTraining tiny = new TinyTraining(model, muon)) {
                Map<String, Parameter> parameters = BlockParameters.byName(tiny.block());
                tiny.train(1, 2);
                int arrays = model.getNDManager().getManagedArrays().size();
                tiny.train(3, 12);
                assertThat(model.getNDManager().getManagedArrays()).hasSize(arrays);
                for (String name :
                        List.of("01Linear_weight", "04Linear_weight", "06Linear_weight")) {
                    for (int k = 0; k < 2; k++) { // and again: nothing of the first is believed
                        tiny.backward(3);
                        tiny.poison(name, Float.NaN);
                        assertThatNothingMoves(tiny, tiny.trainer::step, name);
                    }
                    OptimizerStep.discard(tiny.trainer);
                }
                tiny.train(3, 3);
                // a parameter that is frozen does not count, nor keep a round open
                Parameter frozen = parameters.get("04Linear_weight");
                tiny.backward(4);
                tiny.poison("04Linear_weight", Float.NaN);
                frozen.freeze(true);
                tiny.trainer.step();
                tiny.backward(5);
                tiny.poison("06Linear_weight", Float.NaN);
                assertThatNothingMoves(tiny, tiny.trainer::step, "06Linear_weight");
                frozen.freeze(false);
                OptimizerStep.discard(tiny.trainer);
                // one parameter alone, twice: the second time is another round
                Parameter one = parameters.get("01Linear_weight");
                tiny.backward(6);
                TinyTraining.update(muon, one);
                tiny.backward(7);
                tiny.poison("06Linear_weight", Float.NaN);
                assertThatNothingMoves(
                        tiny, () -> TinyTraining.update(muon, one), "06Linear_weight");
                OptimizerStep.discard(tiny.trainer);
                // left over from the round before: checked when its turn comes, at the latest
                tiny.backward(8);
                TinyTraining.update(muon, one);
                tiny.poison("06Linear_weight", Float.NaN);
                Parameter left = parameters.get("06Linear_weight");
                assertThatNothingMoves(
                        tiny, () -> TinyTraining.update(muon, left), "06Linear_weight");
            }
        }
    }

    @Test
    void theFirstOfSeveralByNameIsNamed() {
        Optimizer optimizer = Muon.builder().build();
        try (TinyTraining tiny = new TinyTraining(optimizer)) {
            tiny.backward(1);
            tiny.poison("06Linear_weight", Float.NaN);
            tiny.poison("04Linear_weight", Float.POSITIVE_INFINITY);
            assertThatNothingMoves(
                    tiny, () -> OptimizerStep.apply(tiny.trainer, optimizer), "04Linear_weight");
        }
    }

    private static void assertThatNothingMoves(
            TinyTraining tiny, ThrowingCallable step, String name) {
        List<float[]> before = tiny.weights();
        assertThatThrownBy(step)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("parameter " + name + " contains NaN or infinity");
        assertThat(tiny.weights()).containsExactlyElementsOf(before);
    }

    @Test
    void whatNoBackwardPassHasReachedInFloat64IsZeros() {
        for (boolean whole : new boolean[] {true, false}) {
            Muon muon = Muon.builder().build();
            try (Model model = Model.newInstance("branches", "PyTorch")) {
                Block used = Linear.builder().setUnits(4).build();
                Block branch = Linear.builder().setUnits(4).build();
                model.setBlock(new SequentialBlock().add(used).add(branch));
                NDManager manager = model.getNDManager();
                model.getBlock().initialize(manager, DataType.FLOAT64, new Shape(1, 4));
                try (Trainer trainer =
                        model.newTrainer(
                                new DefaultTrainingConfig(Loss.l2Loss()).optOptimizer(muon))) {
                    trainer.initialize(new Shape(1, 4));
                    NDArray reached = used.getParameters().get("weight").getArray();
                    NDArray other = branch.getParameters().get("weight").getArray();
                    for (int step = 1; step <= 3; step++) {
                        NDArray before = reached.duplicate();
                        NDArray untouched = other.duplicate();
                        try (GradientCollector collector = trainer.newGradientCollector()) {
                            collector.backward(reached.mul(reached).sum());
                        }
                        int arrays = manager.getManagedArrays().size();
                        if (whole) {
                            OptimizerStep.apply(trainer, muon);
                        } else { // DJL's own step does this, but refuses float64 before
                            BlockParameters.trainable(model.getBlock())
                                    .values()
                                    .forEach(parameter -> TinyTraining.update(muon, parameter));
                        }
                        assertThat(reached).isNotEqualTo(before);
                        assertThat(other).isEqualTo(untouched);
                        if (step > 1) {
                            assertThat(manager.getManagedArrays()).hasSize(arrays);
                        }
                    }
                    NDArray single = manager.ones(new Shape(4, 4)); // no stand-in: refused
                    assertThatThrownBy(() -> muon.update("other", other, single))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageContaining("float64(4, 4) but its gradient is float32");
                }
            }
            muon.close();
        }
    }

    @Test
    void messagesNameTheParameterOfFallbacksToo() {
        DecoupledAdamW last =
                DecoupledAdamW.builder().optLearningRateTracker(Tracker.fixed(Float.NaN)).build();
        try (Model model = Model.newInstance("routed", "PyTorch")) {
            model.setBlock(TinyTraining.perceptron(8));
            ParameterRouting routing = ParameterRouting.of(model.getBlock());
            TruncatedSgd middle = TruncatedSgd.builder().optFallback(last).build();
            Muon muon = Muon.builder().optRouting(routing).optFallback(middle).build();
            try (TinyTraining tiny = new TinyTraining(model, muon)) {
                Parameter gain = BlockParameters.byName(tiny.block()).get("01Linear_bias");
                tiny.backward(1);
                String words = "was NaN at step 1 of parameter 01Linear_bias";
                for (int k = 0; k < 2; k++) { // the step that was refused has not been counted
                    assertThatThrownBy(() -> TinyTraining.update(muon, gain))
                            .hasMessageContaining(words);
                    assertThatThrownBy(() -> OptimizerStep.apply(tiny.trainer, last))
                            .hasMessageContaining(words);
                }
                assertThat(last.states.ids()).isEmpty();
            }
        }
    }
}
