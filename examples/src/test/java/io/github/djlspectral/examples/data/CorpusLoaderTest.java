package io.github.djlspectral.examples.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.commons.codec.digest.DigestUtils;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CorpusLoaderTest {

    private static final String TEXT = "The quick brown fox jumps over the lazy dog.\n".repeat(20);

    private final ByteArrayOutputStream messages = new ByteArrayOutputStream();
    @TempDir private Path folder;
    private Path cache;
    private Path set;
    private CorpusLoader loader;

    @BeforeEach
    void createLoader() {
        cache = folder.resolve("cache");
        set = folder.resolve("set");
        loader = new CorpusLoader(cache, new PrintStream(messages, true));
    }

    private String file(String name, String text) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, text).toString();
    }

    private static String text(Tokenizer tokenizer, List<TokenShard> shards) {
        StringBuilder text = new StringBuilder();
        for (TokenShard shard : shards) {
            int[] tokens = new int[(int) shard.length()];
            shard.read(0, tokens);
            text.append(tokenizer.decode(tokens));
        }
        return text.toString();
    }

    private String train(Corpus corpus) {
        return text(corpus.tokenizer(), corpus.train());
    }

    private String validation(Corpus corpus) {
        return text(corpus.tokenizer(), corpus.validation());
    }

    private int tokenizations() {
        return messages.toString(StandardCharsets.UTF_8).split("Tokenizing", -1).length - 1;
    }

    /** The default corpus is part of what every figure of this project means. */
    @Test
    void defaultCorpusIsPinned() {
        try (Corpus corpus = loader.load(CorpusLoader.DEFAULT, Tokenization.GPT2)) {
            assertThat(Corpus.length(corpus.train())).isEqualTo(1_321_172);
            assertThat(Corpus.length(corpus.validation())).isEqualTo(148_831);
            String train = train(corpus);
            String validation = validation(corpus);
            byte[] all = (train + validation).getBytes(StandardCharsets.UTF_8);
            assertThat(all).hasSize(3_815_666);
            assertThat(DigestUtils.sha256Hex(all))
                    .isEqualTo("a58b06f4abc4d17676d13ca84c5f5340f614af7a0f9008c63b07717dfabd55ce");
            int bytes = validation.getBytes(StandardCharsets.UTF_8).length;
            assertThat(corpus.bytesPerToken())
                    .isEqualTo((double) bytes / Corpus.length(corpus.validation()), within(1e-12));
            assertThat(corpus.description()).startsWith("commons-lang: ").contains("gpt2");
        }
    }

    @Test
    void lastTenthIsForValidationButNoCharacterIsCutInTwo() throws IOException {
        String text = "a".repeat(8) + "😀b";
        try (Corpus corpus = loader.load(file("a.txt", text), Tokenization.BYTES)) {
            assertThat(train(corpus)).isEqualTo("a".repeat(8));
            assertThat(validation(corpus)).isEqualTo("😀b");
        }
    }

    @Test
    void tokensAreMadeOnce() throws IOException {
        String data = file("a.txt", TEXT);
        loader.load(data, Tokenization.GPT2).close();
        loader.load(data, Tokenization.GPT2).close();
        assertThat(tokenizations()).isEqualTo(1);
        loader.load(data, Tokenization.BYTES).close();
        assertThat(tokenizations()).isEqualTo(2);
        file("a.txt", TEXT + "More.");
        try (Corpus corpus = loader.load(data, Tokenization.BYTES)) {
            assertThat(validation(corpus)).endsWith("More.");
        }
    }

    @Test
    void cacheDependsOnTheVocabulary() throws IOException {
        String data = file("a.txt", TEXT);
        try (Corpus own = loader.load(data, Tokenization.CHARS);
                Corpus other = loader.load(data, Tokenization.CHARS.tokenizerFor(TEXT + "!#$"))) {
            assertThat(other.validation().get(0).token(0))
                    .isEqualTo(own.validation().get(0).token(0) + 3);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"train.bin", "validation.bin"})
    void interruptedCacheIsMadeAgain(String damaged) throws IOException {
        String data = file("a.txt", TEXT);
        loader.load(data, Tokenization.BYTES).close();
        Path entry;
        try (Stream<Path> files = Files.walk(cache)) {
            entry = files.filter(file -> file.endsWith(damaged)).findAny().orElseThrow();
        }
        for (int length : new int[] {0, 10}) {
            Files.write(entry, Arrays.copyOf(Files.readAllBytes(entry), length));
            try (Corpus corpus = loader.load(data, Tokenization.BYTES)) {
                assertThat(train(corpus) + validation(corpus)).isEqualTo(TEXT);
            }
        }
        Files.delete(entry);
        loader.load(data, Tokenization.BYTES).close();
        assertThat(tokenizations()).isEqualTo(4);
    }

    @Test
    void textsOfAFolderAreSplitAsFarAsTheyAreNot() throws IOException {
        file("set/valid.txt", "valid ".repeat(10));
        file("set/test.txt", "test ".repeat(10));
        try (Corpus corpus = loader.load(set.toString(), Tokenization.BYTES)) {
            assertThat(train(corpus)).isEqualTo("test ".repeat(10));
            assertThat(validation(corpus)).isEqualTo("valid ".repeat(10));
            assertThat(corpus.description())
                    .contains("training on test.txt, validating on valid.txt");
        }
        file("set/train.txt", TEXT);
        try (Corpus corpus = loader.load(set.toString(), Tokenization.BYTES)) {
            assertThat(train(corpus)).isEqualTo(TEXT);
            assertThat(validation(corpus)).isEqualTo("valid ".repeat(10));
        }
        Files.delete(set.resolve("valid.txt"));
        try (Corpus corpus = loader.load(set.toString(), Tokenization.BYTES)) {
            assertThat(train(corpus)).isEqualTo(TEXT.substring(0, 810));
        }
    }

    @Test
    void folderOfShardsIsSplitByName() {
        int[] tokens = Tokenization.GPT2.tokenizerFor("").encode(TEXT);
        TokenShard.write(set.resolve("x_train_000002.bin"), new int[] {2, 2});
        TokenShard.write(set.resolve("x_train_000001.bin"), new int[] {1, 1, 1});
        TokenShard.write(set.resolve("x_val_000000.bin"), tokens);
        TokenShard.write(set.resolve("interval.bin"), new int[] {3});
        TokenShard.write(set.resolve("y_medieval_000000.bin"), new int[] {4, 4, 4, 4});
        try (Corpus corpus = loader.load(set.toString(), Tokenization.GPT2)) {
            assertThat(corpus.train())
                    .extracting(TokenShard::length)
                    .containsExactly(1L, 3L, 2L, 4L);
            assertThat(validation(corpus)).isEqualTo(TEXT);
            assertThat(corpus.bytesPerToken())
                    .isEqualTo((double) TEXT.length() / tokens.length, within(1e-12));
        }
    }

    @Test
    void markBetweenDocumentsHasNoBytes() {
        TokenShard.write(set.resolve("train.bin"), new int[] {1});
        TokenShard.write(set.resolve("val.bin"), new int[] {50256, 15496, 11, 995, 0});
        try (Corpus corpus = loader.load(set.toString(), Tokenization.GPT2)) {
            assertThat(corpus.bytesPerToken()).isEqualTo(13 / 5.0);
        }
    }

    @Test
    void markInATextHasNoBytesWhenItSeparatesDocuments() throws IOException {
        String text = "ab<|endoftext|>".repeat(200);
        String data = file("a.txt", text);
        try (Corpus plain = loader.load(data, Tokenization.GPT2);
                Corpus separated = loader.load(data, Tokenization.of("gpt2-eot"))) {
            assertThat(separated.bytesPerToken()).isEqualTo(1);
            assertThat(separated.train().get(0).token(1)).isEqualTo(50256);
            assertThat(Corpus.length(plain.train()))
                    .isGreaterThan(Corpus.length(separated.train()));
        }
    }

    @Test
    void aVocabularyOfNanoGptIsNamed() throws IOException {
        TokenShard.write(set.resolve("train.bin"), IntStream.range(0, 95).toArray());
        Files.createFile(set.resolve("meta.pkl"));
        for (Path path : List.of(set, set.resolve("train.bin"))) {
            for (Tokenization tokenization : Tokenization.values()) {
                assertRefused(path.toString(), tokenization, "vocabulary in nanoGPT's", "meta.pkl");
            }
        }
    }

    @Test
    void aPointerOfGitIsNoData() throws IOException {
        String pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 11\n";
        for (String name : List.of("train.bin", "train.txt")) {
            Path file = Files.writeString(folder.resolve(name), pointer);
            assertRefused(file.toString(), name + " is a Git LFS pointer");
        }
    }

    @Test
    void shardsWithoutValidationGiveTheirLastTenth() {
        TokenShard.write(set.resolve("a.bin"), IntStream.range(0, 95).toArray());
        TokenShard.write(set.resolve("b.bin"), IntStream.range(100, 105).toArray());
        try (Corpus corpus = loader.load(set.toString(), Tokenization.BYTES)) {
            assertThat(corpus.train()).extracting(TokenShard::length).containsExactly(90L);
            assertThat(corpus.validation()).extracting(TokenShard::length).containsExactly(5L, 5L);
            assertThat(corpus.validation().get(0).token(0)).isEqualTo(90);
            assertThat(corpus.validation().get(1).token(4)).isEqualTo(104);
        }
    }

    @Test
    void shardsOfAnotherTokenizerAreReported() {
        Path shard = folder.resolve("only.bin");
        TokenShard.write(shard, new int[] {1, 2, 300, 4, 5, 6, 7, 8, 9, 10, 11});
        assertRefused(shard.toString(), Tokenization.BYTES, "token 300", "[0, 256)");
        assertRefused(shard.toString(), Tokenization.CHARS, "gpt2 or bytes");
    }

    @Test
    void textIsDownloadedFromAnAddress() throws IOException {
        try (FileServer server = new FileServer(TEXT.getBytes(StandardCharsets.UTF_8))) {
            String address = server.uri().toString();
            loader.load(address, Tokenization.BYTES).close();
            try (Corpus corpus = loader.load(address, Tokenization.BYTES)) {
                assertThat(train(corpus) + validation(corpus)).isEqualTo(TEXT);
                assertThat(corpus.name()).isEqualTo(address);
            }
            assertThat(server.ranges()).hasSize(1);
        }
    }

    /** Files put into the cache by hand count as downloaded. */
    @Test
    void fineWebTakesTheNumberOfShardsAskedFor() {
        Path downloads = cache.resolve("downloads").resolve("fineweb-10b");
        for (String name : List.of("val_000000", "train_000001", "train_000002")) {
            TokenShard.write(
                    downloads.resolve("fineweb_" + name + ".bin"), new int[] {15496, 11, 995});
        }
        try (Corpus one = loader.load("fineweb-10b", Tokenization.GPT2);
                Corpus two = loader.load("fineweb-10b:2", Tokenization.GPT2)) {
            assertThat(Corpus.length(one.train())).isEqualTo(3);
            assertThat(Corpus.length(two.train())).isEqualTo(6);
            assertThat(Corpus.length(two.validation())).isEqualTo(3);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"fineweb-10b:0", "fineweb-10b:104", "fineweb-10b:x", "fineweb-10b:"})
    void impossibleNumbersOfShardsAreReported(String data) {
        assertRefused(data, "1 to 103");
    }

    @Test
    void unknownNameListsTheKnownOnes() {
        assertRefused("wikitext-3", "commons-lang, tiny-shakespeare, wikitext-2, fineweb-10b");
        assertRefused("commons-lang:2", "without ':2'");
        assertRefused("", "give a path");
        assertRefused("a\0b", "no valid path");
        assertRefused("http://", "no valid URL");
        assertRefused("http:///x", "no valid URL");
    }

    @Test
    void uselessTextsAreReported() throws IOException {
        assertRefused(file("empty.txt", ""), "is empty");
        assertRefused(file("short.txt", "a"), "too short");
        Path invalid = folder.resolve("invalid.txt");
        Files.write(invalid, new byte[] {'a', 'b', (byte) 0xFF, 'c'});
        assertRefused(invalid.toString(), "byte 2 starts no character");
        Files.write(invalid, new byte[] {'a', 'b', (byte) 0xC3});
        assertRefused(invalid.toString(), "byte 2 starts no character");
        assertRefused(folder.resolve("missing.txt").toString(), "no file, folder or data set");
        Files.createDirectories(folder.resolve("nothing"));
        assertRefused(folder.resolve("nothing").toString(), "neither token shards");
        TokenShard.write(set.resolve("val.bin"), new int[] {1});
        assertRefused(set.toString(), "validation only");
        assertRefused(set.resolve("val.bin").toString(), "has only 1 tokens");
    }

    @Test
    void cacheThatCannotBeWrittenIsReported() throws IOException {
        String data = file("a.txt", TEXT);
        file("cache", "a file where a folder is needed");
        assertThatThrownBy(() -> loader.load(data, Tokenization.BYTES))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("Cannot write");
    }

    private void assertRefused(String data, String message) {
        assertRefused(data, Tokenization.BYTES, message);
    }

    private void assertRefused(String data, Tokenization tokenization, String... words) {
        assertThatThrownBy(() -> loader.load(data, tokenization))
                .isInstanceOf(BadInputException.class)
                .hasMessageContainingAll(words)
                .hasMessageNotContaining("\n");
    }
}
