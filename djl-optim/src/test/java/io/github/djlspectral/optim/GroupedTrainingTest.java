package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.nn.Activation;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.extra.NorMuon;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole steps and states of optimizers in groups. */
class GroupedTrainingTest {

    @TempDir private Path directory;

    private Run run;

    /**
     * Kaon for the first weight, Muon for the next, NorMuon for a fused one, AdamW for the head.
     */
    private static final class Run implements AutoCloseable {

        final Model model = Model.newInstance("grouped", "PyTorch");
        final Muon second = second();
        final NorMuon gates = gates();
        final DecoupledAdamW head = head();
        final Kaon all;
        final TinyTraining tiny;

        Run(UnaryOperator<ParameterRouting> more) {
            model.setBlock(
                    new SequentialBlock()
                            .add(Linear.builder().setUnits(8).build())
                            .add(Activation::tanh)
                            .add(Linear.builder().setUnits(8).build())
                            .add(Linear.builder().setUnits(8).optBias(false).build())
                            .add(Activation::tanh)
                            .add(Linear.builder().setUnits(TinyTraining.OUTPUTS).build()));
            ParameterRouting routing =
                    ParameterRouting.of(model::getBlock)
                            .withBlocks("04Linear_weight", 4)
                            .withGroup(named -> named.getKey().matches("0[34].*"), second)
                            .withGroup(named -> named.getKey().startsWith("04"), gates)
                            .withGroup(named -> named.getKey().startsWith("06"), head);
            all = Kaon.builder().optRouting(more.apply(routing)).build();
            tiny = new TinyTraining(model, all);
        }

        static Muon second() {
            return Muon.builder()
                    .optLearningRateTracker((id, step) -> 0.25f / step)
                    .optMomentum(0.5f)
                    .optWeightDecays(0.125f)
                    .build();
        }

        static NorMuon gates() {
            return NorMuon.builder().optLearningRateTracker((id, step) -> 0.5f / step).build();
        }

        static DecoupledAdamW head() {
            return OptimizerStateTest.adamw();
        }

        Parameter parameter(String name) {
            return BlockParameters.byName(tiny.block()).get(name);
        }

        /** Which optimizers have updated what, and how often. */
        Map<String, Integer> steps() {
            Map<String, Integer> steps = new TreeMap<>();
            for (StatefulOptimizer part : all.parts()) {
                BlockParameters.byName(tiny.block())
                        .forEach(
                                (name, parameter) -> {
                                    ParameterState state = part.firstState(parameter.getId());
                                    if (state != null) {
                                        String who = part.getClass().getSimpleName();
                                        steps.put(name + " " + who, state.step());
                                    }
                                });
            }
            return steps;
        }

        @Override
        public void close() {
            Stream.of(all, second, gates, head).forEach(StatefulOptimizer::close);
            tiny.close();
        }
    }

    @BeforeEach
    void open() {
        run = new Run(UnaryOperator.identity());
    }

    @AfterEach
    void close() {
        run.close();
    }

    private void apply(int firstStep, int lastStep) {
        for (int step = firstStep; step <= lastStep; step++) {
            run.tiny.backward(step);
            OptimizerStep.apply(run.tiny.trainer, run.all);
        }
    }

