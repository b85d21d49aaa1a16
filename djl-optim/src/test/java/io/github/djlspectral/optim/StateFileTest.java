package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateFileTest {

    @TempDir private Path directory;

    @Test
    void leavesNoFileOpen() throws IOException {
        Path open = Path.of("/proc/self/fd");
        assumeTrue(Files.exists(open), "a list of open files");
        Path file = directory.resolve("state");
        StateFile.write(file, new byte[] {1, 2}, 0, body -> {});
        assertThat(handles(open, file)).isZero();
        try (StateFile state = StateFile.open(file)) {
            assertThat(handles(open, file)).isEqualTo(1);
            assertThat(state.verify()).containsExactly(1, 2);
        }
        assertThat(handles(open, file)).isZero();
    }

    private static long handles(Path open, Path file) throws IOException {
        try (Stream<Path> links = Files.list(open)) {
            return links.filter(link -> leadsTo(link, file)).count();
        }
    }

    /** Handles of other threads may be gone by the time they are looked at. */
    private static boolean leadsTo(Path link, Path file) {
        try {
            return Files.readSymbolicLink(link).equals(file.toRealPath());
        } catch (IOException e) {
            return false;
        }
    }

    /** A file cut off within its first numbers is told by its length, as any other. */
    @Test
    void aFileTooShortForItsPrefixIsNamedSo() throws IOException {
        Path file = directory.resolve("state");
        for (int length : new int[] {0, 20, 31}) {
            Files.write(file, new byte[length]);
            try (StateFile state = StateFile.open(file)) {
                assertThatThrownBy(state::verify)
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("only " + length + " bytes");
            }
        }
    }

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
