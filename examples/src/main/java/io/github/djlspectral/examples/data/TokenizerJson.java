package io.github.djlspectral.examples.data;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The JSON form of a tokenizer: its name and, for characters, the vocabulary. */
record TokenizerJson(String name, String characters) {

    private static final Gson GSON = new Gson();

    static void requireToken(int token, int vocabSize) {
        if (token < 0 || token >= vocabSize) {
            throw new IllegalArgumentException(
                    "Token " + token + " is outside the vocabulary [0, " + vocabSize + ")");
        }
    }

    static String toJson(Tokenizer tokenizer) {
        String characters = tokenizer instanceof CharTokenizer chars ? chars.characters() : null;
        return GSON.toJson(new TokenizerJson(tokenizer.name(), characters));
    }

    static void save(Tokenizer tokenizer, Path file) {
        byte[] json = toJson(tokenizer).getBytes(StandardCharsets.UTF_8);
        AtomicFile.write(file, channel -> AtomicFile.writeFully(channel, json));
    }

    static Tokenizer load(Path file) {
        try {
            TokenizerJson json = GSON.fromJson(Files.readString(file), TokenizerJson.class);
            if (json == null || json.name == null) {
                throw new BadInputException(file + " does not describe a tokenizer");
            }
            return Tokenization.of(json.name)
                    .tokenizerFor(json.characters == null ? "" : json.characters);
        } catch (JsonParseException e) {
            throw new BadInputException(file + " does not describe a tokenizer", e);
        } catch (IOException e) {
            throw new BadInputException("Cannot read the tokenizer " + file + ": " + e, e);
        }
    }
}
