package io.github.djlspectral.zoo;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.io.AtomicFiles;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What Ctrl-C leaves of files that were being written: nothing. */
class StoppedWriterTest {

    @TempDir private Path directory;

    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "has no signals")
    void nothingHalfWrittenStays() throws IOException, InterruptedException {
        List<String> command =
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Writer.class.getName(),
                        directory.toString());
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().remove("JDK_JAVA_OPTIONS"); // which prints a note
        Process process = builder.start();
        try (BufferedReader output = process.inputReader()) {
            assertThat(output.readLine()).isEqualTo("writing [a.tmp, b.part, folder]");
            process.destroy();
            process.waitFor();
        } finally {
            process.destroyForcibly();
        }
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).isEmpty();
        }
    }

    /** Writes for ever, as a publication does and as all that is seen whole or not at all. */
    static final class Writer {

        private Writer() {}

        /** Takes the folder to write to. */
        public static void main(String[] arguments) throws IOException {
            Path directory = Path.of(arguments[0]);
            Publisher.Transaction transaction = new Publisher.Transaction();
            transaction.createDirectories(directory.resolve("folder"));
            try (OutputStream out = transaction.open(directory.resolve("b" + Publisher.PARTIAL))) {
                out.write(1);
                AtomicFiles.write(directory.resolve("a"), channel -> writeForEver(directory));
            }
        }

        private static void writeForEver(Path directory) throws IOException {
            try (Stream<Path> files = Files.list(directory)) {
                System.out.println(
                        "writing "
                                + files.map(file -> file.getFileName().toString())
                                        .map(name -> name.replaceFirst("\\.[0-9-]+\\.tmp", ".tmp"))
                                        .sorted()
                                        .toList());
                new CountDownLatch(1).await();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
        }
    }
}
