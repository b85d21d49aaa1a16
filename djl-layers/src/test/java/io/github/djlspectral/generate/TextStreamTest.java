package io.github.djlspectral.generate;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TextStreamTest {

    private static final Tokenizer BYTES = Tokenization.BYTES.tokenizerFor("");

    private final List<String> pieces = new ArrayList<>();

    @Test
    void piecesAreWholeCharacters() {
        stream("aé€😀z", List.of());
        assertThat(pieces).containsExactly("a", "é", "€", "😀", "z");
    }

    @Test
    void charactersAcrossGpt2TokensAreWhole() {
        String text = "naïve 🤖🦜 日本語 text";
        Tokenizer tokenizer = Tokenization.GPT2.tokenizerFor("");
        TextStream stream = new TextStream(tokenizer, List.of(), pieces::add);
        int[] tokens = tokenizer.encode(text);
        Arrays.stream(tokens).forEach(stream::accept);
        stream.finish();
        assertThat(String.join("", pieces)).isEqualTo(text);
        assertThat(pieces)
                .hasSizeBetween(6, tokens.length - 1)
                .noneMatch(p -> p.contains("\uFFFD"));
    }

    @Test
    void anyBytesGiveWhatTheyDecodeTo() {
        Random random = new Random(1);
        for (int i = 0; i < 1000; i++) {
            // mostly leading and continuation bytes, often malformed
            int[] tokens = random.ints(12, 0x70, 0x100).toArray();
            TextStream stream = new TextStream(BYTES, List.of(), piece -> {});
            Arrays.stream(tokens).forEach(stream::accept);
            stream.finish();
            assertThat(stream.text()).isEqualTo(BYTES.decode(tokens));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "one two three, two, 'one '",
        "one two three, e t, on",
        "one two three, four, one two three",
        "one two three, threee, one two three",
        "aab, ab, a",
        "abcabd, abd, abc",
        "one two three, two|one, ''",
        "xabc, abc|b, xa",
        "xabc, bc|abc, x",
        "xabc, abcd|c, xab",
        "é€😀z, €😁|😀, é€"
    })
    void theTextEndsBeforeTheFirstCompleteStop(String text, String stops, String expected) {
        List<String> list = List.of(stops.split("\\|"));
        assertThat(stream(text, list)).isEqualTo(expected);
        assertThat(String.join("", pieces)).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(strings = {"return", "urn null;", " null", "l", "n n", "ull;\n}", "}\n\n"})
    void whereTokensEndDoesNotMatter(String stop) {
        String text = "if (x == null) {\n    return null;\n}\n\npublic static";
        String expected = text.contains(stop) ? text.substring(0, text.indexOf(stop)) : text;
        Tokenizer tokenizer = Tokenization.GPT2.tokenizerFor("");
        for (int cut = 0; cut <= text.length(); cut++) {
            IntStream begin = Arrays.stream(tokenizer.encode(text.substring(0, cut)));
            IntStream end = Arrays.stream(tokenizer.encode(text.substring(cut)));
            int[] tokens = IntStream.concat(begin, end).toArray();
            assertThat(stream(tokenizer, tokens, List.of(stop))).isEqualTo(expected);
        }
    }

    @Test
    void theEndOfADocumentCanBeAStop() {
        int[] tokens = {15496, Tokenizer.END_OF_TEXT, 15496};
        assertThat(stream(Tokenization.GPT2.tokenizerFor(""), tokens, List.of("<|endoftext|>")))
                .isEqualTo("Hello");
    }

    @Test
    void whatMayBecomeAStopIsHeldBackUntilItDoesNot() {
        TextStream stream = new TextStream(BYTES, List.of("END."), pieces::add);
        for (int token : BYTES.encode("The EN")) {
            stream.accept(token);
        }
        assertThat(String.join("", pieces)).isEqualTo("The ");
        for (int token : BYTES.encode("D of")) {
            stream.accept(token);
        }
        assertThat(String.join("", pieces)).isEqualTo("The END of");
        for (int token : BYTES.encode(" E")) {
            stream.accept(token);
        }
        assertThat(String.join("", pieces)).isEqualTo("The END of ");
        stream.finish();
        assertThat(String.join("", pieces)).isEqualTo("The END of E");
    }

    @Test
    void nothingIsTakenAfterAStop() {
        TextStream stream = new TextStream(BYTES, List.of("b"), pieces::add);
        assertThat(stream.accept('a')).isTrue();
        assertThat(stream.accept('b')).isFalse();
        stream.finish();
        assertThat(stream.text()).isEqualTo("a");
    }

    private String stream(String text, List<String> stops) {
        return stream(BYTES, BYTES.encode(text), stops);
    }

    private String stream(Tokenizer tokenizer, int[] tokens, List<String> stops) {
        pieces.clear();
        TextStream stream = new TextStream(tokenizer, stops, pieces::add);
        boolean open = true;
        for (int i = 0; open && i < tokens.length; i++) {
            open = stream.accept(tokens[i]);
        }
        stream.finish();
        assertThat(String.join("", pieces)).isEqualTo(stream.text());
        return stream.text();
    }
}
