package io.github.djlspectral.hf;

import static io.github.djlspectral.text.BadInputException.unless;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.ByteTokenizer;
import io.github.djlspectral.text.CharTokenizer;
import io.github.djlspectral.text.Gpt2Tokenizer;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The tokenizer's files of a checkpoint. When they are read, none is trusted: their tables must be
 * equal to those of a tokenizer of ours, entry by entry, and what else they do to a text is obeyed
 * if GPT-2 does it and refused by name if it would make other tokens.
 */
final class HuggingFaceTokenizer {

    private static final String VOCABULARY = "vocab.json";
    private static final String MERGES = "merges.txt";
    private static final String TOKENIZER = "tokenizer.json";
    private static final String SETTINGS = "tokenizer_config.json";
    private static final String BYTE_LEVEL = "ByteLevel";
    private static final String NO_STEP = "none";

    private static final String GPT2_SETTINGS =
            """
            {"model_max_length":%s,"tokenizer_class":"GPT2Tokenizer",\
            "bos_token":"<|endoftext|>","eos_token":"<|endoftext|>","unk_token":"<|endoftext|>"}
            """;
    private static final String OTHER_SETTINGS =
            """
            {"model_max_length":%s,"tokenizer_class":"PreTrainedTokenizerFast",\
            "clean_up_tokenization_spaces":false}
            """;
    private static final String UNMERGED =
            """
            {"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":%s,\
            "post_processor":null,"decoder":%s,"model":{"type":"BPE","vocab":%s,"merges":[]}}
            """;
    private static final String BYTE_STEP =
            """
            {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}""";

    private HuggingFaceTokenizer() {}

    /** Writes what the Python library needs: GPT-2's files as published, or a tokenizer.json. */
    static void write(Path directory, Tokenizer tokenizer, int contextLength) throws IOException {
        Vocabulary vocabulary = Vocabulary.of(tokenizer);
        String settings = OTHER_SETTINGS;
        if (tokenizer instanceof Gpt2Tokenizer) {
            settings = GPT2_SETTINGS;
            Files.writeString(directory.resolve(VOCABULARY), vocabulary.toJson());
            String merges = String.join("\n", vocabulary.merges());
            Files.writeString(directory.resolve(MERGES), "#version: 0.2\n" + merges + "\n");
        } else {
            String before = vocabulary.byteLevel() ? BYTE_STEP : null;
            String decoder = vocabulary.byteLevel() ? BYTE_STEP : "{\"type\":\"Fuse\"}";
            String tokens = JsonFile.GSON.toJson(vocabulary.tokens());
            String json = UNMERGED.formatted(before, decoder, tokens);
            Files.writeString(directory.resolve(TOKENIZER), json);
        }
        Files.writeString(directory.resolve(SETTINGS), settings.formatted(contextLength));
    }

    /**
     * Finds out which tokenizer is a checkpoint's.
     *
     * @param vocabSize the model's number of tokens, which may be padded
     * @param unused receives the tokens that no text is encoded to
     */
    static Tokenizer read(Path directory, int vocabSize, Set<String> unused) {
        JsonFile json = JsonFile.readIfThere(directory.resolve(TOKENIZER));
        Map<String, Integer> added = added(directory, json);
        Vocabulary vocabulary = // the Python library prefers the single file too
                Files.exists(json.path()) ? vocabulary(json) : vocabulary(directory);
        added.remove(Gpt2Tokenizer.END_OF_TEXT_MARK, Gpt2Tokenizer.END_OF_TEXT);
        vocabulary.tokens().entrySet().removeAll(added.entrySet());
        added.forEach((token, number) -> unused.add("token " + token + " (" + number + ")"));
        Tokenizer tokenizer = candidate(vocabulary);
        unless(
                Vocabulary.of(tokenizer).equals(vocabulary),
                "The tokenizer in %s (%s tokens, %s merges) is not supported: only GPT-2's own 50257"
                        + " tokens, the 256 bytes, and characters in ascending order are",
                directory,
                vocabulary.tokens().size(),
                vocabulary.merges().size());
        requireFit(tokenizer, vocabSize);
        return tokenizer;
    }

    /** Returns the only tokenizer whose tables these can be. */
    private static Tokenizer candidate(Vocabulary vocabulary) {
        String all = String.join("", vocabulary.tokens().keySet());
        if (!vocabulary.byteLevel() && !all.isEmpty()) {
            return CharTokenizer.of(all);
        }
        return vocabulary.merges().isEmpty() ? new ByteTokenizer() : new Gpt2Tokenizer();
    }

    /** Fails if a tokenizer has tokens that a model lacks. */
    static void requireFit(Tokenizer tokenizer, int vocabSize) {
        unless(
                tokenizer.vocabSize() <= vocabSize,
                "The tokenizer has %s tokens, but the model %s: they do not belong together",
                tokenizer.vocabSize(),
                vocabSize);
    }

    private static Vocabulary vocabulary(Path directory) {
        Path tokens = directory.resolve(VOCABULARY);
        unless(
                Files.exists(tokens),
                "%s has no tokenizer: neither %s and %s nor %s",
                directory,
                VOCABULARY,
                MERGES,
                TOKENIZER);
        Path merges = directory.resolve(MERGES);
        try {
            List<String> pairs = new ArrayList<>(Files.readAllLines(merges));
            pairs.removeIf(line -> line.startsWith("#version") || line.isEmpty());
            return new Vocabulary(numbers(JsonFile.read(tokens)), pairs, true);
        } catch (IOException e) {
            String message = "Cannot read the tokenizer's " + merges + " (" + e + ")";
            throw new BadInputException(message, e);
        }
    }

