package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.isometry.EveryLayer.CONFIG;
import static io.github.djlspectral.layers.isometry.EveryLayer.LAYERS;
import static io.github.djlspectral.layers.isometry.EveryLayer.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Blocks load what they saved, and nothing that another saved. */
class SavedLayerTest extends ManagedTest {

    private static final Map<String, byte[]> SAVED = new LinkedHashMap<>();

    @BeforeAll
    static void save() throws IOException {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (String name : LAYERS.keySet()) {
                SAVED.put(name, saved(EveryLayer.initialised(manager, name)));
            }
        }
    }

    private Block initialised(String name) {
        return EveryLayer.initialised(manager, name);
    }

    private static byte[] saved(Block block) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        block.saveParameters(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    private void load(Block block, byte[] bytes) throws IOException, MalformedModelException {
        block.loadParameters(manager, new DataInputStream(new ByteArrayInputStream(bytes)));
    }

    /** Into a new block and into one that has weights, in a network too. */
    @ParameterizedTest
    @MethodSource("io.github.djlspectral.layers.isometry.EveryLayer#names")
    void loadsWhatItSaved(String name) throws IOException, MalformedModelException {
        Block block = initialised(name);
        NDArray x = EveryLayer.input(manager, name);
        NDArray y = run(block, x, false);
        for (Block other : List.of(LAYERS.get(name).get(), initialised(name))) {
            load(other, saved(block));
            assertThat(run(other, x, false)).isEqualTo(y);
        }
        SequentialBlock network = new SequentialBlock().add(block);
        network.initialize(manager, DataType.FLOAT32, x.getShape());
        SequentialBlock other = new SequentialBlock().add(LAYERS.get(name).get());
        load(other, saved(network));
        assertThat(run(other, x, false)).isEqualTo(y);
    }

    @ParameterizedTest
    @MethodSource("io.github.djlspectral.layers.isometry.EveryLayer#names")
    void refusesWhatAnyOtherSaved(String name) {
        Block block = initialised(name);
        List<NDArray> before = arrays(block);
        for (String other : LAYERS.keySet()) {
            if (!other.equals(name)) {
                for (Block into : List.of(block, LAYERS.get(name).get())) {
                    assertThatThrownBy(() -> load(into, SAVED.get(other)))
                            .as(other + " into " + name)
                            .isInstanceOf(MalformedModelException.class)
                            .hasMessageContaining("saved by a block of ");
                }
            }
        }
        List<NDArray> after = arrays(block);
        for (int i = 0; i < before.size(); i++) {
            assertThat(after.get(i)).isSameAs(before.get(i));
        }
    }

    private static List<NDArray> arrays(Block block) {
        return new ArrayList<>(
                block.getParameters().values().stream().map(Parameter::getArray).toList());
    }

    @Test
    void whatDiffersIsNamed() throws IOException {
        assertRefused("fold RETRACTION", "abs RETRACTION", "kind=ResidualFold", "kind=AbsFold");
        assertRefused("image fold RETRACTION", "stride 2", "stride=1", "stride=2");
        assertRefused("flow", "flow of 2 steps", "steps=3", "steps=2");
        assertRefused("flow", "warm flow", "temperature=1.0", "temperature=2.0");
        assertRefused("flow", "flow of 1 head", "heads=2", "heads=1");
        assertRefused("gpt2", "gpt2 of 4 heads", "heads=2", "heads=4");
        assertRefused("shiftedAbs(1)", "shiftedAbs(2)", "function=shiftedAbs(1.0)");
        assertRefused("fold CAYLEY", "fold EXPONENTIAL", "parametrization=CAYLEY");
        Block wide = OrthogonalLinear.builder().setUnits(4).build();
        wide.initialize(manager, DataType.FLOAT32, new Shape(1, 7));
        Block narrow = initialised("linear RETRACTION");
        assertThatThrownBy(() -> load(narrow, saved(wide)))
                .hasMessageContaining("weight=(4, 7)")
                .hasMessageContaining("weight=(4, 4)");
    }

    private void assertRefused(String from, String into, String... parts) {
        for (Block block : List.of(LAYERS.get(into).get(), initialised(into))) {
            assertThatThrownBy(() -> load(block, SAVED.get(from)))
                    .isInstanceOf(MalformedModelException.class)
                    .message()
                    .contains(parts);
        }
    }

    /** Version 1 has no description, and Gpt2 the text of its configuration in its place. */
    @ParameterizedTest
    @MethodSource("io.github.djlspectral.layers.isometry.EveryLayer#names")
    void loadsVersion1WithAWarning(String name) throws IOException, MalformedModelException {
        Block block = initialised(name);
        NDArray x = EveryLayer.input(manager, name);
        Block other = LAYERS.get(name).get();
        byte[] old = version1(saved(block), block instanceof Gpt2 gpt2 ? gpt2.getConfig() : null);
        String warning = errors(() -> load(other, old));
        assertThat(run(other, x, false)).isEqualTo(run(block, x, false));
        if (block instanceof Gpt2) {
            assertThat(warning).isEmpty(); // all is checked
        } else {
            assertThat(warning)
                    .contains("WARN", "version 1", "Not checked")
                    .contains("kind=" + block.getClass().getSimpleName());
        }
    }

    private static byte[] version1(byte[] bytes, Gpt2Config config) throws IOException {
        ByteArrayOutputStream old = new ByteArrayOutputStream();
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
        DataOutputStream out = new DataOutputStream(old);
        assertThat(in.readByte()).isEqualTo((byte) 2);
        out.writeByte(1);
        for (int maps = 0; maps < 2; maps++) {
            for (int i = 2 * in.readInt(); i > 0; i--) {
                in.readUTF();
            }
        }
        if (config != null) {
            out.writeUTF(config.withDropout(0).toString());
        }
        in.transferTo(out);
        return old.toByteArray();
    }

    private interface Loading {
        void run() throws IOException, MalformedModelException;
    }

    private static String errors(Loading loading) throws IOException, MalformedModelException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream before = System.err;
        System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            loading.run();
        } finally {
            System.setErr(before);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void otherVersionsAreRefused() throws IOException {
        byte[] bytes = SAVED.get("flow").clone();
        bytes[0] = 3;
        assertThatThrownBy(() -> load(initialised("flow"), bytes))
                .isInstanceOf(MalformedModelException.class)
                .hasMessageContaining("AttentionFlow, expected version 2, got 3");
        byte[] gpt2 = version1(SAVED.get("gpt2"), CONFIG);
        assertThatThrownBy(() -> load(initialised("gpt2 of 4 heads"), gpt2))
                .isInstanceOf(MalformedModelException.class)
                .hasMessageContaining("heads=2")
                .hasMessageContaining("heads=4");
    }
}
