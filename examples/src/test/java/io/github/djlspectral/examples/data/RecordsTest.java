package io.github.djlspectral.examples.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.TextRecord;
import io.github.djlspectral.text.TokenShard;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RecordsTest {

    private final ByteArrayOutputStream messages = new ByteArrayOutputStream();
    @TempDir private Path folder;
    private Path file;
    private CorpusLoader loader;

    @BeforeEach
    void createLoader() {
        file = folder.resolve("a.jsonl");
        loader = new CorpusLoader(folder.resolve("cache"), new PrintStream(messages, true));
    }

    private static String lines(int count) {
        String line = "{\"prompt\": \"p%s\", \"completion\": \"é%s\"}";
        return IntStream.range(0, count)
                .mapToObj(i -> line.formatted(i, i))
                .collect(Collectors.joining("\n"));
    }

    private Corpus load(String lines, Tokenization tokenization) throws IOException {
        return loader.load(Files.writeString(file, lines).toString(), tokenization);
    }

    private static String text(Corpus corpus, TokenShard shard) {
        int[] tokens = new int[(int) shard.length()];
        shard.read(0, tokens);
        return corpus.tokenizer().decode(tokens);
    }

    @ParameterizedTest
    @EnumSource(Tokenization.class)
    void lastTenthOfTheRecordsIsForValidation(Tokenization tokenization) throws IOException {
        try (Corpus corpus = load(lines(11), tokenization)) {
            String end = tokenization.isGpt2() ? Tokenizer.END_OF_TEXT_MARK : "\0";
            String train = "p0é0|p1é1|p2é2|p3é3|p4é4|p5é5|p6é6|p7é7|p8é8|";
            assertThat(text(corpus, corpus.train().get(0))).isEqualTo(train.replace("|", end));
            TokenShard unseen = corpus.validation().get(0);
            assertThat(text(corpus, unseen)).isEqualTo("p9é9|p10é10|".replace("|", end));
            assertThat(corpus.tokenizer().endOfText())
                    .containsExactly(tokenization.isGpt2() ? Tokenizer.END_OF_TEXT : 0);
            assertThat(corpus.tokenizer().decode(corpus.prompt())).isEqualTo("p9");
            long learned =
                    IntStream.range(0, (int) unseen.length()).filter(unseen::isLearned).count();
            // é9 and é10 are 7 bytes
            assertThat(corpus.bytesPerToken()).isEqualTo(7.0 / learned, within(1e-12));
            assertThat(corpus.description()).contains("a.jsonl (the last 2 of 11 records held out");
        }
    }

    @Test
    void samplesBeginWithTheFirstPromptOrTheFirstTokens() throws IOException {
        String text = lines(11).replaceAll(".*p9.*", "{\"text\": \"t9\"}");
        try (Corpus corpus = load(text, Tokenization.BYTES)) {
            assertThat(corpus.tokenizer().decode(corpus.prompt())).isEqualTo("p10");
        }
        String texts = "{\"text\": \"once upon a time there was\"}\n".repeat(2);
        try (Corpus corpus = load(texts, Tokenization.BYTES)) {
            assertThat(corpus.tokenizer().decode(corpus.prompt())).isEqualTo("once upon a time");
        }
    }

    @Test
    void tokensAreMadeOnceForEachMask() throws IOException {
        load(lines(9), Tokenization.BYTES).close();
        load(lines(9), Tokenization.BYTES).close();
        assertThat(messages.toString(StandardCharsets.UTF_8)).containsOnlyOnce("Tokenizing");
        String moved = lines(9).replace("p0\", \"completion\": \"", "\", \"completion\": \"p0");
        assertThat(moved).isNotEqualTo(lines(9));
        try (Corpus corpus = load(moved, Tokenization.BYTES)) {
            assertThat(corpus.train().get(0).isLearned(0)).isTrue();
            assertThat(corpus.train().get(0).isLearned(6)).isFalse();
        }
    }

    @Test
    void uselessRecordsAreReported() throws IOException {
        assertRefused("", "a.jsonl is empty");
        assertRefused("\n", "a.jsonl has no records");
        assertRefused(lines(1), "a.jsonl has one record: give more");
        assertRefused(lines(3) + "\n{\"prompts\": \"\"}", "a.jsonl, line 4: unknown key 'prompts'");
        Files.write(file, new byte[] {'{', (byte) 0xFF, '}'});
        assertThatThrownBy(() -> loader.load(file.toString(), Tokenization.BYTES))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("a.jsonl is not UTF-8 text: byte 1");
        Path shard = folder.resolve("only.bin");
        Tokenizer gpt2 = Tokenization.GPT2.tokenizerFor("");
        TokenShard.write(shard, List.of(new TextRecord("a", "b")), gpt2);
        assertThatThrownBy(() -> loader.load(shard.toString(), Tokenization.GPT2))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("only.bin has records: give the JSON lines");
    }

    private void assertRefused(String lines, String message) {
        assertThatThrownBy(() -> load(lines, Tokenization.CHARS))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(message)
                .hasMessageNotContaining("\n");
    }

    @Test
    void anOlderTokenizerIsGivenAnEndOfTextOrRefused() throws IOException {
        String data = Files.writeString(file, lines(9)).toString();
        try (Corpus corpus = loader.load(data, Tokenization.BYTES.tokenizerFor(""))) {
            assertThat(corpus.tokenizer().endOfText()).containsExactly(0);
        }
        Tokenizer without = Tokenization.GPT2.tokenizerFor("").withEndOfText(List.of());
        try (Corpus corpus = loader.load(data, without)) {
            assertThat(corpus.tokenizer().endOfText()).containsExactly(Tokenizer.END_OF_TEXT);
        }
        assertThatThrownBy(() -> loader.load(data, Tokenization.CHARS.tokenizerFor("pé0123456789")))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("vocabulary of characters lacks it");
    }
}
