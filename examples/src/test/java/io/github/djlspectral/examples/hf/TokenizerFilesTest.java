package io.github.djlspectral.examples.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.util.JsonUtils;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.github.djlspectral.examples.data.BadInputException;
import io.github.djlspectral.examples.data.ByteTokenizer;
import io.github.djlspectral.examples.data.CharTokenizer;
import io.github.djlspectral.examples.data.Gpt2Tokenizer;
import io.github.djlspectral.examples.data.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenizerFilesTest {

    private static final int GPT2 = 50257;

    @TempDir private Path directory;

    /** The checksums by which OpenAI's tiktoken knows encoder.json and vocab.bpe. */
    @ParameterizedTest
    @CsvSource({
        "vocab.json, 196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
        "merges.txt, 1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"
    })
    void writesThePublishedFilesOfGpt2(String file, String sha256)
            throws IOException, NoSuchAlgorithmException {
        TokenizerFilesWriter.write(directory, new Gpt2Tokenizer(), 1024);
        byte[] digest =
                MessageDigest.getInstance("SHA-256")
                        .digest(Files.readAllBytes(directory.resolve(file)));
        assertThat(HexFormat.of().formatHex(digest)).isEqualTo(sha256);
    }

    @Test
    void recognisesGpt2() throws IOException {
        TokenizerFilesWriter.write(directory, new Gpt2Tokenizer(), 1024);
        assertThat(TokenizerFiles.read(directory, GPT2)).isInstanceOf(Gpt2Tokenizer.class);
        Path merges = directory.resolve("merges.txt");
        String all = Files.readString(merges);
        Files.writeString(merges, all.replace("\nh e\n", "\ne h\n"));
        refuses(GPT2, "is not supported");
        Files.writeString(merges, all);
        ReferenceCheckpoints.edit(
                directory.resolve("vocab.json"), "\"the\": 1169", "\"the\": 1170");
        refuses(GPT2, "is not supported");
        Files.delete(merges);
        refuses(GPT2, "Cannot read the tokenizer's");
    }

    @Test
    void recognisesGpt2InOneFile() throws IOException {
        Vocabulary vocabulary = Gpt2Merges.vocabulary();
        JsonArray merges = new JsonArray();
        vocabulary
                .merges()
                .forEach(merge -> merges.add(JsonUtils.GSON.toJsonTree(merge.split(" "))));
        JsonObject model = new JsonObject();
        model.add("vocab", JsonUtils.GSON.toJsonTree(vocabulary.tokens()));
        model.add("merges", merges);
        JsonObject json = new JsonObject();
        json.add("model", model);
        json.add("pre_tokenizer", new JsonObject());
        Path file = directory.resolve("tokenizer.json");
        Files.writeString(file, JsonUtils.GSON.toJson(json));
        assertThat(TokenizerFiles.read(directory, GPT2)).isInstanceOf(Gpt2Tokenizer.class);
        json.remove("pre_tokenizer");
        Files.writeString(file, JsonUtils.GSON.toJson(json));
        refuses(GPT2, "is not supported");
    }

    @Test
    void recognisesBytes() throws IOException {
        TokenizerFilesWriter.write(directory, new ByteTokenizer(), 64);
        assertThat(TokenizerFiles.read(directory, 256)).isInstanceOf(ByteTokenizer.class);
        refuses(257, "has 256 tokens, but the model 257");
    }

    @Test
    void recognisesCharacters() throws IOException {
        Tokenizer characters = CharTokenizer.of("\n \"<\\a\u00e9\u2028\ud83d\ude00");
        TokenizerFilesWriter.write(directory, characters, 64);
        Tokenizer read = TokenizerFiles.read(directory, characters.vocabSize());
        assertThat(read).isInstanceOf(CharTokenizer.class);
        String text = "a\ud83d\ude00\u2028<\"";
        assertThat(read.encode(text)).isEqualTo(characters.encode(text));
        assertThat(read.decode(read.encode(text))).isEqualTo(text);
    }

    private void refuses(int vocabSize, String message) {
        assertThatThrownBy(() -> TokenizerFiles.read(directory, vocabSize))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(message);
    }
}
