package io.github.djlspectral.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TextGeneratorTest {

    private static final int CONTEXT = 12;
    private static final Tokenizer LETTERS =
            Tokenization.CHARS.tokenizerFor("abcdefghijklmnopqrstuvwxyz .");

    private NDManager manager;
    private Gpt2 model;
    private TextGenerator generator;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
        model = LivelyModel.create(manager, LETTERS.vocabSize(), CONTEXT);
        generator = new TextGenerator(model, LETTERS, manager);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"a", "hello", "twelve chars", "a prompt that is longer than the context"})
    void greedyTokensAreThoseOfRecomputationBeyondTheContextToo(String prompt) {
        GenerationOptions greedy = new GenerationOptions().withTemperature(0).withMaxTokens(40);
        String text = generator.generate(prompt, greedy, piece -> {});
        assertThat(text).hasSize(40).isEqualTo(recomputed(prompt, 40));
        assertThat(text.chars().distinct().count()).isGreaterThan(3);
    }

    private String recomputed(String prompt, int count) {
        ParameterStore store = new ParameterStore(manager, false);
        int[] tokens = LETTERS.encode(prompt);
        int start = tokens.length;
        int windowStart = 0;
        // A prompt beyond the context is read as if it had been generated.
        for (int length = 1; length < start + count; length++) {
            if (length - windowStart > CONTEXT) {
                windowStart = length - CONTEXT / 2;
            }
            if (length < start) {
                continue;
            }
            long[] window = Arrays.stream(tokens, windowStart, length).asLongStream().toArray();
            NDArray input = manager.create(window, new Shape(1, window.length));
            NDArray logits = model.forward(store, new NDList(input), false).singletonOrThrow();
            tokens = Arrays.copyOf(tokens, length + 1);
            tokens[length] = (int) logits.get(0).get(window.length - 1).argMax().getLong();
        }
        return LETTERS.decode(Arrays.copyOfRange(tokens, start, tokens.length));
    }

    @ParameterizedTest
    @CsvSource({"1, 4", "2, 4", "3, 7", "1024, 1000", "1024, 5000", "4, 100", "5, 100"})
    void theWindowIsAtMostTheContextAndAtLeastHalf(int context, int length) {
        int start = TextGenerator.windowStart(length, context);
        assertThat(length - start).isBetween(Math.min(length, Math.max(1, context / 2)), context);
    }

    @Test
    void aTextDoesNotDependOnWhatIsGeneratedWithIt() {
        List<String> prompts = new ArrayList<>();
        List<GenerationOptions> each = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            GenerationOptions options =
                    new GenerationOptions()
                            .withMaxTokens(5 + 3 * i % 23)
                            .withTemperature(i % 4 * 0.5)
                            .withTopK(i % 3 * 5)
                            .withTopP(1 - i % 5 * 0.1)
                            .withRepetitionPenalty(1 + i % 2 * 0.3)
                            .withStops(i % 6 == 0 ? List.of("e") : List.of())
                            .withSeed(i);
            prompts.add("a prompt of letters".substring(0, 1 + i % 17));
            each.add(options);
        }
        List<String> alone = new ArrayList<>();
        for (int i = 0; i < prompts.size(); i++) {
            alone.add(generator.generate(prompts.get(i), each.get(i), piece -> {}));
        }
        assertThat(generator.generate(prompts, each)).isEqualTo(alone);
        assertThatThrownBy(() -> generator.generate(prompts, each.subList(0, 7)))
                .isInstanceOf(BadInputException.class)
                .hasMessage("There are 20 prompts, but options for 7");
        assertThat(alone).doesNotHaveDuplicates();
    }

    @Test
    void longPromptsAreReadSomeAtATime() {
        Gpt2 wide = LivelyModel.create(manager, LETTERS.vocabSize(), 256);
        TextGenerator other = new TextGenerator(wide, LETTERS, manager);
        GenerationOptions options = new GenerationOptions().withTemperature(0).withMaxTokens(5);
        List<String> prompts = new ArrayList<>();
        List<String> alone = new ArrayList<>();
        for (int i = 0; i < 15; i++) { // 3000 tokens
            prompts.add("abcdefghij".repeat(20).substring(i) + "z".repeat(i));
            alone.add(other.generate(prompts.get(i), options, piece -> {}));
        }
        assertThat(other.generate(prompts, Collections.nCopies(15, options))).isEqualTo(alone);
        assertThat(alone.stream().distinct().count()).isGreaterThan(7);
    }

    @Test
    void theSeedDeterminesTheText() {
        GenerationOptions options = new GenerationOptions().withMaxTokens(30);
        String text = generator.generate("a", options, piece -> {});
        assertThat(generator.generate("a", options, piece -> {})).isEqualTo(text);
        assertThat(generator.generate("a", options.withSeed(2), piece -> {})).isNotEqualTo(text);
    }

    @Test
    void theTextEndsBeforeAStopAndIsWhatTheSinkGot() {
        GenerationOptions options = new GenerationOptions().withMaxTokens(40);
        String all = generator.generate("a", options, piece -> {});
        String stop = all.substring(20, 23);
        GenerationOptions stopping =
                new GenerationOptions().withMaxTokens(40).withStops(List.of(stop));
        StringBuilder streamed = new StringBuilder();
        String text = generator.generate("a", stopping, streamed::append);
        assertThat(text)
                .isEqualTo(all.substring(0, all.indexOf(stop)))
                .isEqualTo(streamed.toString());
    }

    @Test
    void aRepetitionPenaltyCountsThePrompt() {
        String prompt = "abcdefghijklm";
        GenerationOptions options =
                new GenerationOptions()
                        .withTemperature(0)
                        .withMaxTokens(10)
                        .withRepetitionPenalty(1e6);
        String text = generator.generate(prompt, options, piece -> {});
        // Seen tokens have scores of nearly 0 at best: any other with a positive one is preferred.
        assertThat(prompt).doesNotContain(text.substring(0, 1));
    }

    @Test
    void tokensThatTheTokenizerLacksAreNeverDrawn() {
        Gpt2 padded = LivelyModel.create(manager, 300, CONTEXT);
        GenerationOptions options =
                new GenerationOptions().withTemperature(1000).withMaxTokens(300);
        new TextGenerator(padded, Tokenization.BYTES.tokenizerFor(""), manager)
                .generate("a", options, piece -> {});
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aTextEndsBeforeATokenThatEndsIt(boolean several) {
        GenerationOptions options = new GenerationOptions().withTemperature(0).withMaxTokens(40);
        String all = generator.generate("hello", options, piece -> {});
        int end = LETTERS.encode(all)[20];
        int first = all.indexOf(LETTERS.decode(new int[] {end}));
        Tokenizer ending = LETTERS.withEndOfText(List.of(99, end));
        TextGenerator other = new TextGenerator(model, ending, manager);
        String text =
                several
                        ? other.generate(List.of("a", "hello"), List.of(options, options)).get(1)
                        : other.generate("hello", options, piece -> {});
        assertThat(text).isEqualTo(all.substring(0, first));
    }

    @Test
    void aTokenThatOnlyThePaddedModelHasMayEndAText() {
        Gpt2 padded = LivelyModel.create(manager, 300, CONTEXT);
        Tokenizer ending = Tokenization.BYTES.tokenizerFor("").withEndOfText(List.of(257, 299));
        GenerationOptions options =
                new GenerationOptions().withTemperature(1000).withMaxTokens(9000);
        int[] pieces = {0};
        new TextGenerator(padded, ending, manager).generate("a", options, piece -> pieces[0]++);
        assertThat(pieces[0]).isLessThan(8000);
    }

    @Test
    void memoryIsFlat() {
        int before = manager.getManagedArrays().size();
        GenerationOptions options = new GenerationOptions().withMaxTokens(30);
        generator.generate("a", options, piece -> {});
        generator.generate(List.of("a", "some", "b"), Collections.nCopies(3, options));
        assertThat(generator.generate(List.of(), List.of())).isEmpty();
        assertThat(manager.getManagedArrays()).hasSize(before);
        assertThatThrownBy(
                        () ->
                                generator.generate(
                                        "a",
                                        options,
                                        piece -> {
                                            throw new IllegalStateException("full");
                                        }))
                .hasMessage("full");
        assertThat(manager.getManagedArrays()).hasSize(before);
    }

    @Test
    void badInputIsNamed() {
        GenerationOptions options = new GenerationOptions();
        assertThatThrownBy(() -> generator.generate("", options, piece -> {}))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("prompt is empty");
        for (int token : new int[] {-1, 28}) {
            assertThatThrownBy(() -> generator.generate(new int[] {0, token}, options, piece -> {}))
                    .isInstanceOf(BadInputException.class)
                    .hasMessage("The prompt has token " + token + ", but the model 0 to 27");
        }
        assertThatThrownBy(
                        () ->
                                new TextGenerator(
                                        model, Tokenization.BYTES.tokenizerFor(""), manager))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("256 tokens, but the model only 28");
    }
}
