package io.github.djlspectral.hf;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.github.djlspectral.text.ByteTokenizer;
import io.github.djlspectral.text.Gpt2Tokenizer;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Writes the tokenizer files of a checkpoint. */
final class TokenizerFilesWriter {

    private static final Gson GSON =
            new GsonBuilder().serializeNulls().disableHtmlEscaping().create();
    private static final String END_OF_TEXT = "<|endoftext|>";

    private TokenizerFilesWriter() {}

    /**
     * Writes the files that the Python library needs: GPT-2's as published, or a tokenizer.json
     * without merges.
     */
    static void write(Path directory, Tokenizer tokenizer, int contextLength) throws IOException {
        JsonObject settings = new JsonObject();
        settings.addProperty("model_max_length", contextLength);
        if (tokenizer instanceof Gpt2Tokenizer) {
            Vocabulary vocabulary = Gpt2Merges.vocabulary();
            write(directory.resolve(TokenizerFiles.VOCABULARY), vocabularyJson(vocabulary));
            write(
                    directory.resolve(TokenizerFiles.MERGES),
                    "#version: 0.2\n" + String.join("\n", vocabulary.merges()) + "\n");
            settings.addProperty("tokenizer_class", "GPT2Tokenizer");
            for (String token : List.of("bos_token", "eos_token", "unk_token")) {
                settings.addProperty(token, END_OF_TEXT);
            }
        } else {
            write(directory.resolve(TokenizerFiles.TOKENIZER), GSON.toJson(json(tokenizer)));
            settings.addProperty("tokenizer_class", "PreTrainedTokenizerFast");
            settings.addProperty("clean_up_tokenization_spaces", false);
        }
        write(directory.resolve("tokenizer_config.json"), GSON.toJson(settings) + "\n");
    }

    private static void write(Path path, String text) throws IOException {
        Files.writeString(path, text);
    }

    /** Returns the text of the published file, to the byte: Python's JSON in ASCII. */
    private static String vocabularyJson(Vocabulary vocabulary) {
        return vocabulary.tokens().entrySet().stream()
                .map(entry -> ascii(entry.getKey()) + ": " + entry.getValue())
                .collect(Collectors.joining(", ", "{", "}"));
    }

    private static String ascii(String text) {
        StringBuilder ascii = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                ascii.append('\\').append(c);
            } else if (c > '~') {
                ascii.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                ascii.append(c);
            }
        }
        return ascii.append('"').toString();
    }

    /** Returns the tables of a tokenizer that merges nothing. */
    static Vocabulary vocabulary(Tokenizer tokenizer) {
        Map<String, Integer> tokens = new LinkedHashMap<>();
        boolean bytes = tokenizer instanceof ByteTokenizer;
        for (int token = 0; token < tokenizer.vocabSize(); token++) {
            tokens.put(
                    bytes
                            ? ByteAlphabet.encode(new byte[] {(byte) token}, 0, 1)
                            : tokenizer.decode(new int[] {token}),
                    token);
        }
        return new Vocabulary(tokens, List.of(), bytes);
    }

    private static JsonObject json(Tokenizer tokenizer) {
        Vocabulary vocabulary = vocabulary(tokenizer);
        JsonObject model = new JsonObject();
        model.addProperty("type", "BPE");
        model.add("vocab", GSON.toJsonTree(vocabulary.tokens()));
        model.add("merges", new JsonArray());
        JsonObject json = new JsonObject();
        json.addProperty("version", "1.0");
        json.add("added_tokens", new JsonArray());
        json.add("normalizer", JsonNull.INSTANCE);
        json.add("pre_tokenizer", vocabulary.byteLevel() ? step("ByteLevel") : JsonNull.INSTANCE);
        json.add("post_processor", JsonNull.INSTANCE);
        json.add("decoder", step(vocabulary.byteLevel() ? "ByteLevel" : "Fuse"));
        json.add("model", model);
        return json;
    }

    private static JsonObject step(String type) {
        JsonObject step = new JsonObject();
        step.addProperty("type", type);
        if (type.equals("ByteLevel")) {
            step.addProperty("add_prefix_space", false);
            step.addProperty("trim_offsets", false);
            step.addProperty("use_regex", false);
        }
        return step;
    }
}
