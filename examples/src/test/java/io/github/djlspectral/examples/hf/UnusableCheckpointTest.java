package io.github.djlspectral.examples.hf;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.data.BadInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Checkpoints that cannot be used. */
class UnusableCheckpointTest {

    @TempDir private Path directory;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "model_type\": \"gpt2           | model_type\": \"llama         | model_type \"llama\"",
                "gelu_new                       | gelu                          | but only \"gelu_new\"",
                "1e-05                          | 1e-06                         | layer_norm_epsilon",
                "n_inner\": null                | n_inner\": 24                 | n_inner 24",
                "n_head\": 3                    | n_head\": 5                   | n_embd 12",
                "n_head\": 3                    | n_head\": 0                   | n_head 0",
                "n_head\": 3                    | n_heads\": 3                  | lacks n_head",
                "n_layer\": 2                   | n_layer\": \"two\"            | n_layer \"two\"",
                "n_layer\": 2                   | n_layer\": 2000000000         | the model has 2000000000 layers",
                "n_layer\": 2                   | n_layer\": 3                  | lacks h.2.attn.c_attn.bias",
                "n_embd\": 12                   | n_embd\": 24                  | of shape",
                "n_positions\": 10              | n_positions\": 11             | wpe.weight of shape (10, 12)",
                "0.1                            | 1                             | resid_pdrop 1",
                "word_embeddings\": true        | word_embeddings\": 1          | neither true nor",
                "word_embeddings\": true        | word_embeddings\": false      | lacks lm_head.weight",
                "vocab_size\": 19               | vocab_size\": 20              | of shape (19, 12)",
                "\"n_ctx\": 10                  | \"quantization_config\": {}   | quantization_config",
                "\"n_ctx\": 10                  | \"scale_attn_weights\": false | scale_attn_weights",
                "{                              | [                             | is not JSON"
            })
    void refusesOtherModels(String old, String replacement, String message) throws IOException {
        Path path = copy("f16");
        ReferenceCheckpoints.edit(path.resolve("config.json"), old, replacement);
        refuses(path, message);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\" \": 1         | \" \": 7        | is not supported",
                "\"merges\": []   | \"merges\": [\"a e\"] | is not supported",
                "\"!\": 2         | \"!\": 2, \"z\": 19   | 20 tokens, but the model 19",
                "\"!\": 2         | \"!\": \"two\"  | no number for the token '!'",
                "\"!\": 2         | \"!\": [2, 3]  | no number for the token '!'",
                "\"merges\": []   | \"merges\": [[\"a\"]] | which is no pair",
                "\"merges\": []   | \"pieces\": []  | no byte pair encoding",
                "\"vocab\"        | \"words\"       | lacks the object vocab"
            })
    void refusesOtherTokenizers(String old, String replacement, String message) throws IOException {
        Path path = copy("f32");
        ReferenceCheckpoints.edit(path.resolve("tokenizer.json"), old, replacement);
        refuses(path, message);
    }

    @Test
    void refusesMissingFiles() throws IOException {
        Path path = copy("f32");
        Files.delete(path.resolve("tokenizer.json"));
        refuses(path, "neither vocab.json and merges.txt nor tokenizer.json");
        Files.delete(path.resolve("model.safetensors"));
        refuses(path, "neither model.safetensors nor model.safetensors.index.json");
        Files.delete(path.resolve("config.json"));
        refuses(path, "config.json is missing");
        refuses(path.resolve("none"), "does not exist");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "model-00001-of | ../model-00001-of       | no plain file name",
                "model-00001-of | /model-00001-of         | no plain file name",
                "model-00001-of | model-00003-of          | 00003-of-00002.safetensors is missing",
                "wpe.weight     | wpe.other               | do not agree on where wpe.other is",
                "\"wpe.weight\": \"model-00001-of-00002.safetensors\", | \" \" | do not agree on",
                "weight_map     | weights                 | lacks the object weight_map"
            })
    void refusesBadIndices(String old, String replacement, String message) throws IOException {
        Path path = copy("f16");
        String text = "\" \"".equals(replacement) ? "" : replacement;
        ReferenceCheckpoints.edit(path.resolve("model.safetensors.index.json"), old, text);
        refuses(path, message);
    }

    @Test
    void namesTheMissingArrays() throws IOException {
        Path path = copy("f32");
        ReferenceCheckpoints.rewrite(
                path,
                ReferenceCheckpoints.tensors(path)
                        .remove("transformer.h.1.ln_2.bias")
                        .remove("transformer.wpe.weight"));
        refuses(path, "lacks h.1.ln_2.bias, wpe.weight");
    }

    @Test
    void refusesTwoArraysForOneParameter() throws IOException {
        Path path = copy("f32");
        FixedTensors tensors = ReferenceCheckpoints.tensors(path);
        String name = "ln_f.weight";
        ReferenceCheckpoints.rewrite(
                path, tensors.put(name, new Shape(12), tensors.read("transformer." + name)));
        refuses(path, "has both ln_f.weight and transformer.ln_f.weight");
    }

    @Test
    void refusesAHeadOfItsOwn() throws IOException {
        Path path = copy("f32");
        FixedTensors tensors = ReferenceCheckpoints.tensors(path);
        float[] head = tensors.read("lm_head.weight");
        head[7] = Math.nextUp(head[7]);
        ReferenceCheckpoints.rewrite(path, tensors.put("lm_head.weight", new Shape(19, 12), head));
        TensorSource weights = HuggingFaceCheckpoint.open(path).weights();
        assertThatThrownBy(() -> weights.read("wte.weight"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("only a tied head is supported");
    }

    private Path copy(String name) {
        return ReferenceCheckpoints.copy(name, directory.resolve("checkpoint"));
    }

    private static void refuses(Path path, String message) {
        assertThatThrownBy(() -> HuggingFaceCheckpoint.open(path))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(message);
    }
}
