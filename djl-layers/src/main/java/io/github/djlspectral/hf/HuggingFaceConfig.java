package io.github.djlspectral.hf;

import ai.djl.ndarray.types.DataType;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonPrimitive;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.stream.Stream;

/** The file {@code config.json} of a checkpoint. */
final class HuggingFaceConfig {

    static final String FILE = "config.json";
    private static final String END_OF_TEXT = "eos_token_id";
    private static final JsonElement GPT2_END = new JsonPrimitive(Tokenizer.END_OF_TEXT);

    /** The key "bias" is ours, after nanoGPT: published models have biases, which may be zero. */
    private static final String TEMPLATE =
            """
            {
              "architectures": ["GPT2LMHeadModel"],
              "model_type": "gpt2",
              "vocab_size": %s, "n_positions": %s, "n_ctx": %2$s,
              "n_layer": %s, "n_head": %s, "n_embd": %s, "bias": %s,
              "activation_function": "gelu_new", "layer_norm_epsilon": 1e-05,
              "resid_pdrop": %s, "embd_pdrop": %7$s, "attn_pdrop": %7$s,
              "tie_word_embeddings": true, "torch_dtype": "%s",
              "bos_token_id": %s, "eos_token_id": %s
            }
            """;

    private HuggingFaceConfig() {}

    /** Reads the shape of a model; refuses what is not GPT-2 as published. */
    static Gpt2Config read(JsonFile json) {
        json.requireOneOf("model_type", "gpt2");
        json.requireOneOf("activation_function", "gelu_new", "gelu_pytorch_tanh"); // one function
        json.requireOneOf("scale_attn_weights", true);
        json.requireOneOf("scale_attn_by_inverse_layer_idx", false);
        json.requireOneOf("add_cross_attention", false);
        json.requireOneOf("layer_norm_epsilon", 1e-5);
        json.require(!json.has("quantization_config"), "quantization_config", "none");
        int width = json.requireWhole("n_embd", 1);
        int heads = json.requireWhole("n_head", 1);
        json.requireOneOf("n_inner", 4L * width);
        json.require(width % heads == 0, "n_embd", "a multiple of n_head");
        return new Gpt2Config(
                json.requireWhole("vocab_size", 1),
                json.requireWhole(json.has("n_positions") ? "n_positions" : "n_ctx", 1),
                json.requireWhole("n_layer", 1),
                heads,
                width,
                dropout(json),
                json.flag("bias", true));
    }

    /** The published files have three probabilities, all of them equal; we have one. */
    private static float dropout(JsonFile json) {
        double dropout = json.has("resid_pdrop") ? json.number("resid_pdrop") : 0;
        json.require(dropout >= 0 && dropout < 1, "resid_pdrop", "a number in [0, 1)");
        return (float) dropout;
    }

    /** Describes what the file says and the model leaves out. */
    static List<String> unused(JsonFile json) {
        return Stream.of("resid_pdrop", "embd_pdrop", "attn_pdrop")
                .filter(key -> json.has(key) && (float) json.number(key) != dropout(json))
                .map(key -> key + " " + json.object().get(key))
                .toList();
    }

    /**
     * Returns the tokens that end a text, as the Python library finds them: it asks config.json
     * only where there is no generation_config.json, and takes GPT-2's own if nothing is said.
     */
    static List<Integer> endOfText(JsonFile json, int vocabSize) {
        Path generation = json.path().resolveSibling("generation_config.json");
        JsonFile file = Files.exists(generation) ? JsonFile.read(generation) : json;
        JsonElement usual = file == json ? GPT2_END : JsonNull.INSTANCE;
        JsonElement given = Objects.requireNonNullElse(file.object().get(END_OF_TEXT), usual);
        JsonArray all = given instanceof JsonArray array ? array : new JsonArray();
        if (!given.isJsonArray() && !given.isJsonNull()) {
            all.add(given);
        }
        List<Integer> tokens = new ArrayList<>();
        for (JsonElement end : all) {
            boolean number = end instanceof JsonPrimitive primitive && primitive.isNumber();
            double token = number ? end.getAsDouble() : Double.NaN;
            boolean legal = token == Math.rint(token);
            file.require(legal, END_OF_TEXT, "a token, a list of tokens or null");
            if (token >= 0 && token < vocabSize) { // others never come
                tokens.add((int) token);
            }
        }
        return tokens;
    }

    /** Returns the text of the file. */
    static String text(Gpt2Config config, List<Integer> endOfText, DataType type) {
        Integer first = endOfText.isEmpty() ? null : endOfText.get(0);
        return TEMPLATE.formatted(
                config.vocabSize(),
                config.contextLength(),
                config.layers(),
                config.heads(),
                config.width(),
                config.bias(),
                config.dropout(),
                type.name().toLowerCase(Locale.ROOT),
                first,
                endOfText.size() > 1 ? endOfText : first);
    }
}
