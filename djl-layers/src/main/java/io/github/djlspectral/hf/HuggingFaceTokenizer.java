package io.github.djlspectral.hf;

import static io.github.djlspectral.text.BadInputException.unless;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

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
    private static final String ADDS_NOTHING =
            ".*\"TemplateProcessing\".*\"single\":\\[\\{\"Sequence\":\\{[^{}]*\\}\\}\\].*";

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
        if (tokenizer.tokenization().isGpt2()) {
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

    /** Finds out which tokenizer is a checkpoint's; adds the tokens that no text is encoded to. */
    static Tokenizer read(Path directory, int vocabSize, Set<String> unused) {
        JsonFile json = JsonFile.readIfThere(directory.resolve(TOKENIZER));
        Map<String, Integer> added = added(directory, json);
        Vocabulary vocabulary = // the Python library prefers the single file too
                Files.exists(json.path()) ? vocabulary(json) : vocabulary(directory);
        added.remove(Tokenizer.END_OF_TEXT_MARK, Tokenizer.END_OF_TEXT);
        vocabulary.tokens().entrySet().removeAll(added.entrySet());
        added.forEach((token, number) -> unused.add("token " + token + " (" + number + ")"));
        List<String> merges = vocabulary.merges();
        String all = String.join("", vocabulary.tokens().keySet());
        Tokenizer tokenizer = // the only one whose tables these can be
                !vocabulary.byteLevel() && !all.isEmpty()
                        ? Tokenization.CHARS.tokenizerFor(all)
                        : merges.isEmpty()
                                ? Tokenization.BYTES.tokenizerFor("")
                                : Tokenization.GPT2.tokenizerFor("");
        String other =
                "The tokenizer in %s (%s tokens, %s merges) is not supported: only GPT-2's own 50257"
                        + " tokens, the 256 bytes, and characters in ascending order are";
        boolean known = Vocabulary.of(tokenizer).equals(vocabulary);
        unless(known, other, directory, vocabulary.tokens().size(), merges.size());
        requireFit(tokenizer, vocabSize);
        return tokenizer;
    }

    /** Fails if a tokenizer has tokens that a model lacks. */
    static void requireFit(Tokenizer tokenizer, int vocabSize) {
        int tokens = tokenizer.vocabSize();
        String format = "The tokenizer has %s tokens, but the model %s: they are no pair";
        unless(tokens <= vocabSize, format, tokens, vocabSize);
    }

    private static Vocabulary vocabulary(Path directory) {
        Path tokens = directory.resolve(VOCABULARY);
        String missing = "%s has no tokenizer: neither %s and %s nor %s";
        unless(Files.exists(tokens), missing, directory, VOCABULARY, MERGES, TOKENIZER);
        List<String> merges =
                JsonFile.text(directory.resolve(MERGES))
                        .lines()
                        .filter(line -> !line.startsWith("#version") && !line.isEmpty())
                        .toList();
        return new Vocabulary(numbers(JsonFile.read(tokens)), merges, true);
    }

    private static Vocabulary vocabulary(JsonFile json) {
        JsonFile model = json.requireObject("model");
        Map<String, Integer> tokens = numbers(model.requireObject("vocab"));
        List<String> merges = new ArrayList<>();
        model.require("merges", JsonArray.class).forEach(merge -> merges.add(text(merge)));
        return new Vocabulary(tokens, merges, byteLevel(json, !merges.isEmpty()));
    }

    /** Older files have "a b", newer ones ["a", "b"]; all else is a text that no table has. */
    private static String text(JsonElement merge) {
        return merge instanceof JsonArray pair
                ? pair.asList().stream().map(each -> text(each)).collect(Collectors.joining(" "))
                : merge.isJsonPrimitive() ? merge.getAsString() : merge.toString();
    }

    private static Map<String, Integer> numbers(JsonFile tokens) {
        Map<String, Integer> numbers = new TreeMap<>();
        tokens.object().keySet().forEach(t -> numbers.put(t, tokens.requireWhole(t, 0)));
        return numbers;
    }

    /**
     * Checks the steps of tokenizer.json, and returns whether texts are bytes to it, not
     * characters. If tokens are merged, it matters how it cuts a text into words.
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
        boolean nothing = String.valueOf(json.object().get("post_processor")).matches(ADDS_NOTHING);
        json.require(
                after.isEmpty() || after.equals(BYTE_LEVEL) || nothing,
                "post_processor",
                "null, ByteLevel or a TemplateProcessing that adds no token");
        String before = type(json, "pre_tokenizer");
        boolean bytes = before.equals(BYTE_LEVEL);
        if (bytes) {
            JsonFile step = json.requireObject("pre_tokenizer");
            bytes = !step.flag("add_prefix_space", true);
            bytes &= !words || step.flag("use_regex", true);
        }
        json.require(
                before.isEmpty() || bytes,
                "pre_tokenizer",
                "null or GPT-2's ByteLevel, with add_prefix_space false and use_regex true,");
        String decoder = type(json, "decoder");
        boolean inverse = decoder.isEmpty() || decoder.equals(bytes ? BYTE_LEVEL : "Fuse");
        json.require(inverse, "decoder", bytes ? BYTE_LEVEL : "null or Fuse");
        return bytes;
    }

    /** Returns the type of a step; empty if there is no such step. */
    private static String type(JsonFile json, String step) {
        if (!json.has(step)) {
            return "";
        }
        boolean known = json.object().get(step) instanceof JsonObject object && object.has("type");
        return known ? text(json.requireObject(step).object().get("type")) : "unknown";
    }

    /**
     * Returns the tokens that were added to a vocabulary. Those that are special are not looked for
     * in texts here; the Python library can do so too (split_special_tokens).
     */
    private static Map<String, Integer> added(Path directory, JsonFile json) {
        Map<String, Integer> added = new TreeMap<>();
        JsonFile settings = JsonFile.readIfThere(directory.resolve(SETTINGS));
        List.of("add_prefix_space", "add_bos_token", "add_eos_token", "do_lower_case")
                .forEach(key -> settings.requireOneOf(key, false));
        if (settings.has("added_tokens_decoder")) {
            JsonFile tokens = settings.requireObject("added_tokens_decoder");
            for (String number : tokens.object().keySet()) {
                JsonFile token = tokens.requireObject(number);
                token.object().addProperty("id", number);
                add(token, added);
            }
        }
        if (json.has("added_tokens")) {
            for (JsonElement token : json.require("added_tokens", JsonArray.class)) {
                unless(token.isJsonObject(), "%s has the added token %s", json.path(), token);
                add(new JsonFile(json.path(), token.getAsJsonObject()), added);
            }
        }
        JsonFile old = JsonFile.readIfThere(directory.resolve("added_tokens.json"));
        Path names = directory.resolve("special_tokens_map.json");
        String special = JsonFile.readIfThere(names).object().toString();
        for (String token : old.object().keySet()) {
            boolean known = special.contains(new JsonPrimitive(token).toString());
            String supported = "a token that special_tokens_map.json names";
            old.require(known || added.containsKey(token), token, supported);
            added.put(token, old.requireWhole(token, 0));
        }
        return added;
    }

    private static void add(JsonFile token, Map<String, Integer> added) {
        boolean special = token.flag("special", false);
        String sought =
                "%s has the added token %s, which is looked for in every text: use special ones";
        unless(special, sought, token.path(), token.object());
        JsonPrimitive text = token.require("content", JsonPrimitive.class);
        added.put(text.getAsString(), token.requireWhole("id", 0));
    }
}
