package io.github.djlspectral.text;

import static io.github.djlspectral.text.BadInputException.unless;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import io.github.djlspectral.io.AtomicFiles;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/**
 * Turns text into token numbers and back; {@link Tokenization#tokenizerFor} makes one. Immutable
 * and thread-safe.
 */
public final class Tokenizer {

    /** GPT-2's token that separates documents. */
    public static final int END_OF_TEXT = 50256;

    /** What {@link #END_OF_TEXT} is written as. */
    public static final String END_OF_TEXT_MARK = "<|endoftext|>";

    private static final Gson GSON = new Gson();

    private final Tokenization tokenization;
    private final int[] alphabet; // of characters
    private final int vocabSize;
    private final List<Integer> endOfText;

    Tokenizer(Tokenization tokenization, String text, List<Integer> endOfText) {
        this.tokenization = tokenization;
        this.endOfText = List.copyOf(endOfText);
        boolean chars = tokenization == Tokenization.CHARS;
        alphabet =
                chars ? text.codePoints().sorted().distinct().toArray() : new int[1 << Byte.SIZE];
        vocabSize = tokenization.isGpt2() ? END_OF_TEXT + 1 : alphabet.length;
        unless(vocabSize > 0, "The text is empty: there are no characters to make tokens of");
        String many = "The text has %s different characters, at most %s: use gpt2 or bytes";
        unless(vocabSize <= TokenShard.MAX_VOCAB_SIZE, many, vocabSize, TokenShard.MAX_VOCAB_SIZE);
    }

    /**
     * {@return the tokens of a text, each in [0, {@link #vocabSize})} Nothing in it is special:
     * {@code <|endoftext|>} is the characters it consists of, unless this is {@code gpt2-eot}.
     *
     * @param text any text
     * @throws BadInputException if the text has a character that the vocabulary lacks, or half a
     *     surrogate pair
     */
    public int[] encode(String text) {
        for (int i = 0, character; i < text.length(); i += Character.charCount(character)) {
            character = text.codePointAt(i);
            // Half a pair has no UTF-8, for which Java would write a question mark.
            if (character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE) {
                String half = "U+%04X at %s of the text is half a surrogate pair: leave it out";
                unless(false, half, character, i);
            }
        }
        if (tokenization.isGpt2()) {
            return Gpt2Encoding.tokens(text, tokenization == Tokenization.GPT2_EOT);
        }
        if (tokenization == Tokenization.CHARS) {
            return text.codePoints().map(this::token).toArray();
        }
        byte[] bytes = text.getBytes(UTF_8);
        return IntStream.range(0, bytes.length).map(i -> Byte.toUnsignedInt(bytes[i])).toArray();
    }

    private int token(int character) {
        int token = Arrays.binarySearch(alphabet, character);
        if (token < 0) {
            String fault = "Character '%c' (U+%04X) is not among the %s of this vocabulary: leave";
            String advice = " it out, or train with the bytes or gpt2 tokenizer";
            unless(false, fault + advice, character, character, vocabSize);
        }
        return token;
    }

    /**
     * {@return the text of tokens} A token need not end on a character's boundary: incomplete UTF-8
     * becomes U+FFFD.
     *
     * @param tokens token numbers, each in [0, {@link #vocabSize})
     * @throws BadInputException if a token is outside the vocabulary
     */
    public String decode(int[] tokens) {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        for (int token : tokens) {
            text.writeBytes(bytes(token));
        }
        return text.toString(UTF_8);
    }

    /**
     * {@return the bytes of a token, UTF-8 or a part of it}
     *
     * @param token a token number, in [0, {@link #vocabSize})
     * @throws BadInputException if the token is outside the vocabulary
     */
    public byte[] bytes(int token) {
        String range = "Token %s is outside the vocabulary [0, %s)";
        unless(token >= 0 && token < vocabSize, range, token, vocabSize);
        return switch (tokenization) {
            case GPT2, GPT2_EOT -> Gpt2Encoding.bytes(token);
            case BYTES -> new byte[] {(byte) token};
            case CHARS -> Character.toString(alphabet[token]).getBytes(UTF_8);
        };
    }

    /** {@return the number of different tokens, at least 1, at most 65536} */
    public int vocabSize() {
        return vocabSize;
    }

    /** {@return the tokens that end a text; a padded model's may be beyond the vocabulary} */
    public List<Integer> endOfText() {
        return endOfText;
    }

    /** Returns the token to put behind a text; none if the vocabulary has none. */
    int[] end() {
        return endOfText.stream().filter(t -> t < vocabSize).mapToInt(t -> t).limit(1).toArray();
    }

    /**
     * {@return this tokenizer with other tokens that end a text}
     *
     * @param tokens token numbers of the model
     */
    public Tokenizer withEndOfText(List<Integer> tokens) {
        return new Tokenizer(tokenization, characters(), tokens);
    }

    /** {@return the way of tokenizing} */
    public Tokenization tokenization() {
        return tokenization;
    }

    /** {@return the name of the way of tokenizing, as {@link Tokenization#of} reads it} */
    public String name() {
        return tokenization.toString();
    }

    /** Returns every character of the vocabulary once, in the order of tokens, if that matters. */
    String characters() {
        boolean chars = tokenization == Tokenization.CHARS;
        return chars ? new String(alphabet, 0, alphabet.length) : null;
    }

    /** The tokens that end a text are left out if they are the usual ones. */
    private record Json(String name, String characters, List<Integer> endOfText) {}

    /** {@return the content of the JSON file that {@link #save} writes, one object} */
    public String toJson() {
        List<Integer> ends = endOfText.equals(tokenization.usualEnds()) ? null : endOfText;
        return GSON.toJson(new Json(name(), characters(), ends));
    }

    /**
     * Writes this tokenizer to a JSON file, atomically.
     *
     * @param file the file to write or replace
     * @throws java.io.UncheckedIOException if the file cannot be written
     */
    public void save(Path file) {
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
            return of(Files.readString(file), file.toString());
        } catch (IOException e) {
            throw new BadInputException("Cannot read the tokenizer " + file + ": " + e, e);
        }
    }

    /**
     * {@return the tokenizer that {@link #toJson} describes}
     *
     * @param text the JSON
     * @param origin where it is from, for the message
     * @throws BadInputException if it is no tokenizer
     */
    public static Tokenizer of(String text, String origin) {
        try {
            Json json = GSON.fromJson(text, Json.class);
            boolean known = json != null && json.name != null;
            unless(known, "%s does not describe a tokenizer", origin);
            Tokenization way = Tokenization.of(json.name);
            List<Integer> ends = json.endOfText == null ? way.usualEnds() : json.endOfText;
            return new Tokenizer(way, Objects.requireNonNullElse(json.characters, ""), ends);
        } catch (JsonParseException e) {
            throw new BadInputException(origin + " does not describe a tokenizer", e);
        }
    }
}
