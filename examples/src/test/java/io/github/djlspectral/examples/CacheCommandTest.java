package io.github.djlspectral.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.data.CorpusLoader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CacheCommandTest {

    @TempDir private Path directory;

    @Test
    void clearsWhatThisProgramWritesAndNothingElse() throws IOException {
        Path tokens = directory.resolve("tokens/some/train.bin");
        Path download = directory.resolve("downloads/x.txt");
        Path other = directory.resolve("mine/x.txt");
        for (Path file : new Path[] {tokens, download, other}) {
            Files.createDirectories(file.getParent());
            Files.write(file, new byte[3 << 20]);
        }
        assertThat(CacheCommand.run(directory, false))
                .containsExactly(
                        "       3.0 MiB in " + directory.resolve("downloads"),
                        "       3.0 MiB in " + directory.resolve("tokens"));
        assertThat(tokens).exists();
        assertThat(CacheCommand.run(directory, true))
                .containsExactly(
                        "       3.0 MiB deleted from " + directory.resolve("downloads"),
                        "       3.0 MiB deleted from " + directory.resolve("tokens"));
        assertThat(CorpusLoader.folders(directory)).noneMatch(Files::exists);
        assertThat(other).exists();
    }
}
