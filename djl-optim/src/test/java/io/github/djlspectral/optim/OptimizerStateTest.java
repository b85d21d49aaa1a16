package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.io.SafetensorsWriter;
import io.github.djlspectral.torch.Host;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OptimizerStateTest {

    @TempDir private Path directory;

    static DecoupledAdamW adamw() {
        // The rate depends on the step: a lost step count would show.
        return DecoupledAdamW.builder()
                .optLearningRateTracker((id, t) -> 0.1f / t)
                .optWeightDecays(0.1f)
                .build();
    }

    private Path file() {
        return directory.resolve("optimizer.safetensors");
    }

    /** Trains for some steps and saves. */
    private Path saved(DecoupledAdamW optimizer, TinyTraining tiny, int steps) throws IOException {
        tiny.train(1, steps);
        OptimizerState.save(optimizer, tiny.block(), file());
        return file();
    }

    /** Step counts and elements of every state, in the order of names; absent ones are null. */
    static List<Object> states(DecoupledAdamW optimizer, Block block) {
        List<Object> all = new ArrayList<>();
        for (Parameter parameter : BlockParameters.byName(block).values()) {
            ParameterState state = optimizer.firstState(parameter.getId());
            all.add(state == null ? null : state.step());
            for (int k = 0; state != null && k < 2; k++) {
                all.add(Host.read(state.array(k), NDArray::toFloatArray));
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
            int header = bytes[0] + 256 * Byte.toUnsignedInt(bytes[1]);
            tiny.train(2, 3);
            for (int at = 0; at < bytes.length; at += 61) {
                byte[] damaged = bytes.clone();
                damaged[at] ^= 1;
                Files.write(file, damaged);
                String word = at < header ? "" : "its checksum is wrong";
                assertRefused(optimizer, tiny, file, IOException.class, word);
            }
            for (int length : new int[] {0, 7, 31, 500, bytes.length - 1}) {
                Files.write(file, Arrays.copyOf(bytes, length));
                assertRefused(optimizer, tiny, file, IOException.class, "not a safetensors file");
            }
            Files.delete(file);
            assertRefused(optimizer, tiny, file, IOException.class, "no such file");
        }
    }

    @Test
    void refusesFilesOfOthers() throws IOException {
        try (DecoupledAdamW optimizer = adamw();
                TinyTraining tiny = new TinyTraining(optimizer)) {
            tiny.train(1, 1);
            new SafetensorsWriter(Map.of()).write(file());
            assertRefused(optimizer, tiny, file(), IOException.class, "not an optimizer state");
            String future = "{\"version\":2}";
            new SafetensorsWriter(Map.of(OptimizerState.KEY, future)).write(file());
            assertRefused(
                    optimizer, tiny, file(), IOException.class, "version 2, but this reads 1");
            String json = "{\"__metadata__\":{\"optimizer_state\":\"{}\"}}";
            Files.writeString(file(), (char) json.length() + "\0\0\0\0\0\0\0" + json);
            assertRefused(optimizer, tiny, file(), IOException.class, "or no checksum");
        }
    }

    /** What a reader in Python sees: an array for each state, and the steps. */
    @Test
    void theFileNamesOptimizerParameterAndState() throws IOException {
        try (Muon muon = Muon.builder().build();
                TinyTraining tiny = new TinyTraining(muon)) {
            tiny.train(1, 2);
            OptimizerState.save(muon, tiny.block(), file());
            Safetensors file = Safetensors.open(file());
            assertThat(file.names())
                    .hasSize(3 + 2 * 5)
                    .startsWith("Muon.01Linear_weight.momentum", "Muon.04Linear_weight.momentum")
                    .contains("DecoupledAdamW.02LayerNorm_beta.variance");
            assertThat(file.shape("Muon.01Linear_weight.momentum")).isEqualTo(new Shape(8, 5));
            assertThat(file.type("Muon.01Linear_weight.momentum")).isEqualTo("F32");
            assertThat(file.metadata().get("optimizer_state"))
                    .startsWith("{\"version\":1,\"parameters\":[\"01Linear_bias float32(8)\",")
                    .contains(
                            "{\"optimizer\":\"Muon\",\"states\":[\"momentum\"],"
                                    + "\"steps\":{\"01Linear_weight\":2,");
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
    void aFailedWriteLeavesTheOldFile() throws IOException {
        try (DecoupledAdamW optimizer = adamw();
                TinyTraining tiny = new TinyTraining(optimizer)) {
            Path file = saved(optimizer, tiny, 1);
            byte[] bytes = Files.readAllBytes(file);
            Path below = file.resolve("below");
            assertThatThrownBy(() -> OptimizerState.save(optimizer, tiny.block(), below))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("Cannot write the optimizer state to " + below)
                    .hasMessageContaining("what was there before is unchanged");
            assertThat(Files.readAllBytes(file)).isEqualTo(bytes);
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
}
