package io.github.djlspectral.hf;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Gpt2Tokenizer;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The file {@code config.json} of a checkpoint. */
final class HuggingFaceConfig {

    static final String FILE = "config.json";

    /** Ours alone, after nanoGPT: the published architecture has biases, which may all be zero. */
    private static final String BIAS = "bias";

    private static final Gson GSON =
            new GsonBuilder().setPrettyPrinting().serializeNulls().create();
    private static final double EPSILON = 1e-5;

    /** What a model must have where the file says anything; two names of GELU's tanh form. */
    private static final Map<String, List<JsonElement>> SUPPORTED =
            Map.of(
                    "model_type", List.of(new JsonPrimitive("gpt2")),
                    "activation_function",
                            List.of(
                                    new JsonPrimitive("gelu_new"),
                                    new JsonPrimitive("gelu_pytorch_tanh")),
                    "scale_attn_weights", List.of(new JsonPrimitive(true)),
                    "scale_attn_by_inverse_layer_idx", List.of(new JsonPrimitive(false)),
                    "add_cross_attention", List.of(new JsonPrimitive(false)));

    private static final List<String> DROPOUTS = List.of("resid_pdrop", "embd_pdrop", "attn_pdrop");
    private static final String END_OF_TEXT = "eos_token_id";

    private HuggingFaceConfig() {}

    /**
     * Reads the shape of a model.
     *
     * @throws BadInputException if the file is missing or damaged, lacks a size, or describes a
     *     model other than GPT-2 as published
     */
    static Gpt2Config read(JsonFile json) {
        SUPPORTED.forEach((key, values) -> requireOneOf(json, key, values));
        require(
                !json.has("layer_norm_epsilon") || json.number("layer_norm_epsilon") == EPSILON,
                json,
                "layer_norm_epsilon",
                EPSILON);
        require(!json.has("quantization_config"), json, "quantization_config", "none");
        int width = json.requireCount("n_embd");
        require(
                !json.has("n_inner") || json.number("n_inner") == 4.0 * width,
                json,
                "n_inner",
                "4 n_embd");
        int heads = json.requireCount("n_head");
        require(width % heads == 0, json, "n_embd", "a multiple of n_head");
        return new Gpt2Config(
                json.requireCount("vocab_size"),
                json.requireCount(json.has("n_positions") ? "n_positions" : "n_ctx"),
                json.requireCount("n_layer"),
                heads,
                width,
                dropout(json),
                json.flag(BIAS, true));
    }

    /** Tells whether the output matrix is the token embedding. */
    static boolean isTied(JsonFile json) {
        return json.flag("tie_word_embeddings", true);
    }

    /**
     * Returns the tokens that end a text, as the Python library finds them: it asks config.json
     * only where there is no generation_config.json, and takes GPT-2's own if nothing is said.
     */
    static List<Integer> endOfText(JsonFile json, int vocabSize) {
        Path generation = json.path().resolveSibling("generation_config.json");
        JsonFile file = Files.exists(generation) ? JsonFile.read(generation) : json;
        JsonElement ends = file.object().get(END_OF_TEXT);
        if (ends == null) {
            boolean usual = file == json;
            ends = usual ? new JsonPrimitive(Gpt2Tokenizer.END_OF_TEXT) : JsonNull.INSTANCE;
        }
        JsonArray all = new JsonArray();
        if (ends.isJsonArray()) {
            all = ends.getAsJsonArray();
        } else if (!ends.isJsonNull()) {
            all.add(ends);
        }
        List<Integer> tokens = new ArrayList<>();
        for (JsonElement end : all) {
            boolean number = end.isJsonPrimitive() && end.getAsJsonPrimitive().isNumber();
            double token = number ? end.getAsDouble() : Double.NaN;
            if (token != Math.rint(token)) {
                throw file.unsupported(END_OF_TEXT, "a token, a list of tokens or null");
            }
            if (token >= 0 && token < vocabSize) { // others never come
                tokens.add((int) token);
            }
        }
        return tokens;
    }

    /** Describes what the file says and the model leaves out: it has one dropout instead of 3. */
    static Set<String> unused(JsonFile json) {
        Set<String> unused = new TreeSet<>();
        for (String key : DROPOUTS) {
            if (json.has(key) && (float) json.number(key) != dropout(json)) {
                unused.add(key + " " + json.object().get(key));
            }
        }
        return unused;
    }

    /** The published files have three probabilities, all of them equal; we have one. */
    private static float dropout(JsonFile json) {
        double dropout = json.has("resid_pdrop") ? json.number("resid_pdrop") : 0;
        require(dropout >= 0 && dropout < 1, json, "resid_pdrop", "a number in [0, 1)");
        return (float) dropout;
    }

    private static void requireOneOf(JsonFile json, String key, List<JsonElement> values) {
        require(
                !json.has(key) || values.contains(json.object().get(key)),
                json,
                key,
                values.stream().map(JsonElement::toString).collect(Collectors.joining(" or ")));
    }

    private static void require(boolean condition, JsonFile json, String key, Object supported) {
        if (!condition) {
            throw json.unsupported(key, supported);
        }
    }

    /** Writes the file. */
    static void write(Path path, Gpt2Config config, FloatFormat format, Tokenizer tokenizer)
            throws IOException {
        JsonObject json = new JsonObject();
        JsonArray architectures = new JsonArray();
        architectures.add("GPT2LMHeadModel");
        json.add("architectures", architectures);
        json.addProperty("model_type", "gpt2");
        json.addProperty("vocab_size", config.vocabSize());
        json.addProperty("n_positions", config.contextLength());
        json.addProperty("n_ctx", config.contextLength());
        json.addProperty("n_layer", config.layers());
        json.addProperty("n_head", config.heads());
        json.addProperty("n_embd", config.width());
        json.addProperty("activation_function", "gelu_new");
        json.addProperty("layer_norm_epsilon", EPSILON);
        for (String dropout : DROPOUTS) {
            json.addProperty(dropout, config.dropout());
        }
        json.addProperty("tie_word_embeddings", true);
        if (!config.bias()) {
            json.addProperty(BIAS, false);
        }
        JsonArray ends = new JsonArray();
        tokenizer.endOfText().forEach(ends::add);
        JsonElement first = ends.isEmpty() ? JsonNull.INSTANCE : ends.get(0);
        json.add("bos_token_id", first);
        json.add(END_OF_TEXT, ends.size() > 1 ? ends : first);
        json.addProperty("torch_dtype", format.torchName());
        Files.writeString(path, GSON.toJson(json) + "\n");
    }
}
