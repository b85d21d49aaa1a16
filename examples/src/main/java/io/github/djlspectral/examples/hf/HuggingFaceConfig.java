package io.github.djlspectral.examples.hf;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.github.djlspectral.examples.data.BadInputException;
import io.github.djlspectral.examples.data.Gpt2Tokenizer;
import io.github.djlspectral.examples.data.Tokenizer;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

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
                values.get(0));
    }

    private static void require(boolean condition, JsonFile json, String key, Object supported) {
        if (!condition) {
            throw new BadInputException(
                    json.path()
                            + " has "
                            + key
                            + " "
                            + json.object().get(key)
                            + ", but only "
                            + supported
                            + " is supported");
        }
    }

    /** Writes the file; among our tokenizers only GPT-2's has a token that ends a text. */
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
        for (String dropout : List.of("resid_pdrop", "embd_pdrop", "attn_pdrop")) {
            json.addProperty(dropout, config.dropout());
        }
        json.addProperty("tie_word_embeddings", true);
        if (!config.bias()) {
            json.addProperty(BIAS, false);
        }
        JsonElement end =
                tokenizer instanceof Gpt2Tokenizer
                        ? new JsonPrimitive(Gpt2Tokenizer.END_OF_TEXT)
                        : JsonNull.INSTANCE;
        json.add("bos_token_id", end);
        json.add("eos_token_id", end);
        json.addProperty("torch_dtype", format.torchName());
        Files.writeString(path, GSON.toJson(json) + "\n");
    }
}
