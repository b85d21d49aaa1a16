package io.github.djlspectral.examples.bench.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ResultsFileTest {

    @TempDir private Path directory;

    @Test
    void whatIsWrittenIsReadAgain() {
        Path path = directory.resolve("deep").resolve("bench.json");
        Results results = some();
        ResultsFile.write(path, results);
        assertThat(ResultsFile.read(path)).isEqualTo(results);
        assertThat(path.getParent()).isDirectoryNotContaining("glob:**.tmp");
    }

    /**
     * A name that is a folder cannot be replaced by a file: the write fails after all was written.
     */
    @Test
    void whatCannotBeWrittenLeavesTheOldOne() throws IOException {
        Path path = directory.resolve("bench.json");
        Files.createDirectories(path.resolve("old"));
        assertThatThrownBy(() -> ResultsFile.write(path, some()))
                .isInstanceOf(UncheckedIOException.class);
        assertThat(path.resolve("old")).isDirectory();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{",
                "[]",
                "{}",
                "{\"machine\": {}, \"measurements\": [{}]}",
                "[{\"benchmark\": \"of JMH\"}]"
            })
    void anotherFileIsBadInput(String content) throws IOException {
        Path path = directory.resolve("other.json");
        Files.writeString(path, content);
        assertThatThrownBy(() -> ResultsFile.read(path))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("holds no results of the bench command");
    }

    private static Results some() {
        return new SomeResults()
                .addWithMemory(Suite.GROWTH, "width=256", "ours", 1, 1, 1, "theirs")
                .fail(Suite.ROUTES, "1x1", "svd", "no")
                .get();
    }
}
