package io.github.djlspectral.examples.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TextRecord;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HadoopShardsTest {

    private static final Tokenizer BYTES = Tokenization.BYTES.tokenizerFor("");

    @TempDir Path directory;
    private Path folder;
    private Path cache;

    @BeforeEach
    void write() {
        folder = directory.resolve("shards");
        cache = directory.resolve("cache");
        for (int i = 0; i < 5; i++) {
            shard("train_" + i + ".bin", i);
        }
        shard("val_0.bin", 9);
    }

    private void shard(String name, int first) {
        int[] tokens = IntStream.range(first, 300 + first).map(n -> n % 17 + 97).toArray();
        TokenShard.write(folder.resolve(name), tokens);
    }

    private String address() {
        return folder.toUri().toString().replace("file:/", "file:///").replace("/////", "///");
    }

    private HadoopShards find() {
        return HadoopShards.find(address());
    }

    private Corpus open() {
        return find().open(BYTES, cache);
    }

    private static int[] read(TokenShard shard) {
        int[] tokens = new int[(int) shard.length()];
        shard.read(0, tokens);
        return tokens;
    }

    private List<String> cached() throws IOException {
        if (!Files.exists(cache)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(cache)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    private static void assertRefused(ThrowingCallable action, String... messages) {
        assertThatThrownBy(action)
                .isInstanceOf(BadInputException.class)
                .hasMessageContainingAll(messages);
    }

    @Test
    void isWhatALocalFolderIs() {
        CorpusLoader loader =
                new CorpusLoader(directory, new PrintStream(OutputStream.nullOutputStream()));
        try (Corpus here = loader.load(folder.toString(), Tokenization.BYTES);
                Corpus there = loader.load(address(), Tokenization.BYTES)) {
            assertThat(there.bytesPerToken()).isEqualTo(here.bytesPerToken()).isEqualTo(1);
            assertThat(there.description()).contains("1,500 training and 300 validation");
            for (int i = 0; i < 5; i++) {
                assertThat(read(there.train().get(i))).isEqualTo(read(here.train().get(i)));
            }
            assertThat(there.prompt()).isEqualTo(here.prompt());
        }
        assertThat(CorpusLoader.isLocal(address())).isFalse();
        assertThat(CorpusLoader.isLocal("hdfs:///corpus")).isFalse();
        assertThat(CorpusLoader.isLocal("s3a://bucket/corpus")).isFalse();
        assertThat(CorpusLoader.isLocal("corpus")).isTrue();
        assertRefused(() -> loader.load(address(), Tokenization.CHARS), "use the tokenizer that");
    }

    @Test
    void aWorkerFetchesItsShareAlone() throws IOException {
        try (Corpus all = open()) {
            Corpus own = all.share(1, 3);
            assertThat(own.train()).hasSize(2);
            assertThat(cached()).isEmpty();
            own.train().forEach(HadoopShardsTest::read);
            List<String> names = cached();
            assertThat(names).hasSize(2);
            assertThat(names.get(0)).matches("train_1\\.[0-9a-f]{16}\\.bin");
            assertThat(names.get(1)).matches("train_4\\.[0-9a-f]{16}\\.bin");
            assertThat(cache.resolve(names.get(1)))
                    .hasSameBinaryContentAs(folder.resolve("train_4.bin"));
        }
        find().open(BYTES, cache, null).close(); // the driver reads the first for validation
        assertThat(cached()).hasSize(3).last().asString().startsWith("val_0.");
    }

    @Test
    void whatIsThereIsNotFetchedAgain() throws IOException {
        try (Corpus before = open();
                Corpus after = open()) {
            int[] tokens = read(before.train().get(2));
            Files.delete(folder.resolve("train_2.bin"));
            assertThat(read(after.train().get(2))).isEqualTo(tokens);
        }
    }

    @Test
    void anotherFileIsAnotherCopy() throws IOException {
        Path file = folder.resolve("train_2.bin");
        String before;
        try (Corpus corpus = open()) {
            read(corpus.train().get(2));
            before = corpus.checksum();
        }
        shard("train_2.bin", 5); // as long
        Files.setLastModifiedTime(file, FileTime.fromMillis(1_700_000_000_000L));
        try (Corpus corpus = open()) {
            assertThat(read(corpus.train().get(2))).startsWith(102, 103);
            assertThat(corpus.checksum()).isNotEqualTo(before);
        }
        assertThat(cached()).hasSize(2);
        shard("train_5.bin", 5);
        try (Corpus corpus = open()) {
            assertThat(corpus.checksum()).contains("train_5.bin");
        }
    }

    @Test
    void changeAfterTheListingIsAnError() throws IOException {
        try (Corpus corpus = open()) {
            Path file = folder.resolve("train_2.bin");
            shard("train_2.bin", 5);
            Files.setLastModifiedTime(file, FileTime.fromMillis(1_700_000_000_000L));
            TokenShard shard = corpus.train().get(2);
            String what = "/train_2.bin has changed since the run began: put it back";
            assertRefused(() -> read(shard), "file:/", what);
            Files.delete(file);
            assertThatThrownBy(() -> read(shard))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining("train_2.bin");
        }
        assertThat(cached()).isEmpty();
    }

    @Test
    void whatIsNoShardIsNamed() throws IOException {
        Path file = folder.resolve("train_2.bin");
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, whole.length - 100));
        TokenShard.write(folder.resolve("train_3.bin"), List.of(new TextRecord("a", "b")), ended());
        try (Corpus corpus = open()) {
            TokenShard cut = corpus.train().get(2);
            String promise = "/shards/train_2.bin has 1524 bytes, but its header promises 300";
            assertRefused(() -> read(cut), "file:///", promise);
            assertRefused(() -> read(corpus.train().get(3)), "train_3.bin has records");
        }
        assertThat(cached()).isEmpty();
    }

    private static Tokenizer ended() {
        return BYTES.withEndOfText(List.of(0));
    }

    @Test
    void manyMayFetchAtOnce() throws IOException {
        HadoopShards shards = find();
        List<int[]> all =
                IntStream.range(0, 16)
                        .parallel()
                        .mapToObj(i -> read(shards.open(BYTES, cache).train().get(0)))
                        .toList();
        assertThat(all).allSatisfy(tokens -> assertThat(tokens).isEqualTo(all.get(0)));
        assertThat(cached()).hasSize(1);
    }

    @Test
    void folderThatCannotBeIsRefused() throws IOException {
        assertRefused(() -> HadoopShards.find(address() + "/none"), "has 0 token shards to train");
        assertThatThrownBy(() -> HadoopShards.find("abc://here/corpus"))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("abc");
        assertRefused(() -> HadoopShards.find("s3a://b/c"), "Cannot read s3a://b/c: ", "S3A");
        Files.move(folder.resolve("val_0.bin"), folder.resolve("interval_0.bin"));
        assertRefused(this::find, "has 6 token shards to train on (*.bin) and 0 for validation");
        Files.createFile(folder.resolve("meta.pkl"));
        assertRefused(this::find, "nanoGPT's meta.pkl");
    }
}
