package io.github.djlspectral.examples.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicDirectoryTest {

    @TempDir private Path directory;

    @Test
    void appearsWhenItIsComplete() {
        Path target = directory.resolve("parent/target");
        AtomicDirectory.write(
                target,
                partial -> {
                    Files.createDirectory(partial.resolve("inner"));
                    Files.writeString(partial.resolve("inner/file"), "text");
                    assertThat(target).doesNotExist();
                });
        assertThat(target.resolve("inner/file")).hasContent("text");
        assertThat(target.getParent()).isDirectoryNotContaining("glob:**.tmp");
    }

    @Test
    void aFailureLeavesNothing() {
        Path target = directory.resolve("target");
        assertThatThrownBy(
                        () ->
                                AtomicDirectory.write(
                                        target,
                                        partial -> {
                                            Files.writeString(partial.resolve("file"), "half");
                                            throw new IOException("No space left on device");
                                        }))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("No space left on device");
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void keepsWhatIsThere() throws IOException {
        Files.writeString(directory.resolve("target"), "mine");
        assertThatThrownBy(() -> AtomicDirectory.write(directory.resolve("target"), partial -> {}))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("already exists");
        assertThat(directory.resolve("target")).hasContent("mine");
    }

    @Test
    void aProcessThatIsEndedMeanwhileLeavesNothing() throws IOException, InterruptedException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String target = directory.resolve("target").toString();
        Process process =
                new ProcessBuilder(
                                java,
                                "-cp",
                                System.getProperty("java.class.path"),
                                Endless.class.getName(),
                                target)
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        assertThat(process.getInputStream().read()).isEqualTo('!'); // it has written a file
        process.destroy(); // SIGTERM, which the JVM handles as it does Ctrl-C
        process.waitFor();
        assertThat(directory).isEmptyDirectory();
    }

    /** Writes one file and waits for ever. */
    static final class Endless {

        private Endless() {}

        public static void main(String[] arguments) {
            AtomicDirectory.write(
                    Path.of(arguments[0]),
                    partial -> {
                        Files.writeString(partial.resolve("file"), "half");
                        System.out.print('!');
                        System.out.flush();
                        try {
                            new CountDownLatch(1).await();
                        } catch (InterruptedException e) {
                            throw new IOException(e);
                        }
                    });
        }
    }
}
