package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.optimizer.Optimizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** States of chains of optimizers, and of optimizers that were closed. */
class FallbackStateTest {

    @TempDir private Path directory;

    private Path file() {
        return directory.resolve("optimizer.safetensors");
    }

    @Test
    void savesAFallbackTooAndRefusesStatesOfOtherOptimizers() throws IOException {
        try (Muon first = Muon.builder().build();
                TinyTraining tiny = new TinyTraining(first);
                Muon second = Muon.builder().build();
                TinyTraining other = new TinyTraining(second);
                DecoupledAdamW alone = OptimizerStateTest.adamw();
                TinyTraining third = new TinyTraining(alone)) {
            tiny.train(1, 2);
            OptimizerState.save(first, tiny.block(), file());
            OptimizerState.load(second, other.block(), file());
            assertThat(first.states.ids()).hasSize(3);
            for (String name : List.of("01Linear_weight", "01Linear_bias")) {
                String mine = BlockParameters.byName(tiny.block()).get(name).getId();
                String theirs = BlockParameters.byName(other.block()).get(name).getId();
                boolean matrix = name.endsWith("weight");
                ParameterState was = first.parts().get(matrix ? 0 : 1).firstState(mine);
                ParameterState is = second.parts().get(matrix ? 0 : 1).firstState(theirs);
                assertThat(is.step()).isEqualTo(2);
                assertThat(is.array(0).toFloatArray()).containsExactly(was.array(0).toFloatArray());
            }
            third.train(1, 1);
            assertThatThrownBy(() -> OptimizerState.load(alone, third.block(), file()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(
                            "state of [Muon[momentum], DecoupledAdamW[mean, variance]], but this"
                                    + " optimizer is [DecoupledAdamW[mean, variance]]");
            assertThat(alone.states.ids()).hasSize(8);
        }
    }

    /** Muon for the hidden matrices but one, TruncatedSgd for that one, AdamW for the rest. */
    private static final class Chain implements AutoCloseable {

        private final TinyTraining tiny;
        private final Muon muon;
        private final TruncatedSgd middle;
        private final DecoupledAdamW last = OptimizerStateTest.adamw();

        Chain() {
            tiny = new TinyTraining(Optimizer.adam().build());
            middle =
                    TruncatedSgd.builder()
                            .optRouting(routing())
                            .optFallback(last)
                            .optLearningRateTracker((id, t) -> 0.1f / t)
                            .build();
            muon =
                    Muon.builder()
                            .optRouting(routing().withFallback("04Linear_weight"))
                            .optLearningRateTracker((id, t) -> 0.1f / t)
                            .optFallback(middle)
                            .build();
        }

        private ParameterRouting routing() {
            return ParameterRouting.of(tiny.block());
        }

        void train(int firstStep, int lastStep) {
            for (int step = firstStep; step <= lastStep; step++) {
                tiny.backward(step);
                OptimizerStep.apply(tiny.trainer, muon);
            }
        }

        @Override
        public void close() {
            List.of(muon, middle, last).forEach(StatefulOptimizer::close);
            tiny.close();
        }
    }

    @Test
    void statesOfNestedFallbacksAreSavedAndLoadedToo() throws IOException {
        try (Chain through = new Chain();
                Chain resumed = new Chain()) {
            through.train(1, 3);
            assertThat(through.middle.states.ids()).hasSize(1);
            assertThat(through.last.states.ids()).hasSize(6);
            OptimizerState.save(through.muon, through.tiny.block(), file());
            resumed.tiny.copyWeights(through.tiny);
            OptimizerState.load(resumed.muon, resumed.tiny.block(), file());
            through.train(4, 6);
            resumed.train(4, 6);
            assertThat(resumed.tiny.weights()).containsExactlyElementsOf(through.tiny.weights());
        }
    }

    @Test
    void refusesAStateUnderAnotherRoutingByName() throws IOException {
        try (TinyTraining tiny = new TinyTraining(Optimizer.adam().build());
                Muon routed = Muon.builder().optRouting(ParameterRouting.of(tiny.block())).build();
                Muon byShape = Muon.builder().build()) {
            tiny.backward(1);
            OptimizerStep.apply(tiny.trainer, routed);
            OptimizerState.save(routed, tiny.block(), file());
            assertThatThrownBy(() -> OptimizerState.load(byShape, tiny.block(), file()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(
                            "another routing: 06Linear_weight was updated by DecoupledAdamW, but is"
                                    + " now by Muon; nothing has changed");
            assertThat(byShape.states.ids()).isEmpty();
            tiny.backward(2);
            OptimizerStep.apply(tiny.trainer, byShape);
            OptimizerState.save(byShape, tiny.block(), file());
            assertThatThrownBy(() -> OptimizerState.load(routed, tiny.block(), file()))
                    .hasMessageContaining(
                            "06Linear_weight was updated by Muon, but is now by DecoupledAdamW");
            OptimizerState.load(byShape, tiny.block(), file());
        }
    }

    @Test
    void closeIsFinalForWhatAnOptimizerOwnsAndLeavesWhatTheUserGave() throws IOException {
        DecoupledAdamW shared = OptimizerStateTest.adamw();
        try (Muon muon = Muon.builder().optFallback(shared).build();
                TinyTraining tiny = new TinyTraining(muon);
                Muon whole = Muon.builder().build()) {
            tiny.train(1, 2);
            OptimizerState.save(muon, tiny.block(), file());
            byte[] saved = Files.readAllBytes(file());
            List<Object> states = OptimizerStateTest.states(shared, tiny.block());
            List.of(muon).forEach(StatefulOptimizer::close);
            assertThat(OptimizerStateTest.states(shared, tiny.block()))
                    .containsExactlyElementsOf(states);
            assertThat(muon.getFallback()).isSameAs(shared);
            List.of(shared, whole).forEach(StatefulOptimizer::close);
            NDArray w = tiny.model.getNDManager().ones(new Shape(4, 4));
            List<float[]> weights = tiny.weights();
            for (Optimizer closed : List.of(muon, shared, whole, whole.getFallback())) {
                String words = " was closed, which has freed its state; build another one";
                assertClosed(() -> closed.update("w", w, w), words);
                assertClosed(() -> OptimizerState.save(closed, tiny.block(), file()), words);
                assertClosed(() -> OptimizerState.load(closed, tiny.block(), file()), words);
                assertClosed(() -> OptimizerState.retain(closed, tiny.block()), words);
            }
            tiny.backward(3);
            assertClosed(tiny.trainer::step, "Muon was closed");
            assertClosed(() -> OptimizerStep.apply(tiny.trainer, muon), "Muon was closed");
            assertThat(tiny.weights()).containsExactlyElementsOf(weights);
            assertThat(Files.readAllBytes(file())).isEqualTo(saved);
        }
    }

    private static void assertClosed(ThrowingCallable call, String words) {
        assertThatThrownBy(call)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(words);
    }

    @Test
    void anOptimizerWhoseFallbackWasClosedChangesNothing() {
        try (DecoupledAdamW shared = OptimizerStateTest.adamw();
                Muon muon = Muon.builder().optFallback(shared).build();
                TinyTraining tiny = new TinyTraining(muon)) {
            List.of(shared).forEach(StatefulOptimizer::close);
            List<float[]> weights = tiny.weights();
            tiny.backward(1);
            assertClosed(tiny.trainer::step, "DecoupledAdamW was closed");
            assertThat(tiny.weights()).containsExactlyElementsOf(weights);
        }
    }

    @Test
    void twoModelsThatShareAFallbackAreSavedTogetherAndLoadedOneByOne() throws IOException {
        DecoupledAdamW shared = OptimizerStateTest.adamw();
        try (Muon first = Muon.builder().optFallback(shared).build();
                TinyTraining tiny = new TinyTraining(first);
                Muon second = Muon.builder().optFallback(shared).build();
                TinyTraining other = new TinyTraining(second)) {
            tiny.train(1, 2);
            OptimizerState.save(first, tiny.block(), file());
            other.train(1, 3);
            assertThatThrownBy(() -> OptimizerState.save(first, tiny.block(), file()))
                    .hasMessageContaining("a block that has all that are trained");
            List<Object> states = OptimizerStateTest.states(shared, other.block());
            OptimizerState.load(first, tiny.block(), file()); // and the other's stay
            assertThat(OptimizerStateTest.states(shared, other.block()))
                    .containsExactlyElementsOf(states);
            Block both = new SequentialBlock().add(tiny.block()).add(other.block());
            OptimizerState.save(first, both, file());
            shared.close();
        }
    }

    @Test
    void savesOnlyWhatTheChainGoesOnWith() throws IOException {
        try (DecoupledAdamW shared = OptimizerStateTest.adamw();
                TinyTraining tiny = new TinyTraining(shared);
                Muon muon = Muon.builder().optFallback(shared).build();
                Muon other = Muon.builder().build()) {
            tiny.train(1, 2); // AdamW alone has states of the hidden matrices too
            tiny.backward(3);
            OptimizerStep.apply(tiny.trainer, muon);
            OptimizerState.save(muon, tiny.block(), file());
            OptimizerState.load(other, tiny.block(), file());
            assertThat(other.states.ids()).hasSize(3);
            OptimizerState.load(muon, tiny.block(), file()); // nor does it drop the others
            assertThat(shared.states.ids()).hasSize(8);
            assertThat(((StatefulOptimizer) other.getFallback()).states.ids()).hasSize(5);
        }
    }
}
