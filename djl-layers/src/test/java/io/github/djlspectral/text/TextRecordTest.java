package io.github.djlspectral.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TextRecordTest {

    private static final char END = '.';
    private static final Tokenizer BYTES =
            Tokenization.BYTES.tokenizerFor("").withEndOfText(List.of((int) END));

    @TempDir private Path folder;
    private Path file;

    @BeforeEach
    void nameTheFile() {
        file = folder.resolve("records.bin");
    }

    private TokenShard shard(Tokenizer tokenizer, TextRecord... records) {
        TokenShard.write(file, List.of(records), tokenizer);
        return TokenShard.open(file, tokenizer.vocabSize());
    }

    private static TextRecord text(String text) {
        return new TextRecord("", text);
    }

    private static long[] longs(int... values) {
        return Arrays.stream(values).asLongStream().toArray();
    }

    @Test
    void bothFormsAreReadFromLines() {
        String lines =
                """
                {"prompt": "2 + 2 =", "completion": " 4"}

                {"text": "a\\nb \\u00e4 \\ud83d\\ude00"}\r
                {"completion": "", "prompt": "x"}
                """;
        assertThat(TextRecord.parse(lines, "a.jsonl"))
                .containsExactly(
                        new TextRecord("2 + 2 =", " 4"),
                        text("a\nb ä 😀"),
                        new TextRecord("x", ""));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "no JSON                                           | it is not one JSON object: write {",
                "[]                                                | it is not one JSON object",
                "{\"text\": \"a\"                                  | it is not one JSON object",
                "{\"text\": \"a\",}                                | it is not one JSON object",
                "{'text': 'a'}                                     | it is not one JSON object",
                "{\"text\": \"a\"} {}                              | it is not one JSON object",
                "{\"text\": 7}                                     | 'text' is NUMBER",
                "{\"prompt\": null, \"completion\": \"b\"}         | 'prompt' is NULL",
                "{\"text\": \"a\", \"label\": \"b\"}               | unknown key 'label'",
                "{\"text\": \"a\", \"text\": \"b\"}                | 'text' is there twice",
                "{\"prompt\": \"a\"}                               | keys [prompt]: write {",
                "{\"completion\": \"a\"}                           | keys [completion]: write {",
                "{}                                                | keys []: write {",
                "{\"text\": \"a\", \"prompt\": \"b\", \"completion\": \"c\"} | it has the keys [",
                "{\"text\": \"\"}                                  | The record is empty",
                "{\"prompt\": \"\", \"completion\": \"\"}          | The record is empty",
                "{\"text\": \"\\ud800\"}                           | half a surrogate pair"
            })
    void whatIsNoRecordIsRefusedByLine(String line, String fault) {
        String lines = "{\"text\": \"a\"}\n\n" + line + "\n{\"text\": \"b\"}\n";
        assertThatThrownBy(() -> TextRecord.parse(lines, "a.jsonl"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContainingAll("a.jsonl, line 3: ", fault);
    }

    @Test
    void noRecordAtAllIsRefused() {
        assertThatThrownBy(() -> TextRecord.parse(" \n\n", "a.jsonl"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("a.jsonl has no records: write {\"prompt\"");
        assertThatThrownBy(() -> TokenShard.write(file, List.of(), BYTES))
                .isInstanceOf(BadInputException.class);
        assertThatThrownBy(() -> shard(Tokenization.BYTES.tokenizerFor(""), text("a")))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("tokenizer bytes has no end of text");
        Tokenizer padded = Tokenization.GPT2.tokenizerFor("").withEndOfText(List.of(50300));
        assertThatThrownBy(() -> shard(padded, text("a"))).isInstanceOf(BadInputException.class);
    }

    @Test
    void promptsAreMaskedAndEndsAreLearnedWhateverTheTokenizer() {
        TextRecord[] records = {new TextRecord("ab", "ba"), text("aa"), new TextRecord("b", "")};
        int[] learned = {0, 0, 1, 1, 1, 1, 1, 1, 0, 1};
        Tokenizer chars = Tokenization.CHARS.tokenizerFor("ab\0").withEndOfText(List.of(0));
        assertTokens(chars, records, new int[] {1, 2, 2, 1, 0, 1, 1, 0, 2, 0}, learned);
        int[] bytes = {'a', 'b', 'b', 'a', END, 'a', 'a', END, 'b', END};
        assertTokens(BYTES, records, bytes, learned);
        Tokenizer gpt2 = Tokenization.GPT2.tokenizerFor("");
        assertThat(gpt2.encode("Hello world")).containsExactly(15496, 995);
        int[] tokens = {15496, 995, 50256, 15496, 50256};
        TextRecord[] words = {new TextRecord("Hello", " world"), text("Hello")};
        assertTokens(gpt2, words, tokens, new int[] {0, 1, 1, 1, 1});
    }

    private void assertTokens(Tokenizer tokenizer, TextRecord[] records, int[] all, int[] learned) {
        try (TokenShard shard = shard(tokenizer, records)) {
            assertThat(shard.hasRecords()).isTrue();
            assertThat(shard.length()).isEqualTo(all.length);
            int[] tokens = new int[all.length];
            shard.read(0, tokens);
            assertThat(tokens).isEqualTo(all);
            assertThat(IntStream.range(0, all.length).map(i -> shard.isLearned(i) ? 1 : 0))
                    .containsExactly(Arrays.stream(learned).boxed().toArray(Integer[]::new));
            // a part keeps its marks
            TokenShard part = shard.slice(1, all.length - 1L);
            assertThat(part.isLearned(0)).isEqualTo(learned[1] == 1);
            assertThatThrownBy(() -> part.isLearned(all.length - 2L))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void theChecksumIsOfMarksToo() {
        long before = shard(BYTES, new TextRecord("ab", "c")).checksum();
        assertThat(shard(BYTES, new TextRecord("a", "bc")).checksum()).isNotEqualTo(before);
        assertThat(shard(BYTES, new TextRecord("ab", "c")).checksum()).isEqualTo(before);
    }

    @Test
    void aDamagedFileIsRefused() throws IOException {
        shard(BYTES, text("abc")).close();
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, bytes.length - 2));
        assertThatThrownBy(() -> TokenShard.open(file, 256))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("promises 4 tokens, 1040 bytes");
        bytes[12] = 2;
        Files.write(file, bytes);
        assertThatThrownBy(() -> TokenShard.open(file, 256))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("has 2 as its fourth number");
    }

    /** Windows of 4, so 5 tokens: two records, one cut, then those that fit, padding. */
    @Test
    void windowsHaveWholeRecordsAndPadding() {
        TokenShard shard =
                shard(
                        BYTES,
                        text("a"),
                        new TextRecord("b", ""),
                        new TextRecord("cdefghi", "jk"),
                        text("l"),
                        new TextRecord("m", "nop"),
                        text("q"));
        TokenBatches batches = TokenBatches.inOrder(List.of(shard), 2, 4);
        assertThat(batches.count()).isEqualTo(3);
        // c d e f g has a window of its own, in which nothing is learned
        TokenBatches.Tokens first = batches.batch(0);
        assertThat(first.inputs()).containsExactly(longs('a', END, 'b', END, 'g', 'h', 'i', 'j'));
        assertThat(first.targets()).containsExactly(longs(END, -1, END, -1, -1, -1, 'j', 'k'));
        assertThat(batches.learned(0)).isEqualTo(4);
        TokenBatches.Tokens second = batches.batch(1);
        assertThat(second.inputs()).containsExactly(longs('k', END, 'l', END, 'm', 'n', 'o', 'p'));
        assertThat(second.targets()).containsExactly(longs(END, 'l', END, -1, 'n', 'o', 'p', END));
        assertThat(batches.learned(1)).isEqualTo(7);
        assertThat(batches.batch(2).inputs()).containsExactly(longs('q', END, END, END));
        assertThat(batches.batch(2).targets()).containsExactly(longs(END, -1, -1, -1));
    }

    @Test
    void everyTokenToLearnIsATargetOnceInSomeWindowAndBatchesSayHowMany() {
        Random random = new Random(3);
        for (int trial = 0; trial < 200; trial++) {
            int context = 1 + random.nextInt(12);
            List<TextRecord> records = new ArrayList<>();
            for (int i = 0; i < 1 + random.nextInt(9); i++) {
                String prompt = "p".repeat(random.nextInt(20));
                records.add(new TextRecord(prompt, "c".repeat(1 + random.nextInt(20))));
            }
            try (TokenShard shard = shard(BYTES, records.toArray(TextRecord[]::new))) {
                TokenBatches batches = TokenBatches.inOrder(List.of(shard), 3, context);
                long ends = 0;
                long letters = 0;
                for (long i = 0; i < batches.count(); i++) {
                    long[] targets = batches.batch(i).targets();
                    assertThat(LongStream.of(targets).filter(t -> t >= 0).count())
                            .isEqualTo(batches.learned(i));
                    assertThat(LongStream.of(targets)).doesNotContain((long) 'p');
                    ends += LongStream.of(targets).filter(t -> t == END).count();
                    letters += LongStream.of(targets).filter(t -> t == 'c').count();
                    assertEachWindowLearns(targets, context);
                }
                assertThat(ends).isEqualTo(records.size());
                long all = records.stream().mapToInt(r -> r.completion().length()).sum();
                long first = records.stream().filter(r -> r.prompt().isEmpty()).count();
                // the first token of a window is no target
                assertThat(letters).isBetween(all - first, all);
            }
        }
    }

    private static void assertEachWindowLearns(long[] targets, int context) {
        for (int i = 0; i < targets.length; i += context) {
            long[] window = Arrays.copyOfRange(targets, i, i + context);
            assertThat(LongStream.of(window).max().orElseThrow()).isNotNegative();
        }
    }

    @Test
    void randomWindowsOfRecordsAreAFunctionOfSeedAndNumber() {
        TextRecord[] records =
                IntStream.range(0, 26)
                        .mapToObj(i -> new TextRecord("" + (char) ('A' + i), "" + (char) ('a' + i)))
                        .toArray(TextRecord[]::new);
        TokenShard marked = shard(BYTES, records);
        Path other = folder.resolve("text.bin");
        TokenShard.write(other, IntStream.range(100, 130).toArray());
        TokenShard plain = TokenShard.open(other, 256);
        List<TokenShard> both = List.of(marked, plain, marked);
        TokenBatches batches = TokenBatches.random(both, 4, 8, 5);
        TokenBatches again = TokenBatches.random(both, 4, 8, 5);
        List<Long> starts = new ArrayList<>();
        for (long i = 99; i >= 0; i--) {
            TokenBatches.Tokens batch = batches.batch(i);
            assertThat(again.batch(99 - i).inputs()).isEqualTo(batches.batch(99 - i).inputs());
            long learned = LongStream.of(batch.targets()).filter(t -> t >= 0).count();
            assertThat(batches.learned(i)).isEqualTo(learned);
            for (int row = 0; row < 4; row++) {
                starts.add(batch.inputs()[8 * row]);
                boolean text = batch.inputs()[8 * row] >= 100;
                long[] targets = Arrays.copyOfRange(batch.targets(), 8 * row, 8 * row + 8);
                // three records of three tokens, or all of a text
                assertThat(LongStream.of(targets).filter(t -> t >= 0).count())
                        .isEqualTo(text ? 8 : targets[7] == -1 ? 4 : 6);
            }
        }
        // windows of records begin with every third one's prompt
        assertThat(starts.stream().filter(t -> t < 100).distinct().sorted())
                .containsExactly(65L, 68L, 71L, 74L, 77L, 80L, 83L, 86L, 89L);
        assertThat(starts.stream().filter(t -> t >= 100).distinct()).hasSize(22);
    }
}
