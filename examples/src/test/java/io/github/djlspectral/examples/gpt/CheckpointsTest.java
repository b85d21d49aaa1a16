package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointsTest {

    private static final Gpt2Config MODEL = new Gpt2Config(11, 8, 1, 2, 4, 0.1f, true);
    private static final int KEEP = 2;

    @TempDir private Path directory;
    private Checkpoints checkpoints;

    @BeforeEach
    void setUp() {
        checkpoints = new Checkpoints(directory.resolve("checkpoints"));
    }

    @Test
    void thereIsNoneAtFirst() {
        assertThat(checkpoints.newest()).isEmpty();
    }

    @Test
    void keepsTheNewest() {
        for (int step : new int[] {9, 10, 999_999, 1_000_000}) {
            write(step);
        }
        assertThat(names()).containsExactly("step-1000000", "step-999999");
        Checkpoints.Checkpoint newest = checkpoints.newest().orElseThrow();
        assertThat(newest.step()).isEqualTo(1_000_000);
        assertThat(newest.contents().model()).isEqualTo(MODEL);
    }

    @Test
    void aFailedWriteLeavesTheLastGoodOne() {
        write(1);
        assertThatThrownBy(
                        () ->
                                checkpoints.write(
                                        2,
                                        MODEL,
                                        KEEP,
                                        partial -> {
                                            Files.writeString(partial.resolve("file"), "half");
                                            throw new IOException("No space left on device");
                                        }))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("step-000002")
                .hasMessageContaining("No space left on device");
        assertThat(names()).containsExactly("step-000001");
        assertThat(checkpoints.newest().orElseThrow().step()).isEqualTo(1);
    }

    @Test
    void aDirectoryThatCannotBeMadeIsAClearError() throws IOException {
        Files.writeString(directory.resolve("checkpoints"), "a file in the way");
        assertThatThrownBy(() -> write(1))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("Cannot write the checkpoint");
    }

    @Test
    void whatACrashLeftBehindIsNoCheckpointAndIsReplaced() throws IOException {
        Path partial = directory.resolve("checkpoints/step-000001.tmp");
        Files.createDirectories(partial);
        Files.writeString(partial.resolve("stale"), "half");
        assertThat(checkpoints.newest()).isEmpty();
        write(1);
        assertThat(names()).containsExactly("step-000001");
        assertThat(directory.resolve("checkpoints/step-000001/stale")).doesNotExist();
    }

    @Test
    void aDamagedCheckpointIsPassedOver() throws IOException {
        write(1);
        write(2);
        Files.writeString(directory.resolve("checkpoints/step-000002/file"), "other");
        assertThat(checkpoints.newest().orElseThrow().step()).isEqualTo(1);
        Files.delete(directory.resolve("checkpoints/step-000001/file"));
        assertThatThrownBy(checkpoints::newest)
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("damaged");
    }

    @Test
    void theOneThatIsAskedForIsNotReplacedByAnother() throws IOException {
        write(1);
        write(3);
        assertThat(checkpoints.exactly(1).step()).isEqualTo(1);
        assertThat(checkpoints.exactly(null).step()).isEqualTo(3);
        assertThatThrownBy(() -> checkpoints.exactly(2))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("no checkpoint of --step 2; there are [1, 3]");
        Files.writeString(directory.resolve("checkpoints/step-000003/file"), "other");
        assertThatThrownBy(() -> checkpoints.exactly(null))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("step-000003 is damaged");
    }

    @Test
    void refusesAnotherArchitecture() {
        write(1);
        Checkpoints.Checkpoint checkpoint = checkpoints.newest().orElseThrow();
        checkpoint.requireModel(MODEL);
        assertThatThrownBy(() -> checkpoint.requireModel(MODEL.withDropout(0)))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("another architecture");
    }

    private void write(int step) {
        checkpoints.write(
                step,
                MODEL,
                KEEP,
                partial -> Files.writeString(partial.resolve("file"), "state " + step));
    }

    private String[] names() {
        try (Stream<Path> files = Files.list(directory.resolve("checkpoints"))) {
            return files.map(file -> file.getFileName().toString()).sorted().toArray(String[]::new);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
