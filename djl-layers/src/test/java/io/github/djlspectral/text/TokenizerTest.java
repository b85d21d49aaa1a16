package io.github.djlspectral.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TokenizerTest {

    /** Values of OpenAI's own GPT-2 encoder. */
    @Test
    void gpt2TokensAreThePublishedOnes() {
        Tokenizer tokenizer = Tokenization.GPT2.tokenizerFor("");
        assertThat(tokenizer.encode("Hello, world!")).containsExactly(15496, 11, 995, 0);
        assertThat(tokenizer.encode("hello world")).containsExactly(31373, 995);
        assertThat(tokenizer.encode("\n\n")).containsExactly(628);
        assertThat(tokenizer.encode("a\n\nb")).containsExactly(64, 198, 198, 65);
        assertThat(tokenizer.encode("")).isEmpty();
        assertThat(tokenizer.decode(new int[] {15496, 11, 995, 0})).isEqualTo("Hello, world!");
        assertThat(tokenizer.vocabSize()).isEqualTo(50257);
    }

    @Test
    void gpt2TreatsTheMarkBetweenDocumentsAsText() {
        Tokenizer tokenizer = Tokenization.GPT2.tokenizerFor("");
        assertThat(tokenizer.encode("<|endoftext|>"))
                .containsExactly(27, 91, 437, 1659, 5239, 91, 29);
        assertThat(tokenizer.decode(new int[] {Tokenizer.END_OF_TEXT})).isEqualTo("<|endoftext|>");
    }

    @Test
    void gpt2TokensDoNotDependOnHowALongTextIsDivided() {
        StringBuilder text = new StringBuilder();
        for (int i = 0; text.length() < 700_000; i++) {
            text.append("line ")
                    .append(i)
                    .append(" of it's text, ü \n")
                    .append(" \n".repeat(i % 4));
        }
        Encoding undivided =
                Encodings.newDefaultEncodingRegistry().getEncoding(EncodingType.R50K_BASE);
        assertThat(Tokenization.GPT2.tokenizerFor("").encode(text.toString()))
                .isEqualTo(undivided.encodeOrdinary(text.toString()).toArray());
    }

    @Test
    void bytesAreUtf8() {
        assertThat(Tokenization.BYTES.tokenizerFor("").encode("aü"))
                .containsExactly(0x61, 0xC3, 0xBC);
        assertThat(Tokenization.BYTES.tokenizerFor("").decode(new int[] {0x61, 0xC3}))
                .isEqualTo("a\uFFFD");
    }

    @Test
    void charactersAreNumberedInAscendingOrder() {
        Tokenizer tokenizer = Tokenization.CHARS.tokenizerFor("hello 😀");
        assertThat(tokenizer.vocabSize()).isEqualTo(6);
        assertThat(tokenizer.characters()).isEqualTo(" ehlo😀");
        assertThat(tokenizer.encode("ole😀")).containsExactly(4, 3, 1, 5);
    }

    @Test
    void characterOutsideTheVocabularyIsNamed() {
        assertThatThrownBy(() -> Tokenization.CHARS.tokenizerFor("abc").encode("abcd"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("'d' (U+0064)");
        assertThatThrownBy(() -> Tokenization.CHARS.tokenizerFor(""))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("empty");
    }

    @Test
    void vocabularyMustFitInto16Bits() {
        StringBuilder text = new StringBuilder();
        for (int codePoint = 0x10000; codePoint <= 0x20000; codePoint++) {
            text.appendCodePoint(codePoint);
        }
        assertThatThrownBy(() -> Tokenization.CHARS.tokenizerFor(text.toString()))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("65537")
                .hasMessageContaining("65536");
    }

    @Property(tries = 200)
    void everyTextSurvives(@ForAll("texts") String text) {
        for (Tokenization tokenization : Tokenization.values()) {
            if (!text.isEmpty()) {
                Tokenizer tokenizer = tokenization.tokenizerFor(text);
                int[] tokens = tokenizer.encode(text);
                assertThat(Arrays.stream(tokens).boxed())
                        .allMatch(token -> token >= 0 && token < tokenizer.vocabSize());
                assertThat(tokenizer.decode(tokens)).isEqualTo(text);
            }
        }
    }

    @Provide
    Arbitrary<String> texts() {
        return Arbitraries.integers()
                .between(0, Character.MAX_CODE_POINT)
                .filter(c -> c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE)
                .map(Character::toString)
                .list()
                .ofMaxSize(60)
                .map(characters -> String.join("", characters));
    }

    @Property(tries = 50)
    void tokenBeyondTheVocabularyCannotBeDecoded(@ForAll @IntRange(min = 0, max = 10) int beyond) {
        for (Tokenization tokenization : Tokenization.values()) {
            Tokenizer tokenizer = tokenization.tokenizerFor("abc");
            int[] tokens = {tokenizer.vocabSize() + beyond};
            assertThatThrownBy(() -> tokenizer.decode(tokens))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(String.valueOf(tokens[0]));
        }
    }

    @ParameterizedTest
    @EnumSource(Tokenization.class)
    void isTheSameAfterSavingAndLoading(Tokenization tokenization, @TempDir Path folder) {
        Path file = folder.resolve("tokenizer.json");
        Tokenizer tokenizer = tokenization.tokenizerFor("\"quotes\", \\, \n, ü and 😀");
        tokenizer.save(file);
        Tokenizer loaded = Tokenizer.load(file);
        assertThat(loaded.name()).isEqualTo(tokenization.toString());
        assertThat(loaded.vocabSize()).isEqualTo(tokenizer.vocabSize());
        assertThat(loaded.encode("ü😀 \"")).isEqualTo(tokenizer.encode("ü😀 \""));
    }

    @Test
    void separatesDocumentsOnRequestOnly() {
        String text = "One.<|endoftext|>\n\nTwo<|endoftext|><|endoftext|>";
        Tokenizer plain = Tokenization.GPT2.tokenizerFor("");
        Tokenizer separated = Tokenization.of("gpt2-eot").tokenizerFor("");
        assertThat(plain.encode(text)).doesNotContain(50256);
        assertThat(plain.decode(plain.encode(text))).isEqualTo(text);
        int[] one = plain.encode("One.");
        int[] two = plain.encode("\n\nTwo");
        int[] expected = Arrays.copyOf(one, one.length + two.length + 3);
        System.arraycopy(two, 0, expected, one.length + 1, two.length);
        for (int end : new int[] {one.length, expected.length - 2, expected.length - 1}) {
            expected[end] = 50256;
        }
        assertThat(separated.encode(text)).isEqualTo(expected);
        assertThat(separated.decode(expected)).isEqualTo(text);
        assertThat(separated.encode("<|endoftext")).isEqualTo(plain.encode("<|endoftext"));
    }

    @ParameterizedTest
    @EnumSource(Tokenization.class)
    void halfASurrogatePairIsRefused(Tokenization tokenization) {
        Tokenizer tokenizer = tokenization.tokenizerFor("ab\ud83d\ude00");
        tokenizer.encode("a\ud83d\ude00");
        for (String text : new String[] {"ab\ud83d", "ab\ude00b", "ab\ude00\ud83d"}) {
            assertThatThrownBy(() -> tokenizer.encode(text))
                    .isInstanceOf(BadInputException.class)
                    .hasMessageContaining("U+D");
        }
    }

    @Test
    void whatIsNoTokenizerIsRefused(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("tokenizer.json");
        assertThatThrownBy(() -> Tokenizer.load(file)).isInstanceOf(BadInputException.class);
        for (String json : new String[] {"", "{", "{}", "[]", "{\"name\":\"words\"}"}) {
            Files.writeString(file, json);
            assertThatThrownBy(() -> Tokenizer.load(file))
                    .as(json)
                    .isInstanceOf(BadInputException.class);
        }
    }

    @Test
    void tokenizationsHaveNames() {
        assertThat(Tokenization.of("GPT2")).isEqualTo(Tokenization.GPT2);
        assertThatThrownBy(() -> Tokenization.of("words"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("gpt2, gpt2-eot, bytes, chars");
    }
}
