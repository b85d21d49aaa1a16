package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.examples.gpt.Runs.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointsTest {

    private static final Gpt2Config MODEL = new Gpt2Config(11, 8, 1, 2, 4, 0.1f, true);
    private static final String FILE = "model.safetensors";

    @TempDir private Path directory;
    private final NDManager manager = NDManager.newBaseManager();
    private final Gpt2 gpt2 = Gpt2.builder().setConfig(MODEL).build();
    private Checkpoints checkpoints;

    @BeforeEach
    void setUp() {
        checkpoints = new Checkpoints(directory.resolve("checkpoints"));
        gpt2.initialize(manager, DataType.FLOAT32, new Shape(1, 8));
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    @Test
    void initializesAnotherModelWithTheSameBits() {
        write(3);
        Gpt2 read = Gpt2.builder().setConfig(MODEL).build();
        Checkpoints.initialize(read, checkpoints.required().weights());
        read.initialize(manager, DataType.FLOAT32, new Shape(1, 8));
        for (String name : read.getParameters().keys()) {
            NDArray copy = read.getParameters().get(name).getArray();
            assertThat(copy.hasGradient()).isTrue();
            assertThat(copy.toByteArray()).as(name).isEqualTo(array(name).toByteArray());
        }
    }

    @Test
    void otherSafetensorsReadersReadIt() throws IOException {
        write(3);
        Path file = path(3).resolve(FILE);
        assertThat(Safetensors.open(file).metadata())
                .containsEntry("step", "3")
                .hasEntrySatisfying("model", json -> assertThat(json).contains("\"width\":4"));
        try (InputStream in = Files.newInputStream(file);
                NDList arrays = NDList.decode(manager, in)) {
            assertThat(arrays).hasSize(gpt2.getParameters().size());
            for (NDArray array : arrays) {
                assertThat(array.getShape()).isEqualTo(array(array.getName()).getShape());
                assertThat(array.toFloatArray()).isEqualTo(array(array.getName()).toFloatArray());
            }
        }
    }

    @Test
    void keepsTheNewest() {
        assertThat(checkpoints.newest()).isEmpty();
        for (int step : new int[] {9, 10, 999_999, 1_000_000}) {
            write(step);
        }
        assertThat(names()).containsExactly("step-1000000", "step-999999");
        assertThat(checkpoints.required().step()).isEqualTo(1_000_000);
        assertThat(checkpoints.required().model()).isEqualTo(MODEL);
    }

    @Test
    void aFailedWriteLeavesTheLastGoodOne() throws IOException {
        write(1);
        AtomicFiles.Content<Path> fails =
                partial -> {
                    throw new IOException("No space left on device");
                };
        assertThatThrownBy(() -> write(2, fails))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageStartingWith("Cannot write the checkpoint " + path(2))
                .hasMessageContaining("No space left on device");
        assertThat(names()).containsExactly("step-000001");
        Files.createDirectories(path(2).resolveSibling("step-000002.tmp")); // left by a crash
        assertThat(checkpoints.required().step()).isEqualTo(1);
        write(2);
        assertThat(names()).containsExactly("step-000001", "step-000002");
    }

    @Test
    void aDamagedCheckpointIsPassedOverUnlessAskedFor() throws IOException {
        write(1);
        write(3);
        assertThat(checkpoints.exactly(1).step()).isEqualTo(1);
        assertThat(checkpoints.exactly(null).step()).isEqualTo(3);
        assertThatThrownBy(() -> checkpoints.exactly(2))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("no checkpoint of --step 2; there are [1, 3]");
        Files.writeString(path(3).resolve(FILE), "other");
        assertThat(checkpoints.required().step()).isEqualTo(1);
        assertRefused(() -> checkpoints.exactly(null), "step-000003 is damaged");
        Files.delete(path(1).resolve(FILE));
        assertRefused(checkpoints::newest, "Every checkpoint", "damaged");
    }

    @Test
    void refusesAnotherArchitecture() {
        write(1);
        Checkpoints.Checkpoint checkpoint = checkpoints.required();
        checkpoint.requireModel(MODEL);
        assertRefused(() -> checkpoint.requireModel(MODEL.withDropout(0)), "another architecture");
    }

    private void write(int step) {
        write(step, partial -> {});
    }

    private void write(int step, AtomicFiles.Content<Path> more) {
        checkpoints.write(step, MODEL, 2, name -> array(name).toFloatArray(), more);
    }

    private NDArray array(String name) {
        return gpt2.getParameters().get(name).getArray();
    }

    private Path path(int step) {
        return Runs.checkpoint(directory, step);
    }

    private String[] names() {
        try (Stream<Path> files = Files.list(directory.resolve("checkpoints"))) {
            return files.map(file -> file.getFileName().toString()).sorted().toArray(String[]::new);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
