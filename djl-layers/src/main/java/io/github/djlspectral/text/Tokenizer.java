package io.github.djlspectral.text;

import java.nio.file.Path;
import java.util.List;

/** Turns text into token numbers and back. Implementations are immutable and thread-safe. */
public sealed interface Tokenizer permits Gpt2Tokenizer, ByteTokenizer, CharTokenizer {

    /**
     * Encodes a text. Nothing in the text is special: {@code <|endoftext|>} is encoded as the
     * characters it consists of, unless the tokenizer is {@code gpt2-eot}.
     *
     * @param text any text
     * @return token numbers, each in [0, {@link #vocabSize})
     * @throws BadInputException if the text has a character that the vocabulary lacks, or half a
     *     surrogate pair
     */
    int[] encode(String text);

    /**
     * Decodes tokens. A token need not end on a character's boundary: incomplete UTF-8 decodes to
     * U+FFFD.
     *
     * @param tokens token numbers, each in [0, {@link #vocabSize})
     * @return the text
     * @throws IllegalArgumentException if a token is outside the vocabulary
     */
    String decode(int[] tokens);

    /**
     * Returns the number of different tokens.
     *
     * @return at least 1, at most 65536
     */
    int vocabSize();

    /**
     * Returns the tokens with which a text that is generated ends.
     *
     * @return token numbers; a padded model's may be at least {@link #vocabSize}
     */
    List<Integer> endOfText();

    /**
     * Returns this tokenizer with other tokens that end a text.
     *
     * @param tokens token numbers of the model
     * @return the changed copy
     */
    default Tokenizer withEndOfText(List<Integer> tokens) {
        return TokenizerJson.of(this).withEndOfText(tokens).tokenizer();
    }

    /**
     * Returns the name of the way of tokenizing: {@code gpt2}, {@code gpt2-eot}, {@code bytes} or
     * {@code chars}.
     *
     * @return the name, as {@link Tokenization#of} reads it
     */
    String name();

    /**
     * Returns the content of the JSON file that {@link #save} writes.
     *
     * @return one object
     */
    default String toJson() {
        return TokenizerJson.toJson(this);
    }

    /**
     * Writes this tokenizer to a JSON file, atomically.
     *
     * @param file the file to write or replace
     * @throws java.io.UncheckedIOException if the file cannot be written
     */
    default void save(Path file) {
        TokenizerJson.save(this, file);
    }

    /**
     * Reads a tokenizer that {@link #save} wrote.
     *
     * @param file the JSON file
     * @return the same tokenizer
     * @throws BadInputException if the file is missing, cannot be read or is no tokenizer
     */
    static Tokenizer load(Path file) {
        return TokenizerJson.load(file);
    }
}
