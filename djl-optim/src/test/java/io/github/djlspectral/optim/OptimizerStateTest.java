package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.optimizer.Optimizer;
import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OptimizerStateTest {

    @TempDir private Path directory;

    private static DecoupledAdamW adamw() {
        // The rate depends on the step: a lost step count would show.
        return DecoupledAdamW.builder()
                .optLearningRateTracker((id, t) -> 0.1f / t)
                .optWeightDecays(0.1f)
                .build();
    }

    private Path file() {
        return directory.resolve("optimizer.state");
    }

    /** Trains for some steps and saves. */
    private Path saved(DecoupledAdamW optimizer, TinyTraining tiny, int steps) throws IOException {
        tiny.train(1, steps);
        OptimizerState.save(optimizer, tiny.block(), file());
        return file();
    }

    /** Step counts and elements of every state, in the order of names; absent ones are null. */
    private static List<Object> states(DecoupledAdamW optimizer, Block block) {
        List<Object> all = new ArrayList<>();
        for (Parameter parameter : BlockParameters.byName(block).values()) {
            ParameterState state = optimizer.firstState(parameter.getId());
            all.add(state == null ? null : state.step());
            for (int k = 0; state != null && k < 2; k++) {
                all.add(state.array(k).toFloatArray());
            }
        }
        return all;
    }

    @Test
    void resumingEqualsNotStoppingToTheLastBit() throws IOException {
        try (DecoupledAdamW through = adamw();
                TinyTraining uninterrupted = new TinyTraining(through);
                DecoupledAdamW resumed = adamw();
                TinyTraining second = new TinyTraining(resumed)) {
            Path file = saved(through, uninterrupted, 3);
            second.copyWeights(uninterrupted);
            OptimizerState.load(resumed, second.block(), file);
            assertThat(states(resumed, second.block()))
                    .containsExactlyElementsOf(states(through, uninterrupted.block()));

            uninterrupted.train(4, 8);
            second.train(4, 8);
            assertThat(second.weights()).containsExactlyElementsOf(uninterrupted.weights());
            assertThat(states(resumed, second.block()))
                    .containsExactlyElementsOf(states(through, uninterrupted.block()));
        }
    }

    @Test
    void whatWasLoadedCanBeSavedAgainAndReplacesWhatWasThere() throws IOException {
        try (DecoupledAdamW first = adamw();
                TinyTraining tiny = new TinyTraining(first);
                DecoupledAdamW second = adamw();
                TinyTraining other = new TinyTraining(second)) {
            Path file = saved(first, tiny, 2);
            byte[] bytes = Files.readAllBytes(file);
            other.train(1, 5);
            OptimizerState.load(second, other.block(), file);
            Path again = directory.resolve("again");
            OptimizerState.save(second, other.block(), again);
            assertThat(Files.readAllBytes(again)).isEqualTo(bytes);
            OptimizerState.save(second, other.block(), file);
            assertThat(Files.readAllBytes(file)).isEqualTo(bytes);
            try (var files = Files.list(directory)) {
                assertThat(files).containsExactlyInAnyOrder(file, again);
            }
        }
    }

    @Test
    void parametersThatWereNeverUpdatedStartAfresh() throws IOException {
        try (DecoupledAdamW first = adamw();
                TinyTraining tiny = new TinyTraining(first);
                DecoupledAdamW second = adamw();
                TinyTraining other = new TinyTraining(second)) {
            Parameter frozen = BlockParameters.byName(tiny.block()).get("01Linear_weight");
            frozen.freeze(true);
            Path file = saved(first, tiny, 2);
            assertThat(first.firstState(frozen.getId())).isNull();
            other.train(1, 5);
            OptimizerState.load(second, other.block(), file);
            Parameter same = BlockParameters.byName(other.block()).get("01Linear_weight");
            assertThat(second.firstState(same.getId())).isNull();
            assertThat(states(second, other.block()))
                    .containsExactlyElementsOf(states(first, tiny.block()));
        }
    }

    @Test
    void largeArraysAndFloat64PassPieceByPiece() throws IOException {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                DecoupledAdamW first = adamw();
                DecoupledAdamW second = adamw()) {
            // More than two pieces of 1 Mi elements each.
            Block block = Linear.builder().setUnits(1500).optBias(false).build();
            block.initialize(manager, DataType.FLOAT64, new Shape(1, 1501));
            Parameter weight = block.getParameters().get(0).getValue();
            NDArray gradient = manager.randomNormal(0, 1, new Shape(1500, 1501), DataType.FLOAT64);
            first.update(weight.getId(), weight.getArray(), gradient);
            NDArray mean = first.firstState(weight.getId()).array(0);
            NDArray variance = first.firstState(weight.getId()).array(1);
            int arrays = mean.getManager().getManagedArrays().size();

            OptimizerState.save(first, block, file());
            assertThat(mean.getManager().getManagedArrays()).hasSize(arrays);
            assertThat(Files.size(file())).isGreaterThan(2L * 1500 * 1501 * Double.BYTES);
            OptimizerState.load(second, block, file());
            ParameterState read = second.state(weight.getId(), weight.getArray());
            assertThat(read.step()).isEqualTo(1);
            assertThat(read.array(0).contentEquals(mean)).isTrue();
            assertThat(read.array(1).contentEquals(variance)).isTrue();
            assertThat(read.array(0).getManager().getManagedArrays()).hasSize(arrays);
        }
    }

    /** What must hold after every failed load. */
    private static void assertRefused(
            DecoupledAdamW optimizer,
            TinyTraining tiny,
            Path file,
            Class<?> type,
            String... words) {
        List<Object> before = states(optimizer, tiny.block());
        assertThatThrownBy(() -> OptimizerState.load(optimizer, tiny.block(), file))
                .isInstanceOf(type)
                .hasMessageContaining(file.toString())
                .hasMessageContaining("nothing has changed")
                .hasMessageContainingAll(words);
        assertThat(states(optimizer, tiny.block())).containsExactlyElementsOf(before);
    }

    @Test
    void refusesDamagedFiles() throws IOException {
        try (DecoupledAdamW optimizer = adamw();
                TinyTraining tiny = new TinyTraining(optimizer)) {
            Path file = saved(optimizer, tiny, 1);
            byte[] bytes = Files.readAllBytes(file);
            tiny.train(2, 3);
            for (int at = 24; at < bytes.length; at += 61) {
                byte[] damaged = bytes.clone();
                damaged[at] ^= 1;
                Files.write(file, damaged);
                assertRefused(optimizer, tiny, file, IOException.class, "checksum");
            }
            for (int length : new int[] {0, 7, 31, 32, 500, bytes.length - 1}) {
                Files.write(file, Arrays.copyOf(bytes, length));
                assertRefused(optimizer, tiny, file, IOException.class, length + " bytes");
            }
            byte[] future = bytes.clone();
            future[11] = 2;
            Files.write(file, future);
            assertRefused(optimizer, tiny, file, IOException.class, "version 2", "version 1");
            future[0] = 'X';
            Files.write(file, future);
            assertRefused(optimizer, tiny, file, IOException.class, "not an optimizer state");
            Files.delete(file);
            assertRefused(optimizer, tiny, file, IOException.class, "no such file");
        }
    }

    @Test
    void refusesStatesOfOtherModels() throws IOException {
        try (DecoupledAdamW optimizer = adamw();
                TinyTraining tiny = new TinyTraining(optimizer);
                NDManager manager = NDManager.newBaseManager("PyTorch");
                DecoupledAdamW fresh = adamw()) {
            tiny.train(1, 1);
            Block wide = initialized(TinyTraining.perceptron(9), manager, DataType.FLOAT32);
            OptimizerState.save(fresh, wide, file());
            assertOtherModel(
                    optimizer,
                    tiny,
                    "parameter 1 by name is 01Linear_bias float32(9) there,"
                            + " 01Linear_bias float32(8) here");
            Block exact = initialized(TinyTraining.perceptron(8), manager, DataType.FLOAT64);
            OptimizerState.save(fresh, exact, file());
            assertOtherModel(optimizer, tiny, "01Linear_bias float64(8) there");
            Block longer =
                    initialized(
                            TinyTraining.perceptron(8).add(Linear.builder().setUnits(2).build()),
                            manager,
                            DataType.FLOAT32);
            OptimizerState.save(fresh, longer, file());
            assertOtherModel(
                    optimizer,
                    tiny,
                    "parameter 9 by name is 07Linear_bias float32(2) there, missing here");
            OptimizerState.save(optimizer, tiny.block(), file());
            assertThatThrownBy(() -> OptimizerState.load(fresh, longer, file()))
                    .hasMessageContaining("missing there, 07Linear_bias float32(2) here");
        }
    }

    private static Block initialized(Block block, NDManager manager, DataType type) {
        block.initialize(manager, type, new Shape(1, TinyTraining.INPUTS));
        return block;
    }

    private void assertOtherModel(DecoupledAdamW optimizer, TinyTraining tiny, String words) {
        assertRefused(optimizer, tiny, file(), IllegalStateException.class, "another model", words);
    }

    @Test
    void refusesOptimizersThatKeepTheirStateAndForeignBlocks() throws IOException {
        Optimizer stock = Optimizer.adamW().build();
        try (DecoupledAdamW optimizer = adamw();
                TinyTraining tiny = new TinyTraining(optimizer);
                TinyTraining other = new TinyTraining(stock)) {
            assertThatThrownBy(() -> OptimizerState.save(stock, other.block(), file()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("ai.djl.training.optimizer.AdamW")
                    .hasMessageContaining("use DecoupledAdamW");
            assertThatThrownBy(() -> OptimizerState.load(stock, other.block(), file()))
                    .isInstanceOf(IllegalArgumentException.class);
            tiny.train(1, 1);
            assertThatThrownBy(() -> OptimizerState.save(optimizer, other.block(), file()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("has updated 8 parameters that this block does not have");
            assertThat(Files.exists(file())).isFalse();
        }
    }

    @Test
    void savesAFallbackTooAndRefusesStatesOfOtherOptimizers() throws IOException {
        try (Muon first = Muon.builder().build();
                TinyTraining tiny = new TinyTraining(first);
                Muon second = Muon.builder().build();
                TinyTraining other = new TinyTraining(second);
                DecoupledAdamW alone = adamw();
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
            assertRefused(
                    alone,
                    third,
                    file(),
                    IllegalStateException.class,
                    "state of [Muon[momentum], DecoupledAdamW[mean, variance]]",
                    "this optimizer is [DecoupledAdamW[mean, variance]]");
        }
    }

    @Test
    void aFailedWriteLeavesTheOldFile() throws IOException {
        try (DecoupledAdamW optimizer = adamw();
                TinyTraining tiny = new TinyTraining(optimizer)) {
            Path file = saved(optimizer, tiny, 1);
            byte[] bytes = Files.readAllBytes(file);
            tiny.train(2, 2);

            Path full = Path.of("/dev/full");
            assumeTrue(Files.exists(full), "a device that is always full");
            Path partial = directory.resolve("optimizer.state.partial");
            Files.createSymbolicLink(partial, full);
            assertThatThrownBy(() -> OptimizerState.save(optimizer, tiny.block(), file))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(file.toString())
                    .hasMessageContaining("what was there before is unchanged");
            assertThat(Files.readAllBytes(file)).isEqualTo(bytes);
            assertThat(Files.exists(partial)).isFalse();
            OptimizerState.load(optimizer, tiny.block(), file);
        }
    }

    @Test
    void aDirectoryThatCannotBeWrittenIsAnError() throws IOException {
        try (DecoupledAdamW optimizer = adamw();
                TinyTraining tiny = new TinyTraining(optimizer)) {
            Path missing = directory.resolve("no").resolve("optimizer.state");
            assertThatThrownBy(() -> OptimizerState.save(optimizer, tiny.block(), missing))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("NoSuchFileException");
            Path file = saved(optimizer, tiny, 1);
            byte[] bytes = Files.readAllBytes(file);
            // Works for the superuser too, whom permissions do not stop.
            Files.createDirectory(directory.resolve("optimizer.state.partial"));
            assertThatThrownBy(() -> OptimizerState.save(optimizer, tiny.block(), file))
                    .isInstanceOf(IOException.class);
            assertThat(Files.readAllBytes(file)).isEqualTo(bytes);
        }
    }

    /** Muon for the hidden matrices but one, TruncatedSgd for that one, AdamW for the rest. */
    private static final class Chain implements AutoCloseable {

        private final TinyTraining tiny;
        private final Muon muon;
        private final TruncatedSgd middle;
        private final DecoupledAdamW last = adamw();

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
    void closeIsFinalForWhatAnOptimizerOwnsAndLeavesWhatTheUserGave() throws IOException {
        DecoupledAdamW shared = adamw();
        try (Muon muon = Muon.builder().optFallback(shared).build();
                TinyTraining tiny = new TinyTraining(muon);
                Muon whole = Muon.builder().build()) {
            tiny.train(1, 2);
            OptimizerState.save(muon, tiny.block(), file());
            byte[] saved = Files.readAllBytes(file());
            List<Object> states = states(shared, tiny.block());
            List.of(muon).forEach(StatefulOptimizer::close);
            assertThat(states(shared, tiny.block())).containsExactlyElementsOf(states);
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
        try (DecoupledAdamW shared = adamw();
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
    void statesOfReplacedParametersAreDroppedWhenAskedAndNamedUntilThen() throws IOException {
        try (DecoupledAdamW optimizer = adamw();
                TinyTraining tiny = new TinyTraining(optimizer);
                NDManager manager = NDManager.newBaseManager("PyTorch")) {
            tiny.train(1, 2);
            List<Object> states = states(optimizer, tiny.block());
            NDArray oldHead = manager.ones(new Shape(2, 3));
            optimizer.update("old head", oldHead, oldHead);
            NDManager owner = optimizer.firstState("old head").array(0).getManager();
            int arrays = owner.getManagedArrays().size();
            assertThatThrownBy(() -> OptimizerState.save(optimizer, tiny.block(), file()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("has updated 1 parameters that this block does not have")
                    .hasMessageContaining("OptimizerState.retain(optimizer, block)");
            OptimizerState.retain(optimizer, tiny.block());
            assertThat(owner.getManagedArrays()).hasSize(arrays - 2);
            assertThat(optimizer.firstState("old head")).isNull();
            assertThat(states(optimizer, tiny.block())).containsExactlyElementsOf(states);
            OptimizerState.save(optimizer, tiny.block(), file());
            OptimizerState.load(optimizer, tiny.block(), file());
            assertThat(owner.getManagedArrays()).hasSize(arrays - 2);
            OptimizerState.retain(optimizer, tiny.block()); // loaded and not yet used
            assertThat(states(optimizer, tiny.block())).containsExactlyElementsOf(states);
        }
    }

    @Test
    void twoModelsThatShareAFallbackAreSavedTogetherAndLoadedOneByOne() throws IOException {
        DecoupledAdamW shared = adamw();
        try (Muon first = Muon.builder().optFallback(shared).build();
                TinyTraining tiny = new TinyTraining(first);
                Muon second = Muon.builder().optFallback(shared).build();
                TinyTraining other = new TinyTraining(second)) {
            tiny.train(1, 2);
            OptimizerState.save(first, tiny.block(), file());
            other.train(1, 3);
            assertThatThrownBy(() -> OptimizerState.save(first, tiny.block(), file()))
                    .hasMessageContaining("a block that has all that are trained");
            List<Object> states = states(shared, other.block());
            OptimizerState.load(first, tiny.block(), file()); // and the other's stay
            assertThat(states(shared, other.block())).containsExactlyElementsOf(states);
            Block both = new SequentialBlock().add(tiny.block()).add(other.block());
            OptimizerState.save(first, both, file());
            shared.close();
        }
    }

    @Test
    void savesOnlyWhatTheChainGoesOnWith() throws IOException {
        try (DecoupledAdamW shared = adamw();
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

    @Test
    void aBlockOfAnotherShapeOverwritesNoGoodFile() throws IOException {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                DecoupledAdamW optimizer = adamw()) {
            Block block = Linear.builder().setUnits(3).optBias(false).build();
            block.initialize(manager, DataType.FLOAT32, new Shape(1, 5));
            Parameter weight = block.getParameters().get(0).getValue();
            optimizer.update(weight.getId(), weight.getArray(), weight.getArray());
            OptimizerState.save(optimizer, block, file());
            byte[] good = Files.readAllBytes(file());
            block.clear();
            block.initialize(manager, DataType.FLOAT32, new Shape(1, 7));
            String words =
                    " is float32(3, 5), but the parameter is now float32(3, 7);"
                            + " OptimizerState.retain(optimizer, block)";
            assertThatThrownBy(() -> OptimizerState.save(optimizer, block, file()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("parameter weight" + words);
            NDArray array = weight.getArray();
            assertThatThrownBy(() -> optimizer.update(weight.getId(), array, array))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(words);
            assertThat(Files.readAllBytes(file())).isEqualTo(good);
            OptimizerState.retain(optimizer, block);
            optimizer.update(weight.getId(), array, array);
            OptimizerState.save(optimizer, block, file());
            OptimizerState.load(optimizer, block, file());
            assertThat(optimizer.firstState(weight.getId()).step()).isEqualTo(1);
        }
    }

    @Test
    void aScopeAroundTheLoadingFreesNothing() throws IOException {
        try (DecoupledAdamW first = adamw();
                TinyTraining tiny = new TinyTraining(first);
                DecoupledAdamW second = adamw();
                TinyTraining other = new TinyTraining(second)) {
            saved(first, tiny, 2);
            List<Object> states = states(first, tiny.block());
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                OptimizerState.load(second, other.block(), file());
            }
            assertThat(states(second, other.block())).containsExactlyElementsOf(states);
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                OptimizerState.load(second, other.block(), file());
                other.train(3, 3);
            }
            assertThat(second.states.ids()).hasSize(8);
            other.train(4, 4);
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

    /** The engine here has one device only: an array that says it lies on another. */
    private static NDArray onDevice(NDArray array, Device device) {
        InvocationHandler handler =
                (proxy, method, arguments) ->
                        method.getName().equals("getDevice")
                                ? device
                                : method.invoke(array, arguments);
        return (NDArray)
                Proxy.newProxyInstance(
                        NDArray.class.getClassLoader(), new Class<?>[] {NDArray.class}, handler);
    }

    @Test
    void aRunContinuesOnOneDeviceAndTheFirstOneIsSaved() {
        ParameterState zero = stateAt(4);
        ParameterState one = stateAt(5);
        assertThat(ParameterStates.first(Map.of(Device.gpu(1), one, Device.gpu(0), zero)))
                .containsSame(zero);
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                DecoupledAdamW optimizer = adamw()) {
            NDArray w = manager.ones(new Shape(3));
            NDArray elsewhere = onDevice(w, Device.gpu(1));
            optimizer.update("w", w, w);
            // as on two devices from the start: it tries to, and this engine has no such device
            assertThatThrownBy(() -> optimizer.state("w", elsewhere))
                    .isNotInstanceOf(IllegalStateException.class);
            optimizer.update("w", w, w);
            assertThatThrownBy(() -> optimizer.state("w", elsewhere))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("lies on [cpu()] and has made more than one step")
                    .hasMessageContaining("not on gpu(1)");
        }
    }

    private static ParameterState stateAt(int step) {
        return new ParameterState(step);
    }
}
