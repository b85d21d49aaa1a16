package io.github.djlspectral.text;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Characters as tokens: the Unicode code points that occur in one text, numbered in ascending
 * order, as in nanoGPT's character-level examples.
 */
public final class CharTokenizer implements Tokenizer {

    private final int[] alphabet;

    private final List<Integer> endOfText;

    private CharTokenizer(int[] alphabet, List<Integer> endOfText) {
        this.alphabet = alphabet;
        this.endOfText = endOfText;
    }

    /**
     * Collects the vocabulary of a text.
     *
     * @param text the text; order and repetition do not matter
     * @return a tokenizer that can encode the text
     * @throws BadInputException if the text is empty or has more than 65536 different characters
     */
    public static CharTokenizer of(String text) {
        return of(text, List.of());
    }

    static CharTokenizer of(String text, List<Integer> endOfText) {
        int[] alphabet = text.codePoints().sorted().distinct().toArray();
        if (alphabet.length == 0) {
            throw new BadInputException(
                    "The text is empty, so there are no characters to make tokens of");
        }
        if (alphabet.length > TokenShard.MAX_VOCAB_SIZE) {
            throw new BadInputException(
                    "The text has "
                            + alphabet.length
                            + " different characters; token shards hold at most "
                            + TokenShard.MAX_VOCAB_SIZE
                            + ": use the gpt2 or bytes tokenizer");
        }
        return new CharTokenizer(alphabet, endOfText);
    }

    /** Returns every character of the vocabulary once, in the order of their tokens. */
    String characters() {
        return new String(alphabet, 0, alphabet.length);
    }

    @Override
    public int[] encode(String text) {
        return text.codePoints().map(this::token).toArray();
    }

    private int token(int character) {
        int token = Arrays.binarySearch(alphabet, character);
        if (token < 0) {
            throw new BadInputException(
                    String.format(
                            Locale.ROOT,
                            "Character '%s' (U+%04X) is not among the %d characters of this"
                                    + " vocabulary: leave it out, or train with the bytes or gpt2"
                                    + " tokenizer",
                            Character.toString(character),
                            character,
                            alphabet.length));
        }
        return token;
    }

    @Override
    public String decode(int[] tokens) {
        StringBuilder text = new StringBuilder(tokens.length);
        for (int token : tokens) {
            TokenizerJson.requireToken(token, alphabet.length);
            text.appendCodePoint(alphabet[token]);
        }
        return text.toString();
    }

    @Override
    public int vocabSize() {
        return alphabet.length;
    }

    @Override
    public List<Integer> endOfText() {
        return endOfText;
    }

    @Override
    public String name() {
        return Tokenization.CHARS.toString();
    }
}
