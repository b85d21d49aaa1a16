package io.github.djlspectral.zoo;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.nn.SequentialBlock;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What Ctrl-C leaves of a publication: nothing. */
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
            assertThat(output.readLine()).isEqualTo("writing");
            process.destroy();
            process.waitFor();
        } finally {
            process.destroyForcibly();
        }
        try (Stream<Path> files = Files.walk(directory)) {
            assertThat(files.filter(Files::isRegularFile))
                    .containsExactly(directory.resolve(".lock"));
        }
    }

    /** Stands for a trained block, of which the publication does not come to the parameters. */
    private static final class NeverWritten extends SequentialBlock {
        @Override
        public boolean isInitialized() {
            return true;
        }
    }

    /** Publishes for ever. */
    static final class Writer {

        private Writer() {}

        /** Takes the repository to publish to. */
        public static void main(String[] arguments) {
            new Publisher(Path.of(arguments[0]))
                    .publish(
                            Publication.builder()
                                    .setCoordinates(TinyModel.coordinates("1.0.0"))
                                    .setBlock(new NeverWritten())
                                    .setBlockFactory(Gpt2BlockFactory.class, Map.of())
                                    .optFile("a.bin", Writer::writeForEver)
                                    .build());
        }

        private static void writeForEver(OutputStream out) throws IOException {
            out.write(new byte[1 << 20]);
            System.out.println("writing");
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
        }
    }
}
