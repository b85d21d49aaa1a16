package io.github.djlspectral.examples.data;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** A way of cutting text into tokens, before a text is known. */
public enum Tokenization {
    /** GPT-2's byte pair encoding, 50257 tokens. */
    GPT2,
    /** The 256 bytes of UTF-8. */
    BYTES,
    /** The characters (code points) that occur in the text. */
    CHARS;

    /**
     * Reads the name of a tokenization.
     *
     * @param name {@code gpt2}, {@code bytes} or {@code chars}, in any case
     * @return the tokenization
     * @throws BadInputException if there is none of that name
     */
    public static Tokenization of(String name) {
        return Arrays.stream(values())
                .filter(tokenization -> tokenization.name().equalsIgnoreCase(name))
                .findFirst()
                .orElseThrow(
                        () ->
                                new BadInputException(
                                        "Unknown tokenizer '" + name + "'; use one of " + names()));
    }

    /**
     * Returns the tokenizer for a text.
     *
     * @param text the whole text, training and validation; only {@link #CHARS} reads it
     * @return a tokenizer that can encode the text
     * @throws BadInputException if the text has no character, or too many different ones
     */
    public Tokenizer tokenizerFor(String text) {
        return switch (this) {
            case GPT2 -> new Gpt2Tokenizer();
            case BYTES -> new ByteTokenizer();
            case CHARS -> CharTokenizer.of(text);
        };
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    private static String names() {
        return Arrays.stream(values())
                .map(Tokenization::toString)
                .collect(Collectors.joining(", "));
    }
}
