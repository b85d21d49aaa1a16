package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.ParameterTracker;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Clipping as part of the step, and steps that are refused as a whole. */
class ClippedStepTest {

    @ParameterizedTest
    @MethodSource("io.github.djlspectral.optim.OptimizerStepTest#optimizers")
    void isClippingAndAStep(Supplier<Optimizer> optimizers) {
        Optimizer separate = optimizers.get();
        Optimizer together = optimizers.get();
        try (TinyTraining reference = new TinyTraining(separate);
                TinyTraining tiny = new TinyTraining(together)) {
            reference.backward(1);
            double most = GradientClipping.byGlobalNorm(reference.trainer, 1e30f) / 3;
            OptimizerStep.apply(reference.trainer, separate);
            tiny.backward(1);
            assertThat(OptimizerStep.apply(tiny.trainer, together, 1e30))
                    .isEqualTo((float) (3 * most));
            for (int step = 2; step <= 4; step++) {
                reference.backward(step);
                float norm = GradientClipping.byGlobalNorm(reference.trainer, (float) most);
                OptimizerStep.apply(reference.trainer, separate);
                tiny.backward(step);
                assertThat(OptimizerStep.apply(tiny.trainer, together, most))
                        .isCloseTo(norm, within(1e-5f * norm))
                        .isGreaterThan((float) most);
                for (int i = 0; i < tiny.weights().size(); i++) {
                    assertThat(tiny.weights().get(i))
                            .containsExactly(reference.weights().get(i), within(1e-5f));
                }
                assertThat(tiny.gradients()).allSatisfy(g -> assertThat(g).containsOnly(0f));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN})
    void refusesANormThatIsNotPositive(double most) {
        Muon muon = Muon.builder().build();
        try (TinyTraining tiny = new TinyTraining(muon)) {
            tiny.backward(1);
            assertThatThrownBy(() -> OptimizerStep.apply(tiny.trainer, muon, most))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("maxNorm must be positive, was " + most);
        }
    }

    /** The last parameter is the one that is refused, when all others are ready. */
    @Test
    void changesNothingIfOneParameterIsRefused() {
        String[] last = new String[1];
        ParameterTracker rates = (id, step) -> id.equals(last[0]) ? Float.NaN : 0.1f;
        Muon muon = Muon.builder().optLearningRateTracker(rates).build();
        try (TinyTraining tiny = new TinyTraining(muon)) {
            List<Parameter> all = List.copyOf(BlockParameters.byName(tiny.block()).values());
            last[0] = all.get(all.size() - 1).getId();
            tiny.backward(1);
            List<float[]> before = tiny.weights();
            assertThatThrownBy(() -> OptimizerStep.apply(tiny.trainer, muon))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("The learning rate must be finite");
            assertThat(tiny.weights()).containsExactlyElementsOf(before);
            for (StatefulOptimizer part : muon.parts()) {
                assertThat(part.states.ids()).isEmpty();
            }
        }
    }

    /** By a gradient of the fallback, when the hidden matrices are ready. */
    @ParameterizedTest
    @ValueSource(doubles = {Double.POSITIVE_INFINITY, 1e14})
    void changesNothingIfRescalingMakesAGradientInfinite(double most) {
        Muon muon = Muon.builder().setRescaleGrad(1e30f).build();
        try (TinyTraining tiny = new TinyTraining(muon)) {
            tiny.backward(1);
            tiny.poison("06Linear_weight", 1e15f);
            List<float[]> before = tiny.weights();
            assertThatThrownBy(() -> OptimizerStep.apply(tiny.trainer, muon, most))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(
                            "06Linear_weight is finite, but not multiplied by"
                                    + " setRescaleGrad(1.0E30)"
                                    + (most < 1e15 ? " and by " : " at step 1"));
            assertThat(tiny.weights()).containsExactlyElementsOf(before);
            for (StatefulOptimizer part : muon.parts()) {
                assertThat(part.states.ids()).isEmpty();
            }
        }
    }

    @Test
    void changesNothingIfTheSecondParameterOfAnArrayIsRefused() {
        String[] second = new String[1];
        ParameterTracker rates = (id, step) -> id.equals(second[0]) ? Float.NaN : 0.1f;
        DecoupledAdamW adamw = DecoupledAdamW.builder().optLearningRateTracker(rates).build();
        try (TinyTraining tiny = new TinyTraining(tied(), adamw)) {
            second[0] = BlockParameters.byName(tiny.block()).get("02Linear_weight").getId();
            tiny.backward(1);
            List<float[]> before = tiny.weights();
            assertThatThrownBy(() -> OptimizerStep.apply(tiny.trainer, adamw))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("at step 1 of parameter 02Linear_weight");
            assertThat(tiny.weights()).containsExactlyElementsOf(before);
            assertThat(adamw.states.ids()).isEmpty();
        }
    }

    @Test
    void leavesNoGradientsBehindIfTheRoutingRefuses() {
        Model model = Model.newInstance("routed", "PyTorch");
        model.setBlock(TinyTraining.perceptron(8));
        ParameterRouting routing = ParameterRouting.of(model.getBlock()).withSpectral("missing");
        Muon muon = Muon.builder().optRouting(routing).build();
        try (TinyTraining tiny = new TinyTraining(model, muon)) {
            tiny.backward(1);
            int arrays = model.getNDManager().getManagedArrays().size();
            assertThatThrownBy(() -> OptimizerStep.apply(tiny.trainer, muon))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("missing");
            assertThat(model.getNDManager().getManagedArrays()).hasSize(arrays);
        }
    }

    /** Two parameters of one array: it has one gradient, which the first of them uses up. */
    @Test
    void anArrayOfTwoParametersMovesByItsGradientOnce() {
        DecoupledAdamW[] optimizers = new DecoupledAdamW[2];
        List<List<float[]>> weights = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            optimizers[i] = DecoupledAdamW.builder().build();
            try (TinyTraining tiny = new TinyTraining(tied(), optimizers[i])) {
                Map<String, Parameter> all = BlockParameters.byName(tiny.block());
                assertThat(all).hasSize(4);
                for (int step = 1; step <= 3; step++) {
                    tiny.backward(step);
                    if (i == 0) {
                        for (Parameter p : all.values()) { // as trainer.step() would, by name
                            try (NDArray copy = p.getArray().getGradient().duplicate()) {
                                optimizers[i].update(p.getId(), p.getArray(), copy);
                            }
                        }
                    } else {
                        float norm = GradientClipping.byGlobalNorm(tiny.trainer, 1e30f);
                        assertThat(OptimizerStep.apply(tiny.trainer, optimizers[i], 1e30))
                                .isEqualTo(norm);
                    }
                }
                weights.add(tiny.weights());
            }
        }
        assertThat(weights.get(1)).containsExactlyElementsOf(weights.get(0));
    }

    private static Model tied() {
        Model model = Model.newInstance("tied", "PyTorch");
        int inputs = TinyTraining.INPUTS;
        SequentialBlock block = new SequentialBlock();
        NDArray array = model.getNDManager().zeros(new Shape(inputs, inputs));
        for (int i = 0; i < 2; i++) {
            Linear layer = Linear.builder().setUnits(inputs).optBias(false).build();
            layer.getParameters().get("weight").setArray(array);
            block.add(layer);
        }
        model.setBlock(block.add(Linear.builder().setUnits(TinyTraining.OUTPUTS).build()));
        return model;
    }
}
