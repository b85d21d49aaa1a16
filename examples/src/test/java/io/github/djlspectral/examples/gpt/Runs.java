package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.text.BadInputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** What tests of small runs have and do. */
abstract class Runs {

    private static final int COLUMNS_WITHOUT_TIME = 6;

    @TempDir Path directory;
    Path text;
    Path run;
    private final ByteArrayOutputStream output = new ByteArrayOutputStream();

    @BeforeEach
    void writeText() throws IOException {
        text = TestText.write(directory);
        run = directory.resolve("run");
    }

    /** Does what {@code train} does with the options of a small run, and these. */
    void train(Path out, String... more) {
        command(TestText.options(text, out, more));
    }

    /** Does what {@code train} does with these options alone. */
    void command(String... options) {
        Training.train(TrainingOptions.given(options), loader(), stream());
    }

    /** Goes on without other options. */
    void resume(Path out) {
        command("--resume", "--out=" + out);
    }

    /** Returns what was said until now. */
    String output() {
        return output.toString(StandardCharsets.UTF_8);
    }

    PrintStream stream() {
        return new PrintStream(output, true, StandardCharsets.UTF_8);
    }

    /** Loads data without a word. */
    CorpusLoader loader() {
        PrintStream silent = new PrintStream(OutputStream.nullOutputStream());
        return new CorpusLoader(directory.resolve("cache"), silent);
    }

    static void assertRefused(ThrowingCallable action, String... messages) {
        assertThatThrownBy(action)
                .isInstanceOf(BadInputException.class)
                .hasMessageContainingAll(messages);
    }

    static List<Metrics.Row> rows(Path run) {
        return Metrics.read(run.resolve("metrics.csv"), Integer.MAX_VALUE);
    }

    /** Asserts that two runs have the same metrics but for time, and the same last checkpoint. */
    static void assertSame(Path expected, Path actual, int lastStep) throws IOException {
        assertThat(metrics(actual)).hasSize(lastStep + 2).isEqualTo(metrics(expected));
        try (Stream<Path> files = Files.list(checkpoint(expected, lastStep))) {
            List<Path> all = files.toList();
            assertThat(all).hasSizeGreaterThanOrEqualTo(2);
            for (Path file : all) {
                assertThat(checkpoint(actual, lastStep).resolve(file.getFileName()))
                        .hasSameBinaryContentAs(file);
            }
        }
    }

    static void deleteCheckpoint(Path run, int step) throws IOException {
        assertThat(checkpoint(run, step)).isDirectory();
        AtomicFiles.deleteAll(checkpoint(run, step));
    }

    static Path checkpoint(Path run, int step) {
        return run.resolve(String.format(Locale.ROOT, "checkpoints/step-%06d", step));
    }

    /** Returns the lines of {@code metrics.csv} without the columns that measure time. */
    private static List<String> metrics(Path run) throws IOException {
        return Files.readAllLines(run.resolve("metrics.csv")).stream()
                .map(line -> line.split(",", -1))
                .map(cells -> String.join(",", List.of(cells).subList(0, COLUMNS_WITHOUT_TIME)))
                .toList();
    }
}
