package io.github.djlspectral.text;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** A way of cutting text into tokens, before a text is known. */
public enum Tokenization {
    /** GPT-2's byte pair encoding, 50257 tokens. */
    GPT2,
    /** The same, but {@code <|endoftext|>} in a text is the token that separates documents. */
    GPT2_EOT,
    /** The 256 bytes of UTF-8. */
    BYTES,
    /**
     * The characters (code points) that occur in the text, numbered in ascending order, as in
     * nanoGPT's character-level examples.
     */
    CHARS;

    /**
     * {@return the tokenization of a name}
     *
     * @param name {@code gpt2}, {@code gpt2-eot}, {@code bytes} or {@code chars}, in any case
     * @throws BadInputException if there is none of that name
     */
    public static Tokenization of(String name) {
        for (Tokenization tokenization : values()) {
            if (tokenization.toString().equalsIgnoreCase(name)) {
                return tokenization;
            }
        }
        String known = Arrays.toString(values());
        throw new BadInputException("Unknown tokenizer '" + name + "'; use one of " + known);
    }

    /**
     * {@return the tokenizer for a text}
     *
     * @param text the whole text, training and validation; only {@link #CHARS} reads it
     * @throws BadInputException if the text has no character, or more than 65536 different ones
     */
    public Tokenizer tokenizerFor(String text) {
        return new Tokenizer(this, text, usualEnds());
    }

    /** {@return whether tokens are GPT-2's} */
    public boolean isGpt2() {
        return this == GPT2 || this == GPT2_EOT;
    }

    /** Returns the tokens that end a text unless others are said to. */
    List<Integer> usualEnds() {
        return isGpt2() ? List.of(Tokenizer.END_OF_TEXT) : List.of();
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