    /** Rate, decay, momentum: nothing is another's. The last group that holds has a parameter. */
    @Test
    void aGroupStepsAsItsOptimizerAlone() {
        try (Muon second = Run.second();
                NorMuon gates =
                        NorMuon.builder()
                                .optLearningRateTracker((id, step) -> 0.5f / step)
                                .optRouting(
                                        ParameterRouting.of(run.model.getBlock())
                                                .withSpectral("04Linear_weight")
                                                .withBlocks("04Linear_weight", 4))
                                .build();
                DecoupledAdamW head = Run.head()) {
            Map<String, Optimizer> alone =
                    Map.of(
                            "03Linear_weight",
                            second,
                            "04Linear_weight",
                            gates,
                            "06Linear_bias",
                            head,
                            "06Linear_weight",
                            head);
            for (int step = 1; step <= 3; step++) {
                run.tiny.backward(step);
                Map<String, float[]> expected = new TreeMap<>();
                alone.forEach(
                        (name, optimizer) -> {
                            Parameter parameter = run.parameter(name);
                            NDArray weight = parameter.getArray();
                            try (NDArray copy = weight.duplicate();
                                    NDArray gradient = weight.getGradient();
                                    NDArray given = gradient.duplicate()) {
                                optimizer.update(parameter.getId(), copy, given);
                                expected.put(name, copy.toFloatArray());
                            }
                        });
                OptimizerStep.apply(run.tiny.trainer, run.all);
                expected.forEach(
                        (name, weights) ->
                                assertThat(run.parameter(name).getArray().toFloatArray())
                                        .as(name)
                                        .containsExactly(weights));
            }
        }
        assertThat(run.steps())
                .containsExactly(
                        Map.entry("01Linear_bias DecoupledAdamW", 3),
                        Map.entry("01Linear_weight Kaon", 3),
                        Map.entry("03Linear_bias DecoupledAdamW", 3),
                        Map.entry("03Linear_weight Muon", 3),
                        Map.entry("04Linear_weight NorMuon", 3),
                        Map.entry("06Linear_bias DecoupledAdamW", 3),
                        Map.entry("06Linear_weight DecoupledAdamW", 3));
        assertThat(run.head.states.ids()).hasSize(2);
    }

    /** In one process by one, in another by the other. */
    @Test
    void allWaysToStepGiveTheSameBitsAndResume() throws IOException {
        Path file = directory.resolve("optimizer.safetensors");
        apply(1, 2);
        OptimizerState.save(run.all, run.tiny.block(), file);
        try (Run stepped = new Run(UnaryOperator.identity());
                Run single = new Run(UnaryOperator.identity())) {
            for (Run other : List.of(stepped, single)) {
                other.tiny.copyWeights(run.tiny);
                OptimizerState.load(other.all, other.tiny.block(), file);
                assertThat(other.steps()).isEqualTo(run.steps()).hasSize(7);
            }
            apply(3, 5);
            stepped.tiny.train(3, 5);
            for (int step = 3; step <= 5; step++) {
                single.tiny.backward(step);
                BlockParameters.byName(single.tiny.block())
                        .values()
                        .forEach(parameter -> TinyTraining.update(single.all, parameter));
            }
            for (Run other : List.of(stepped, single)) {
                assertThat(other.tiny.weights()).containsExactlyElementsOf(run.tiny.weights());
                Path again = directory.resolve("again");
                OptimizerState.save(other.all, other.tiny.block(), again);
                OptimizerState.save(run.all, run.tiny.block(), file);
                assertThat(again).hasSameBinaryContentAs(file);
            }
        }
    }

    @Test
    void theLastWordAboutAParameterHolds() {
        try (Run other = new Run(routing -> routing.withFallback("06Linear_bias"))) {
            other.tiny.backward(1);
            OptimizerStep.apply(other.tiny.trainer, other.all);
            assertThat(other.steps())
                    .hasSize(7)
                    .allSatisfy((name, step) -> assertThat(step).isOne());
            assertThat(other.head.states.ids())
                    .containsExactly(other.parameter("06Linear_weight").getId());
            assertThat(other.all.toTable().lines())
                    .anyMatch(line -> line.matches("03Linear_weight .* group +group of Muon"))
                    .anyMatch(line -> line.matches("04Linear_weight +4 x .* +group of NorMuon"))
                    .anyMatch(line -> line.matches("06Linear_bias .* fallback +as asked"))
                    .anyMatch(line -> line.matches("total .* group +3 arrays"));
        }
    }

