package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateFileTest {

    @TempDir private Path directory;

    /** The null device takes every byte and refuses to force them to a disk: it has none. */
    @Test
    void whatIsNotForcedToTheDiskReplacesNothing() throws IOException {
        Path device = Path.of("/dev/null");
        assumeTrue(Files.exists(device), "a null device");
        Path file = directory.resolve("state");
        StateFile.write(file, new byte[] {1, 2}, 0, body -> {});
        byte[] before = Files.readAllBytes(file);
        Files.createSymbolicLink(directory.resolve("state.partial"), device);
        assertThatThrownBy(() -> StateFile.write(file, new byte[] {3}, 0, body -> {}))
                .isInstanceOf(IOException.class);
        assertThat(Files.isSymbolicLink(file)).isFalse();
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }
}
