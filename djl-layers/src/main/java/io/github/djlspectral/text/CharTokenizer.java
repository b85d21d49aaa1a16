package io.github.djlspectral.text;

import java.util.Arrays;
import java.util.List;

/**
 * Characters as tokens: the Unicode code points that occur in one text, numbered in ascending
 * order, as in nanoGPT's character-level examples.
 */
public final class CharTokenizer extends Tokenizer {

    private final int[] alphabet;

    private CharTokenizer(int[] alphabet, List<Integer> endOfText) {
        super(Tokenization.CHARS, alphabet.length, endOfText);
        this.alphabet = alphabet;
    }

    /**
     * {@return a tokenizer that can encode a text}
     *
     * @param text the text; order and repetition do not matter
     * @throws BadInputException if the text is empty or has more than 65536 different characters
     */
    public static CharTokenizer of(String text) {
        return of(text, List.of());
    }

    static CharTokenizer of(String text, List<Integer> endOfText) {
        int[] alphabet = text.codePoints().sorted().distinct().toArray();
        BadInputException.unless(
                alphabet.length > 0,
                "The text is empty: there are no characters to make tokens of");
        String many = "The text has %s different characters, but a vocabulary at most %s: use the";
        int most = TokenShard.MAX_VOCAB_SIZE;
        BadInputException.unless(
                alphabet.length <= most, many + " gpt2 or bytes tokenizer", alphabet.length, most);
        return new CharTokenizer(alphabet, endOfText);
    }

    @Override
    String characters() {
        return new String(alphabet, 0, alphabet.length);
    }

    @Override
    int[] tokens(String text) {
        return text.codePoints().map(this::token).toArray();
    }

    private int token(int character) {
        int token = Arrays.binarySearch(alphabet, character);
        if (token < 0) {
            String fault = "Character '%c' (U+%04X) is not among the %s of this vocabulary: leave";
            String advice = " it out, or train with the bytes or gpt2 tokenizer";
            BadInputException.unless(false, fault + advice, character, character, alphabet.length);
        }
        return token;
    }

    @Override
    String text(int[] tokens) {
        StringBuilder text = new StringBuilder(tokens.length);
        for (int token : tokens) {
            text.appendCodePoint(alphabet[token]);
        }
        return text.toString();
    }
}
