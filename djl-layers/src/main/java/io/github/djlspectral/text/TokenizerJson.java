package io.github.djlspectral.text;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import io.github.djlspectral.io.AtomicFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/**
 * The JSON form of a tokenizer: its name, for characters the vocabulary, and the tokens that end a
 * text unless they are the usual ones.
 */
record TokenizerJson(String name, String characters, List<Integer> endOfText) {

    private static final Gson GSON = new Gson();

    static void requireToken(int token, int vocabSize) {
        if (token < 0 || token >= vocabSize) {
            throw new IllegalArgumentException(
                    "Token " + token + " is outside the vocabulary [0, " + vocabSize + ")");
        }
    }

    /** Half a pair has no UTF-8, for which Java would write a question mark. */
    static void requireCharacters(String text) {
        for (int i = 0; i < text.length(); i++) {
            int character = text.codePointAt(i);
            if (character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE) {
                throw new BadInputException(
                        String.format(
                                Locale.ROOT,
                                "U+%04X at %d of the text is half a surrogate pair and no"
                                        + " character: leave it out",
                                character,
                                i));
            }
            i += Character.charCount(character) - 1;
        }
    }

    static TokenizerJson of(Tokenizer tokenizer) {
        String characters = tokenizer instanceof CharTokenizer chars ? chars.characters() : null;
        TokenizerJson usual = new TokenizerJson(tokenizer.name(), characters, null);
        List<Integer> ends = tokenizer.endOfText();
        return usual.tokenizer().endOfText().equals(ends) ? usual : usual.withEndOfText(ends);
    }

    TokenizerJson withEndOfText(List<Integer> tokens) {
        return new TokenizerJson(name, characters, List.copyOf(tokens));
    }

    Tokenizer tokenizer() {
        Tokenization tokenization = Tokenization.of(name);
        String text = characters == null ? "" : characters;
        return endOfText == null
                ? tokenization.tokenizerFor(text)
                : tokenization.tokenizerFor(text, endOfText);
    }

    static String toJson(Tokenizer tokenizer) {
        return GSON.toJson(of(tokenizer));
    }

    static void save(Tokenizer tokenizer, Path file) {
        AtomicFiles.write(file, toJson(tokenizer));
    }

    static Tokenizer load(Path file) {
        try {
            TokenizerJson json = GSON.fromJson(Files.readString(file), TokenizerJson.class);
            if (json == null || json.name == null) {
                throw new BadInputException(file + " does not describe a tokenizer");
            }
            return json.tokenizer();
        } catch (JsonParseException e) {
            throw new BadInputException(file + " does not describe a tokenizer", e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read the tokenizer " + file + ": " + e, e);
        }
    }
}
