package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.util.Pair;
import io.github.djlspectral.examples.gpt.Checkpoints.ModelFile;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelFileTest {

    private static final Gpt2Config CONFIG = new Gpt2Config(11, 8, 2, 2, 4, 0, true);

    @TempDir private Path directory;
    private NDManager manager;
    private Path path;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager();
        path = directory.resolve("model.safetensors");
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    @Test
    void initializesAnotherModelWithTheSameBits() throws IOException {
        Gpt2 written = initialized(CONFIG);
        ModelFile.write(3, written, path);
        Gpt2 read = Gpt2.builder().setConfig(CONFIG).build();
        ModelFile file = ModelFile.open(path);
        assertThat(file.source().metadata())
                .containsEntry("step", "3")
                .hasEntrySatisfying("model", json -> assertThat(json).contains("\"width\":4"));
        file.initialize(read);
        initialize(read);
        for (Pair<String, Parameter> parameter : written.getParameters()) {
            NDArray copy = read.getParameters().get(parameter.getKey()).getArray();
            assertThat(copy.hasGradient()).isTrue();
            assertThat(copy.toByteArray())
                    .as(parameter.getKey())
                    .isEqualTo(parameter.getValue().getArray().toByteArray());
        }
    }

    @Test
    void otherSafetensorsReadersReadIt() throws IOException {
        Gpt2 written = initialized(CONFIG);
        ModelFile.write(3, written, path);
        try (InputStream in = Files.newInputStream(path);
                NDList arrays = NDList.decode(manager, in)) {
            assertThat(arrays).hasSize(written.getParameters().size());
            for (NDArray array : arrays) {
                NDArray expected = written.getParameters().get(array.getName()).getArray();
                assertThat(array.getShape()).isEqualTo(expected.getShape());
                assertThat(array.toFloatArray()).isEqualTo(expected.toFloatArray());
            }
        }
    }

    @Test
    void refusesOtherParameters() throws IOException {
        ModelFile.write(3, initialized(CONFIG), path);
        Gpt2 deeper = Gpt2.builder().setConfig(new Gpt2Config(11, 8, 3, 2, 4, 0, true)).build();
        ModelFile file = ModelFile.open(path);
        assertThatThrownBy(() -> file.initialize(deeper))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("another architecture");
    }

    @Test
    void refusesOtherShapes() throws IOException {
        ModelFile.write(3, initialized(CONFIG), path);
        Gpt2 wider = Gpt2.builder().setConfig(new Gpt2Config(11, 8, 2, 2, 6, 0, true)).build();
        ModelFile.open(path).initialize(wider);
        assertThatThrownBy(() -> initialize(wider))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("another architecture");
    }

    @Test
    void refusesOtherFiles() throws IOException {
        Files.writeString(path, "not a model, but long enough");
        assertThatThrownBy(() -> ModelFile.open(path))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("not a safetensors file");
        Files.writeString(path, "short");
        assertThatThrownBy(() -> ModelFile.open(path))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("not a safetensors file");
    }

    private Gpt2 initialized(Gpt2Config config) {
        Gpt2 block = Gpt2.builder().setConfig(config).build();
        initialize(block);
        return block;
    }

    private void initialize(Gpt2 block) {
        block.initialize(manager, DataType.FLOAT32, new Shape(1, 8));
    }
}
