package io.github.djlspectral.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AtomicFilesTest {

    @TempDir private Path directory;

    @Test
    void appearsWhenItIsComplete() {
        Path target = directory.resolve("parent/target");
        AtomicFiles.createFolder(
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
                                AtomicFiles.createFolder(
                                        target,
                                        partial -> {
                                            Files.writeString(partial.resolve("file"), "half");
                                            throw new IOException("No space left on device");
                                        }))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("No space left on device");
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void keepsWhatIsThere() throws IOException {
        Files.writeString(directory.resolve("target"), "mine");
        assertThatThrownBy(
                        () -> AtomicFiles.createFolder(directory.resolve("target"), partial -> {}))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("already exists");
        assertThat(directory.resolve("target")).hasContent("mine");
    }

    @Test
    void replacesAFolderAndWhatACrashHasLeft() throws IOException {
        Path folder = directory.resolve("step");
        Files.createDirectory(folder);
        Files.writeString(folder.resolve("old"), "");
        assertThatThrownBy(() -> AtomicFiles.replaceFolder(folder, partial -> fail("no space")))
                .hasMessageContaining("Cannot write " + folder)
                .hasRootCauseMessage("no space");
        assertThat(folder.resolve("old")).exists();
        Path left = Files.createDirectory(directory.resolve("step.tmp"));
        Files.writeString(left.resolve("left"), "");
        AtomicFiles.replaceFolder(
                folder, partial -> Files.writeString(partial.resolve("new"), "text"));
        assertThat(directory.toFile().list()).containsExactly("step");
        assertThat(folder.toFile().list()).containsExactly("new");
    }

    private static void fail(String message) throws IOException {
        throw new IOException(message);
    }

    @Test
    void replacesAFileOrLeavesItAsItWas() {
        Path file = directory.resolve("parent/file");
        AtomicFiles.write(file, "first\u00e9");
        assertThatThrownBy(
                        () ->
                                AtomicFiles.write(
                                        file,
                                        channel -> {
                                            channel.write(ByteBuffer.allocate(9));
                                            fail("No space left on device");
                                        }))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("Cannot write " + file)
                .hasMessageContaining("No space left on device");
        assertThat(file).hasContent("first\u00e9");
        AtomicFiles.write(file, "second");
        assertThat(file).hasContent("second");
        assertThat(file.getParent().toFile().list()).containsExactly("file");
        assertThatThrownBy(() -> AtomicFiles.write(file.resolve("below"), ""))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("Cannot write " + file.resolve("below"));
    }

    @Test
    void aFileReplacesNoFolder() throws IOException {
        Path folder = Files.createDirectory(directory.resolve("folder"));
        assertThatThrownBy(() -> AtomicFiles.write(folder, "text"))
                .hasMessageContaining("Cannot write " + folder);
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void threadsThatWriteTheSameFileDoNotMixIt() {
        Path file = directory.resolve("file");
        AtomicFiles.write(
                file,
                channel -> {
                    CompletableFuture.runAsync(() -> AtomicFiles.write(file, "other")).join();
                    assertThat(file).hasContent("other");
                    channel.write(ByteBuffer.wrap(new byte[] {'m', 'e'}));
                });
        assertThat(file).hasContent("me");
    }

    @Test
    void deletesALinkAndNotWhatItLeadsTo() throws IOException {
        Path folder = Files.createDirectory(directory.resolve("folder"));
        Files.writeString(folder.resolve("file"), "mine");
        Path link = directory.resolve("link");
        for (Path target : List.of(folder, directory.resolve("missing"))) {
            AtomicFiles.deleteAll(Files.createSymbolicLink(link, target));
            assertThat(directory.toFile().list()).containsExactly("folder");
        }
        assertThat(folder.resolve("file")).hasContent("mine");
    }

    /** A disk that is full, and one that does not keep what it takes. */
    @ParameterizedTest
    @ValueSource(strings = {"/dev/full", "/dev/null"})
    void whatIsNotOnDiskReplacesNothing(Path device) throws IOException {
        assumeTrue(Files.exists(device), "a device");
        Path file = directory.resolve("file");
        AtomicFiles.write(file, "old");
        long pid = ProcessHandle.current().pid();
        String partial = "file." + pid + "-" + Thread.currentThread().getId() + ".tmp";
        Files.createSymbolicLink(directory.resolve(partial), device);
        assertThatThrownBy(() -> AtomicFiles.write(file, "new"))
                .isInstanceOf(UncheckedIOException.class);
        assertThat(file).hasContent("old");
        assertThat(directory.toFile().list()).containsExactly("file");
    }

    @Test
    void aFolderHasOneWriter() throws IOException {
        AtomicFiles.Lock lock = AtomicFiles.lock(directory);
        assertThatThrownBy(() -> AtomicFiles.lock(directory))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("Something else is writing to " + directory);
        lock.close();
        try (AtomicFiles.Lock next = AtomicFiles.lock(directory)) {
            assertThat(next).isNotNull();
            lock.close(); // again, which changes nothing
            assertThatThrownBy(() -> AtomicFiles.lock(directory.resolve(".")))
                    .hasMessageContaining("Something else is writing to");
            assertThat(start(Locking.class, directory).getInputStream().readAllBytes())
                    .asString()
                    .contains("Something else is writing to " + directory);
        }
        assertThatThrownBy(() -> AtomicFiles.lock(directory.resolve("no")))
                .hasMessageContaining("Cannot lock " + directory.resolve("no"));
    }

    @Test
    void aProcessThatIsEndedMeanwhileLeavesNothing() throws IOException, InterruptedException {
        Process process = start(Endless.class, directory.resolve("target"));
        assertThat(process.getInputStream().read()).isEqualTo('!'); // it has written a file
        process.destroy(); // SIGTERM, which the JVM handles as it does Ctrl-C
        process.waitFor();
        assertThat(directory).isEmptyDirectory();
    }

    private static Process start(Class<?> program, Path argument) throws IOException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String classes = System.getProperty("java.class.path");
        return new ProcessBuilder(java, "-cp", classes, program.getName(), argument.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    /** Says why it cannot lock a folder. */
    static final class Locking {

        private Locking() {}

        public static void main(String[] arguments) {
            try (AtomicFiles.Lock lock = AtomicFiles.lock(Path.of(arguments[0]))) {
                System.out.print(lock);
            } catch (UncheckedIOException e) {
                System.out.print(e.getMessage());
            }
        }
    }

    /** Writes a folder and a file for ever. */
    static final class Endless {

        private Endless() {}

        public static void main(String[] arguments) {
            AtomicFiles.createFolder(
                    Path.of(arguments[0]),
                    partial ->
                            AtomicFiles.write(
                                    partial.resolveSibling("other"),
                                    channel -> {
                                        Files.writeString(partial.resolve("file"), "half");
                                        System.out.print('!');
                                        System.out.flush();
                                        try {
                                            new CountDownLatch(1).await();
                                        } catch (InterruptedException e) {
                                            throw new IOException(e);
                                        }
                                    }));
        }
    }

    /** A crash came when the old folder had lost its name and the new one had not got it. */
    @Test
    void anOldFolderThatLostItsNameGetsItBack(@TempDir Path parent) throws IOException {
        Path folder = parent.resolve("model");
        AtomicFiles.write(parent.resolve("model.old.tmp/weights"), "old");
        assertThatThrownBy(
                        () ->
                                AtomicFiles.replaceFolder(
                                        folder,
                                        partial -> {
                                            throw new IOException("full");
                                        }))
                .hasMessageContaining("full");
        assertThat(folder.resolve("weights")).hasContent("old");
        AtomicFiles.replaceFolder(
                folder, partial -> AtomicFiles.write(partial.resolve("weights"), "new"));
        assertThat(folder.resolve("weights")).hasContent("new");
        try (Stream<Path> files = Files.list(parent)) {
            assertThat(files).containsExactly(folder);
        }
    }

    /** The new folder cannot get the name, as where an open file keeps the old one on Windows. */
    @Test
    void aFolderThatCannotBeReplacedStays(@TempDir Path parent) {
        Path folder = parent.resolve("model");
        AtomicFiles.write(folder.resolve("weights"), "old");
        assertThatThrownBy(
                        () ->
                                AtomicFiles.replaceFolder(
                                        folder,
                                        partial -> {
                                            AtomicFiles.write(partial.resolve("weights"), "new");
                                            AtomicFiles.write(
                                                    parent.resolve("model.old.tmp/in/the/way"), "");
                                        }))
                .isInstanceOf(UncheckedIOException.class);
        assertThat(folder.resolve("weights")).hasContent("old");
    }
}
