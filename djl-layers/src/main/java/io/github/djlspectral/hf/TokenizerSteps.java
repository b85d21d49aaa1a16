package io.github.djlspectral.hf;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.djlspectral.text.BadInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a tokenizer's files do to a text besides looking tokens up. What GPT-2 does is obeyed; all
 * that would make other tokens is refused by name.
 */
final class TokenizerSteps {

    private static final String SETTINGS = "tokenizer_config.json";

    /** What changes tokens unless it has this value or none. */
    private static final Map<String, JsonElement> SETTING_VALUES =
            Map.of(
                    "add_prefix_space", new JsonPrimitive(false),
                    "add_bos_token", new JsonPrimitive(false),
                    "add_eos_token", new JsonPrimitive(false),
                    "do_lower_case", new JsonPrimitive(false));

    private static final Map<String, JsonElement> MODEL_VALUES =
            Map.of(
                    "type", new JsonPrimitive("BPE"),
                    "dropout", new JsonPrimitive(0.0),
                    "continuing_subword_prefix", new JsonPrimitive(""),
                    "end_of_word_suffix", new JsonPrimitive(""),
                    "byte_fallback", new JsonPrimitive(false),
                    "ignore_merges", new JsonPrimitive(false));

    private TokenizerSteps() {}

    /**
     * Checks tokenizer.json.
     *
     * @param words whether tokens are merged, so that it matters how a text is cut into words
     * @return whether texts are bytes to it, not characters
     * @throws BadInputException naming a step that is not supported, and its value
     */
    static boolean byteLevel(JsonFile json, boolean words) {
        requireValues(new JsonFile(json.path(), json.requireObject("model")), MODEL_VALUES);
        require(!json.has("normalizer"), json, "normalizer", "null");
        JsonElement after = json.object().get("post_processor");
        require(
                isType(after, null)
                        || isType(after, "ByteLevel")
                        || isType(after, "TemplateProcessing") && addsNothing(after),
                json,
                "post_processor",
                "null, ByteLevel or a TemplateProcessing that adds no token");
        JsonElement before = json.object().get("pre_tokenizer");
        boolean bytes = isType(before, "ByteLevel");
        require(
                isType(before, null)
                        || bytes
                                && !flag(json, before, "add_prefix_space", true)
                                && (!words || flag(json, before, "use_regex", true)),
                json,
                "pre_tokenizer",
                "null or GPT-2's ByteLevel, with add_prefix_space false and use_regex true,");
        JsonElement decoder = json.object().get("decoder");
        require(
                isType(decoder, null) || isType(decoder, bytes ? "ByteLevel" : "Fuse"),
                json,
                "decoder",
                bytes ? "ByteLevel" : "null or Fuse");
        return bytes;
    }

    /** Tells whether a step is of a type; null for no step. */
    private static boolean isType(JsonElement step, String type) {
        if (step == null || step.isJsonNull()) {
            return type == null;
        }
        return type != null
                && step instanceof JsonObject object
                && new JsonPrimitive(type).equals(object.get("type"));
    }

    private static boolean flag(JsonFile json, JsonElement step, String key, boolean otherwise) {
        return new JsonFile(json.path(), step.getAsJsonObject()).flag(key, otherwise);
    }

    private static boolean addsNothing(JsonElement template) {
        JsonElement single = template.getAsJsonObject().get("single");
        return single != null
                && single.isJsonArray()
                && single.getAsJsonArray().size() == 1
                && single.toString().startsWith("[{\"Sequence\":");
    }

    private static void requireValues(JsonFile json, Map<String, JsonElement> values) {
        values.forEach(
                (key, value) ->
                        require(
                                !json.has(key) || json.object().get(key).equals(value),
                                json,
                                key,
                                value));
    }

    private static void require(boolean legal, JsonFile json, String key, Object supported) {
        if (!legal) {
            throw json.unsupported(key, supported);
        }
    }

    /**
     * Returns the tokens that were added to a vocabulary. Those that are special are not looked for
     * in texts here; the Python library can do so too (split_special_tokens).
     *
     * @throws BadInputException if one is looked for in every text
     */
    static Map<String, Integer> added(Path directory) {
        Map<String, Integer> added = new TreeMap<>();
        Path settings = directory.resolve(SETTINGS);
        if (Files.exists(settings)) {
            JsonFile json = JsonFile.read(settings);
            requireValues(json, SETTING_VALUES);
            if (json.has("added_tokens_decoder")) {
                JsonObject tokens = json.requireObject("added_tokens_decoder");
                tokens.entrySet().forEach(e -> add(json, e.getValue(), e.getKey(), added));
            }
        }
        Path single = directory.resolve(TokenizerFiles.TOKENIZER);
        if (Files.exists(single)) {
            JsonFile json = JsonFile.read(single);
            if (json.has("added_tokens")) {
                json.requireArray("added_tokens").forEach(token -> add(json, token, null, added));
            }
        }
        Path old = directory.resolve("added_tokens.json");
        if (Files.exists(old)) {
            Path names = directory.resolve("special_tokens_map.json");
            String special = Files.exists(names) ? JsonFile.read(names).object().toString() : "";
            JsonFile json = JsonFile.read(old);
            for (String token : json.object().keySet()) {
                boolean known = added.containsKey(token);
                require(
                        known || special.contains(new JsonPrimitive(token).toString()),
                        json,
                        token,
                        "a token that special_tokens_map.json names");
                added.put(token, json.requireToken(token));
            }
        }
        return added;
    }

    private static void add(
            JsonFile json, JsonElement element, String number, Map<String, Integer> added) {
        if (!(element instanceof JsonObject object)) {
            throw new BadInputException(json.path() + " has the added token " + element);
        }
        JsonFile token = new JsonFile(json.path(), object);
        if (number != null) {
            object.addProperty("id", number);
        }
        if (!token.flag("special", false)) {
            throw new BadInputException(
                    json.path()
                            + " has the added token "
                            + object.get("content")
                            + " ("
                            + object.get("id")
                            + "), which is looked for in every text; only special ones are"
                            + " supported");
        }
        added.put(token.requireText("content"), token.requireToken("id"));
    }
}
