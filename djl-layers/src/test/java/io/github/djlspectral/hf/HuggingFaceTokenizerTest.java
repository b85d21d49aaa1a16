package io.github.djlspectral.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.util.JsonUtils;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HuggingFaceTokenizerTest {

    private static final int GPT2 = 50257;

    @TempDir private Path directory;
    private final Set<String> unused = new TreeSet<>();

    /** The checksums by which OpenAI's tiktoken knows encoder.json and vocab.bpe. */
    @ParameterizedTest
    @CsvSource({
        "vocab.json, 196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
        "merges.txt, 1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"
    })
    void writesThePublishedFilesOfGpt2(String file, String sha256)
            throws IOException, NoSuchAlgorithmException {
        HuggingFaceTokenizer.write(directory, Tokenization.GPT2.tokenizerFor(""), 1024);
        byte[] digest =
                MessageDigest.getInstance("SHA-256")
                        .digest(Files.readAllBytes(directory.resolve(file)));
        assertThat(HexFormat.of().formatHex(digest)).isEqualTo(sha256);
    }

    @Test
    void recognisesGpt2() throws IOException {
        HuggingFaceTokenizer.write(directory, Tokenization.GPT2.tokenizerFor(""), 1024);
        assertThat(read(GPT2)).extracting(Tokenizer::tokenization).isEqualTo(Tokenization.GPT2);
        Path merges = directory.resolve("merges.txt");
        String all = Files.readString(merges);
        Files.writeString(merges, all.replace("\nh e\n", "\ne h\n"));
        refuses(GPT2, "is not supported");
        Files.writeString(merges, all);
        ReferenceCheckpoints.edit(
                directory.resolve("vocab.json"), "\"the\": 1169", "\"the\": 1170");
        refuses(GPT2, "is not supported");
        Files.delete(merges);
        refuses(GPT2, "merges.txt is missing");
    }

    @Test
    void recognisesGpt2InOneFile() throws IOException {
        Vocabulary vocabulary = Vocabulary.of(Tokenization.GPT2.tokenizerFor(""));
        JsonArray merges = new JsonArray();
        vocabulary
                .merges()
                .forEach(merge -> merges.add(JsonUtils.GSON.toJsonTree(merge.split(" "))));
        JsonObject model = new JsonObject();
        model.add("vocab", JsonUtils.GSON.toJsonTree(vocabulary.tokens()));
        model.add("merges", merges);
        JsonObject json = new JsonObject();
        json.add("model", model);
        JsonObject words = new JsonObject();
        words.addProperty("type", "ByteLevel");
        words.addProperty("add_prefix_space", false);
        json.add("pre_tokenizer", words);
        Path file = directory.resolve("tokenizer.json");
        Files.writeString(file, JsonUtils.GSON.toJson(json));
        assertThat(read(GPT2)).extracting(Tokenizer::tokenization).isEqualTo(Tokenization.GPT2);
        words.addProperty("use_regex", false);
        Files.writeString(file, JsonUtils.GSON.toJson(json));
        refuses(GPT2, "use_regex true, is supported");
        json.remove("pre_tokenizer");
        Files.writeString(file, JsonUtils.GSON.toJson(json));
        refuses(GPT2, "is not supported");
    }

    @Test
    void recognisesBytes() throws IOException {
        HuggingFaceTokenizer.write(directory, Tokenization.BYTES.tokenizerFor(""), 64);
        assertThat(read(256)).extracting(Tokenizer::tokenization).isEqualTo(Tokenization.BYTES);
        assertThat(read(257))
                .as("padded")
                .extracting(Tokenizer::tokenization)
                .isEqualTo(Tokenization.BYTES);
        refuses(255, "has 256 tokens, but the model 255");
    }

    @Test
    void recognisesCharacters() throws IOException {
        Tokenizer characters = Tokenization.CHARS.tokenizerFor("\n \"<\\a\u00e9\u2028\ud83d\ude00");
        HuggingFaceTokenizer.write(directory, characters, 64);
        Tokenizer read = read(characters.vocabSize());
        assertThat(read).extracting(Tokenizer::tokenization).isEqualTo(Tokenization.CHARS);
        String text = "a\ud83d\ude00\u2028<\"";
        assertThat(read.encode(text)).isEqualTo(characters.encode(text));
        assertThat(read.decode(read.encode(text))).isEqualTo(text);
    }

    /** What Hub checkpoints have: a padded vocabulary, and special tokens behind the usual ones. */
    @Test
    void tokensMayBeAddedToGpt2() throws IOException {
        HuggingFaceTokenizer.write(directory, Tokenization.GPT2.tokenizerFor(""), 1024);
        Path added = directory.resolve("added_tokens.json");
        Files.writeString(added, "{\"[PAD]\": 50257, \"<|sep|>\": 50258}");
        refuses(50304, "[PAD]");
        Files.writeString(
                directory.resolve("special_tokens_map.json"),
                "{\"pad_token\": \"[PAD]\", \"sep_token\": {\"content\": \"<|sep|>\"}}");
        assertThat(read(50304).encode("[PAD]"))
                .isEqualTo(Tokenization.GPT2.tokenizerFor("").encode("[PAD]"));
        assertThat(unused).containsExactly("token <|sep|> (50258)", "token [PAD] (50257)");
        refuses(50256, "has 50257 tokens, but the model 50256");
        Files.writeString(added, "{}");
        Files.writeString(
                directory.resolve("tokenizer_config.json"),
                "{\"added_tokens_decoder\": {\"50257\": {\"content\": \" the\"}}}");
        refuses(
                50304,
                "the added token {\"content\":\" the\",\"id\":\"50257\"}, which is looked for");
    }

    @ParameterizedTest
    @CsvSource({"add_prefix_space", "add_bos_token", "add_eos_token", "do_lower_case"})
    void settingsThatMakeOtherTokensAreRefused(String key) throws IOException {
        HuggingFaceTokenizer.write(directory, Tokenization.BYTES.tokenizerFor(""), 64);
        Path settings = directory.resolve("tokenizer_config.json");
        Files.writeString(settings, "{\"" + key + "\": true}");
        refuses(256, "tokenizer_config.json has " + key + " true, but only false is supported");
        Files.writeString(settings, "{\"" + key + "\": false}");
        read(256);
    }

    private Tokenizer read(int vocabSize) {
        return HuggingFaceTokenizer.read(directory, vocabSize, unused);
    }

    private void refuses(int vocabSize, String message) {
        assertThatThrownBy(() -> read(vocabSize))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(message);
    }
}
