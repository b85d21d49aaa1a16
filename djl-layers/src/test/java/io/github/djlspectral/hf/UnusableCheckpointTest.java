package io.github.djlspectral.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Checkpoints that cannot be used. */
class UnusableCheckpointTest {

    @TempDir private Path directory;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "model_type\": \"gpt2           | model_type\": \"llama         | model_type \"llama\"",
                "gelu_new                       | gelu                          | \"gelu\", but only \"gelu_new\" or",
                "1e-05                          | 1e-06                         | layer_norm_epsilon",
                "n_inner\": null                | n_inner\": 24                 | n_inner 24",
                "n_head\": 3                    | n_head\": 5                   | n_embd 12",
                "n_head\": 3                    | n_head\": 0                   | n_head 0",
                "n_head\": 3                    | n_heads\": 3                  | lacks n_head",
                "n_layer\": 2                   | n_layer\": \"two\"            | n_layer \"two\"",
                "n_layer\": 2                   | n_layer\": 2000000000         | the model has 2000000000 layers",
                "n_layer\": 2                   | n_layer\": 3                  | lacks 12 parameters: [h.2.attn.c_attn.bias, ",
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
                "\"!\": 2         | \"!\": \"two\"  | has ! \"two\", which is no number",
                "\"!\": 2         | \"!\": [2, 3]  | has ! [2,3], which is no number",
                "\"merges\": []   | \"merges\": [[\"a\"]] | (19 tokens, 1 merges) is not supported",
                "\"merges\": []   | \"pieces\": []  | lacks the JsonArray merges",
                "\"vocab\"        | \"words\"       | lacks the JsonObject vocab"
            })
    void refusesOtherTokenizers(String old, String replacement, String message) throws IOException {
        Path path = copy("f32");
        ReferenceCheckpoints.edit(path.resolve("tokenizer.json"), old, replacement);
        refuses(path, message);
    }

    /** Each would cut texts into other tokens than ours, or glue them together differently. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "'normalizer':{'type':'NFC'}                       | normalizer {\"type\":\"NFC\"}",
                "'normalizer':{'type':'Lowercase'}                 | normalizer",
                "'normalizer':{'type':'Sequence','normalizers':[]} | normalizer",
                "'pre_tokenizer':{'type':'Whitespace'}             | pre_tokenizer {\"type\":\"Whi",
                "'pre_tokenizer':{'type':'Split','pattern':{}}     | pre_tokenizer",
                "'pre_tokenizer':{'type':'Sequence'}               | pre_tokenizer",
                "'pre_tokenizer':{}                                | pre_tokenizer {}",
                "'pre_tokenizer':{'type':'ByteLevel'}              | add_prefix_space false",
                "'pre_tokenizer':{'type':'ByteLevel','add_prefix_space':true} | _space false",
                "'post_processor':{'type':'BertProcessing'}        | post_processor",
                "'post_processor':{'type':'TemplateProcessing','single':"
                        + "[{'SpecialToken':{'id':'<s>'}},{'Sequence':{}}]} | adds no token",
                "'decoder':{'type':'WordPiece'}                    | null or Fuse is supported",
                "'added_tokens':[{'id':2,'content':'!'}]           | added token {\"id\":2,\"content\":\"!\"}, which is",
                "'added_tokens':[{'id':2,'special':true}]          | lacks the JsonPrimitive content",
                "'added_tokens':[{'content':'x','special':true}]   | lacks id",
                "'added_tokens':[3]                                | added token 3",
                "'added_tokens':3                                  | lacks the JsonArray added_tokens"
            })
    void refusesStepsThatMakeOtherTokens(String step, String message) throws IOException {
        Path path = copy("f32");
        Path file = path.resolve("tokenizer.json");
        ReferenceCheckpoints.edit(file, "\"pre_tokenizer\": null, ", "");
        ReferenceCheckpoints.edit(file, "\"model\"", step.replace('\'', '"') + ", \"model\"");
        refuses(path, message);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "'post_processor':{'type':'TemplateProcessing','single':[{'Sequence':{'id':'A'}}]}",
                "'post_processor':{'type':'ByteLevel','trim_offsets':false}",
                "'post_processor':null",
                "'decoder':{'type':'Fuse'}"
            })
    void obeysStepsThatMakeTheSameTokens(String step) throws IOException {
        Path path = copy("f32");
        ReferenceCheckpoints.edit(
                path.resolve("tokenizer.json"),
                "\"model\"",
                step.replace('\'', '"') + ", \"model\"");
        assertThat(HuggingFaceGpt2.open(path).tokenizer().vocabSize()).isEqualTo(19);
    }

    @ParameterizedTest
    @CsvSource({
        "'type', 'Unigram'",
        "'dropout', 0.1",
        "'continuing_subword_prefix', '##'",
        "'end_of_word_suffix', '</w>'",
        "'byte_fallback', true",
        "'ignore_merges', true"
    })
    void refusesOtherBytePairs(String key, String value) throws IOException {
        String json = value.matches("[a-z0-9.]*") ? value : "\"" + value + "\"";
        Path path = copy("f32");
        ReferenceCheckpoints.edit(
                path.resolve("tokenizer.json"),
                "\"type\": \"BPE\"",
                "\"" + key + "\": " + (key.equals("type") ? "\"Unigram\"" : json));
        refuses(path, "tokenizer.json has " + key + " ");
    }

    @Test
    void saysThatGitHasNotDownloadedAFile() throws IOException {
        String pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
        for (String file : List.of("tokenizer.json", "model.safetensors", "config.json")) {
            Path path = ReferenceCheckpoints.copy("f32", directory.resolve(file));
            Files.writeString(path.resolve(file), pointer);
            refuses(path, "is a Git LFS pointer");
            refuses(path, "run 'git lfs pull'");
            refuses(path, file);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"module.", "_orig_mod.", "module._orig_mod.transformer."})
    void wrappersMayHavePutAPrefixBeforeNames(String prefix) throws IOException {
        Path path = copy("f32");
        FixedTensors tensors = ReferenceCheckpoints.tensors(path);
        FixedTensors renamed = new FixedTensors();
        for (String name : tensors.names()) {
            renamed.put(prefix + name, tensors.shape(name), tensors.read(name));
        }
        HuggingFaceGpt2 weights = HuggingFaceGpt2.open(path);
        float[] before = weights.read("h.1.mlp.c_fc.weight");
        ReferenceCheckpoints.rewrite(path, renamed);
        HuggingFaceGpt2 read = HuggingFaceGpt2.open(path);
        assertThat(read.read("h.1.mlp.c_fc.weight")).isEqualTo(before);
        assertThat(read.unused()).allMatch(name -> name.endsWith(".masked_bias"));
    }

    @Test
    void saysWhichDropoutsItLeavesOut() throws IOException {
        Path path = copy("bf16");
        ReferenceCheckpoints.edit(
                path.resolve("config.json"), "\"n_ctx\": 10", "\"attn_pdrop\": 0.3");
        assertThat(HuggingFaceGpt2.open(path).unused())
                .containsExactly("attn_pdrop 0.3", "score.weight");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '\0',
            value = {
                "                        |                            | ",
                "\"eos_token_id\": 7     |                            | 7",
                "\"eos_token_id\": 99    |                            | ",
                "\"eos_token_id\": [3,4] |                            | 3,4",
                "\"eos_token_id\": 7     | {\"eos_token_id\": 8}      | 8",
                "\"eos_token_id\": 7     | {\"eos_token_id\": [1, 18]}| 1,18",
                "\"eos_token_id\": 7     | {}                         | "
            })
    void findsWhatEndsAText(String config, String generation, String ends) throws IOException {
        Path path = copy("bf16");
        if (config != null) {
            ReferenceCheckpoints.edit(path.resolve("config.json"), "\"n_ctx\": 10", config);
        }
        if (generation != null) {
            Files.writeString(path.resolve("generation_config.json"), generation);
        }
        Tokenizer tokenizer = HuggingFaceGpt2.open(path).tokenizer();
        assertThat(tokenizer.endOfText().stream().map(String::valueOf))
                .containsExactly(ends == null ? new String[0] : ends.split(","));
        tokenizer.save(directory.resolve("saved.json"));
        assertThat(Tokenizer.load(directory.resolve("saved.json")).endOfText())
                .isEqualTo(tokenizer.endOfText());
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"end\"", "[\"end\"]", "1.5", "{}", "true"})
    void refusesWhatCannotEndAText(String value) throws IOException {
        Path path = copy("bf16");
        ReferenceCheckpoints.edit(
                path.resolve("config.json"), "\"n_ctx\": 10", "\"eos_token_id\": " + value);
        refuses(path, "has eos_token_id " + value + ", but only");
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
                "wpe.weight     | wpe.other               | has wpe.other in model-00001-of-00002.safetensors, where it is not",
                "\"wpe.weight\": \"model-00001-of-00002.safetensors\", | \" \" | arrays, but its files have",
                "weight_map     | weights                 | lacks the JsonObject weight_map"
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
        refuses(path, "lacks 2 parameters: [h.1.ln_2.bias, wpe.weight]; not used: [");
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
        HuggingFaceGpt2 weights = HuggingFaceGpt2.open(path);
        assertThatThrownBy(() -> weights.read("wte.weight"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(
                        "lm_head.weight with values other than the token embedding's: its head must be");
    }

    private Path copy(String name) {
        return ReferenceCheckpoints.copy(name, directory.resolve("checkpoint"));
    }

    private static void refuses(Path path, String message) {
        assertThatThrownBy(() -> HuggingFaceGpt2.open(path))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(message);
    }
}
