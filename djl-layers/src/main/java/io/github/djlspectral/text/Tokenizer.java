package io.github.djlspectral.text;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import io.github.djlspectral.io.AtomicFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/** Turns text into token numbers and back. Immutable and thread-safe. */
public abstract sealed class Tokenizer permits Gpt2Tokenizer, ByteTokenizer, CharTokenizer {

    private static final Gson GSON = new Gson();

    final Tokenization tokenization;
    private final int vocabSize;
    private final List<Integer> endOfText;

    Tokenizer(Tokenization tokenization, int vocabSize, List<Integer> endOfText) {
        this.tokenization = tokenization;
        this.vocabSize = vocabSize;
        this.endOfText = List.copyOf(endOfText);
    }

    /**
     * Encodes a text. Nothing in the text is special: {@code <|endoftext|>} is encoded as the
     * characters it consists of, unless the tokenizer is {@code gpt2-eot}.
     *
     * @param text any text
     * @return token numbers, each in [0, {@link #vocabSize})
     * @throws BadInputException if the text has a character that the vocabulary lacks, or half a
     *     surrogate pair
     */
    public final int[] encode(String text) {
        for (int i = 0, character; i < text.length(); i += Character.charCount(character)) {
            character = text.codePointAt(i);
            // Half a pair has no UTF-8, for which Java would write a question mark.
            if (character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE) {
                String half = "U+%04X at %s of the text is half a surrogate pair: leave it out";
                BadInputException.unless(false, half, character, i);
            }
        }
        return tokens(text);
    }

    /**
     * Decodes tokens. A token need not end on a character's boundary: incomplete UTF-8 decodes to
     * U+FFFD.
     *
     * @param tokens token numbers, each in [0, {@link #vocabSize})
     * @return the text
     * @throws BadInputException if a token is outside the vocabulary
     */
    public final String decode(int[] tokens) {
        for (int token : tokens) {
            requireToken(token);
        }
        return text(tokens);
    }

    final void requireToken(int token) {
        if (token < 0 || token >= vocabSize) {
            String range = " is outside the vocabulary [0, " + vocabSize + ")";
            throw new BadInputException("Token " + token + range);
        }
    }

    abstract int[] tokens(String text);

    abstract String text(int[] tokens);

    /** {@return the number of different tokens, at least 1, at most 65536} */
    public final int vocabSize() {
        return vocabSize;
    }

    /**
     * {@return the tokens with which a text that is generated ends; a padded model's may be at
     * least {@link #vocabSize}}
     */
    public final List<Integer> endOfText() {
        return endOfText;
    }

    /**
     * {@return this tokenizer with other tokens that end a text}
     *
     * @param tokens token numbers of the model
     */
    public final Tokenizer withEndOfText(List<Integer> tokens) {
        return tokenization.tokenizerFor(characters(), tokens);
    }

    /** Returns every character of the vocabulary once, in the order of tokens, if that matters. */
    String characters() {
        return null;
    }

    /** {@return the name of the way of tokenizing, as {@link Tokenization#of} reads it} */
    public final String name() {
        return tokenization.toString();
    }

    /** The tokens that end a text are left out if they are the usual ones. */
    private record Json(String name, String characters, List<Integer> endOfText) {}

    /** {@return the content of the JSON file that {@link #save} writes, one object} */
    public final String toJson() {
        List<Integer> ends = endOfText.equals(tokenization.usualEnds()) ? null : endOfText;
        return GSON.toJson(new Json(name(), characters(), ends));
    }

    /**
     * Writes this tokenizer to a JSON file, atomically.
     *
     * @param file the file to write or replace
     * @throws java.io.UncheckedIOException if the file cannot be written
     */
    public final void save(Path file) {
        AtomicFiles.write(file, toJson());
    }

    /**
     * {@return a tokenizer that {@link #save} wrote}
     *
     * @param file the JSON file
     * @throws BadInputException if the file is missing, cannot be read or is no tokenizer
     */
    public static Tokenizer load(Path file) {
        try {
            Json json = GSON.fromJson(Files.readString(file), Json.class);
            boolean known = json != null && json.name != null;
            BadInputException.unless(known, "%s does not describe a tokenizer", file);
            Tokenization way = Tokenization.of(json.name);
            List<Integer> ends = json.endOfText == null ? way.usualEnds() : json.endOfText;
            return way.tokenizerFor(Objects.requireNonNullElse(json.characters, ""), ends);
        } catch (JsonParseException e) {
            throw new BadInputException(file + " does not describe a tokenizer", e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read the tokenizer " + file + ": " + e, e);
        }
    }
}
