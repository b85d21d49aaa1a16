package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.training.optimizer.Optimizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
            assertThat(first.parameterIds()).hasSize(3);
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
}
