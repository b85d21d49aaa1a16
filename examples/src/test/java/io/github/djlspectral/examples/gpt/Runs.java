package io.github.djlspectral.examples.gpt;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.data.CorpusLoader;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** What tests do before and after runs. */
final class Runs {

    private static final int COLUMNS_WITHOUT_TIME = 6;

    private Runs() {}

    /** Loads data without a word, and keeps its tokens in this directory. */
    static CorpusLoader loader(Path directory) {
        PrintStream silent = new PrintStream(OutputStream.nullOutputStream());
        return new CorpusLoader(directory.resolve("cache"), silent);
    }

    /** Does what {@code train} does with these options; its output goes to this stream. */
    static void train(Path directory, OutputStream output, String... options) {
        PrintStream stream = new PrintStream(output, true, StandardCharsets.UTF_8);
        Training.train(TrainingOptions.given(options), loader(directory), stream);
    }

    static void train(Path directory, String... options) {
        train(directory, OutputStream.nullOutputStream(), options);
    }

    /** Asserts that two runs have the same metrics but for time, and the same last checkpoint. */
    static void assertSame(Path expected, Path actual, int lastStep) throws IOException {
        assertThat(metrics(actual)).hasSize(lastStep + 2).isEqualTo(metrics(expected));
        Path last = checkpoint(expected, lastStep);
        try (Stream<Path> files = Files.list(last)) {
            List<Path> all = files.toList();
            assertThat(all).hasSizeGreaterThanOrEqualTo(2);
            for (Path file : all) {
                assertThat(checkpoint(actual, lastStep).resolve(file.getFileName()))
                        .hasSameBinaryContentAs(file);
            }
        }
    }

    static void deleteCheckpoint(Path run, int step) throws IOException {
        Path checkpoint = checkpoint(run, step);
        try (Stream<Path> files = Files.list(checkpoint)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(checkpoint);
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