    private static Vocabulary vocabulary(JsonFile json) {
        JsonFile model = json.requireObject("model");
        Map<String, Integer> tokens = numbers(model.requireObject("vocab"));
        List<String> pairs = new ArrayList<>();
        for (JsonElement merge : model.requireArray("merges")) {
            JsonArray parts = new JsonArray(); // older files have "a b", newer ones ["a", "b"]
            if (merge instanceof JsonArray array && array.size() == 2) {
                parts = array;
            } else {
                parts.add(merge);
            }
            boolean legal = parts.asList().stream().allMatch(JsonElement::isJsonPrimitive);
            unless(legal, "%s has %s among its merges, which is no pair", json.path(), merge);
            pairs.add(
                    String.join(
                            " ", parts.asList().stream().map(JsonElement::getAsString).toList()));
        }
        return new Vocabulary(tokens, pairs, byteLevel(json, !pairs.isEmpty()));
    }

    private static Map<String, Integer> numbers(JsonFile vocabulary) {
        Map<String, Integer> numbers = new HashMap<>();
        for (String token : vocabulary.object().keySet()) {
            numbers.put(token, vocabulary.requireWhole(token, 0));
        }
        return numbers;
    }

    /**
     * Checks the steps of tokenizer.json.
     *
     * @param words whether tokens are merged, so that it matters how a text is cut into words
     * @return whether texts are bytes to it, not characters
     */
    private static boolean byteLevel(JsonFile json, boolean words) {
        JsonFile model = json.requireObject("model");
        model.requireOneOf("type", "BPE");
        model.requireOneOf("dropout", 0.0);
        model.requireOneOf("continuing_subword_prefix", "");
        model.requireOneOf("end_of_word_suffix", "");
        model.requireOneOf("byte_fallback", false);
        model.requireOneOf("ignore_merges", false);
        json.require(!json.has("normalizer"), "normalizer", "null");
        String after = type(json, "post_processor");
        json.require(
                after.equals(NO_STEP)
                        || after.equals(BYTE_LEVEL)
                        || after.equals("TemplateProcessing")
                                && addsNothing(json.requireObject("post_processor")),
                "post_processor",
                "null, ByteLevel or a TemplateProcessing that adds no token");
        String before = type(json, "pre_tokenizer");
        boolean bytes = before.equals(BYTE_LEVEL);
        if (bytes) {
            JsonFile step = json.requireObject("pre_tokenizer");
            bytes =
                    !step.flag("add_prefix_space", true)
                            && (!words || step.flag("use_regex", true));
        }
        json.require(
                bytes || before.equals(NO_STEP),
                "pre_tokenizer",
                "null or GPT-2's ByteLevel, with add_prefix_space false and use_regex true,");
        String decoder = type(json, "decoder");
        json.require(
                decoder.equals(NO_STEP) || decoder.equals(bytes ? BYTE_LEVEL : "Fuse"),
                "decoder",
                bytes ? BYTE_LEVEL : "null or Fuse");
        return bytes;
    }

    private static String type(JsonFile json, String step) {
        if (!json.has(step)) {
            return NO_STEP;
        }
        boolean known = json.object().get(step) instanceof JsonObject object && object.has("type");
        return known ? json.requireObject(step).requireText("type") : "unknown";
    }

    private static boolean addsNothing(JsonFile template) {
        return template.object().get("single") instanceof JsonArray steps
                && steps.size() == 1
                && steps.toString().startsWith("[{\"Sequence\":");
    }

    /**
     * Returns the tokens that were added to a vocabulary. Those that are special are not looked for
     * in texts here; the Python library can do so too (split_special_tokens).
     */
    private static Map<String, Integer> added(Path directory, JsonFile json) {
        Map<String, Integer> added = new TreeMap<>();
        JsonFile settings = JsonFile.readIfThere(directory.resolve(SETTINGS));
        settings.requireOneOf("add_prefix_space", false);
        settings.requireOneOf("add_bos_token", false);
        settings.requireOneOf("add_eos_token", false);
        settings.requireOneOf("do_lower_case", false);
        if (settings.has("added_tokens_decoder")) {
            JsonFile tokens = settings.requireObject("added_tokens_decoder");
            for (String number : tokens.object().keySet()) {
                JsonFile token = tokens.requireObject(number);
                token.object().addProperty("id", number);
                add(token, added);
            }
        }
        if (json.has("added_tokens")) {
            for (JsonElement token : json.requireArray("added_tokens")) {
                unless(token.isJsonObject(), "%s has the added token %s", json.path(), token);
                add(new JsonFile(json.path(), token.getAsJsonObject()), added);
            }
        }
        JsonFile old = JsonFile.readIfThere(directory.resolve("added_tokens.json"));
        Path names = directory.resolve("special_tokens_map.json");
        String special = JsonFile.readIfThere(names).object().toString();
        for (String token : old.object().keySet()) {
            old.require(
                    added.containsKey(token)
                            || special.contains(new JsonPrimitive(token).toString()),
                    token,
                    "a token that special_tokens_map.json names");
            added.put(token, old.requireWhole(token, 0));
        }
        return added;
    }

    private static void add(JsonFile token, Map<String, Integer> added) {
        unless(
                token.flag("special", false),
                "%s has the added token %s (%s), which is looked for in every text; only special"
                        + " ones are supported",
                token.path(),
                token.object().get("content"),
                token.object().get("id"));
        added.put(token.requireText("content"), token.requireWhole("id", 0));
    }
}