    private void assertThatNothingMoves(ThrowingCallable step, String... words) {
        List<float[]> weights = run.tiny.weights();
        Map<String, Integer> steps = run.steps();
        assertThatThrownBy(step)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(words);
        assertThat(run.tiny.weights()).containsExactlyElementsOf(weights);
        assertThat(run.steps()).isEqualTo(steps);
    }

    @Test
    void aGradientOfAGroupThatIsNotFiniteStopsTheWholeStep() {
        apply(1, 1);
        run.tiny.backward(2);
        run.tiny.poison("06Linear_weight", Float.NaN);
        String name = "06Linear_weight contains NaN or infinity";
        assertThatNothingMoves(() -> OptimizerStep.apply(run.tiny.trainer, run.all), name);
        assertThatNothingMoves(run.tiny.trainer::step, name);
        Parameter first = run.parameter("01Linear_weight");
        assertThatNothingMoves(() -> TinyTraining.update(run.all, first), name);
        OptimizerStep.discard(run.tiny.trainer);
        apply(2, 2);
        assertThat(run.steps().values()).containsOnly(2);
    }

    @Test
    void aGroupThatWasClosedStopsTheWholeStep() throws IOException {
        apply(1, 1);
        Path file = directory.resolve("state");
        run.head.close();
        run.tiny.backward(2);
        String closed = "DecoupledAdamW was closed";
        assertThatNothingMoves(() -> OptimizerStep.apply(run.tiny.trainer, run.all), closed);
        assertThatNothingMoves(run.tiny.trainer::step, closed);
        assertThatNothingMoves(() -> OptimizerState.save(run.all, run.tiny.block(), file), closed);
        assertThat(Files.exists(file)).isFalse();
    }

    @Test
    void groupsStayOpenAndForgetWhatABlockDoesNotHave() {
        apply(1, 1);
        try (Run other = new Run(UnaryOperator.identity())) {
            OptimizerState.retain(run.all, other.tiny.block());
            assertThat(run.steps()).isEmpty();
        }
        apply(2, 2);
        run.all.close();
        assertThat(run.second.states.ids()).hasSize(1);
        run.second.requireOpen();
    }

    /** DJL's own: they update, but their state cannot be saved. */
    @Test
    void anyOptimizerMayBeAGroup() {
        Optimizer sgd = Optimizer.sgd().setLearningRateTracker(Tracker.fixed(0.5f)).build();
        try (Run other =
                new Run(
                        routing ->
                                routing.withGroup(p -> p.getKey().equals("06Linear_bias"), sgd))) {
            Parameter bias = other.parameter("06Linear_bias");
            other.tiny.backward(1);
            double[] expected = new double[TinyTraining.OUTPUTS];
            try (NDArray gradient = bias.getArray().getGradient()) {
                for (int i = 0; i < expected.length; i++) {
                    expected[i] = bias.getArray().getFloat(i) - 0.5 * gradient.getFloat(i);
                }
            }
            OptimizerStep.apply(other.tiny.trainer, other.all);
            for (int i = 0; i < expected.length; i++) {
                assertThat((double) bias.getArray().getFloat(i))
                        .isCloseTo(expected[i], within(1e-5));
            }
            assertThatIllegalArgumentException()
                    .isThrownBy(
                            () ->
                                    OptimizerState.save(
                                            other.all, other.tiny.block(), directory.resolve("s")))
                    .withMessageContainingAll("Sgd", "DecoupledAdamW in its place");
        }
    }

    /** Saved in groups, or not: the parameters' optimizers must be those of the file. */
    @Test
    void aStateOfOtherGroupsIsRefused() throws IOException {
        Path file = directory.resolve("state");
        apply(1, 1);
        OptimizerState.save(run.all, run.tiny.block(), file);
        try (Run other = new Run(routing -> routing.withFallback("06Linear_weight"))) {
            assertThatThrownBy(() -> OptimizerState.load(other.all, other.tiny.block(), file))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("06Linear_weight", "nothing has changed");
            assertThat(other.steps()).isEmpty();
        }
    }
}
