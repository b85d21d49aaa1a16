package io.github.djlspectral.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.ParameterStore;
import ai.djl.util.JsonUtils;
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.generate.TextGenerator;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Checkpoints that the transformers library wrote, and what it computes from them. {@code
 * transformers_check.py} says how both are made, and checks what is exported here.
 */
class TransformersTest {

    private static final double TOLERANCE = 8e-7;
    private static final int SHOWN_LOGITS = 400;
    private static final String WORK = System.getProperty("transformers");

    @TempDir private Path directory;

    private static final class Expected {
        private long[][] tokens;
        private double[][] logits;
        private String prompt;
        private String greedy;
        private Map<String, int[]> texts = new LinkedHashMap<>();
    }

    private static final class Texts {
        private List<String> texts;
        private int[][] gpt2;

        @com.google.gson.annotations.SerializedName("gpt2-eot")
        private int[][] separated;

        private List<String> refused;
    }

    private static Path folder() throws URISyntaxException {
        Path made = WORK == null ? null : Path.of(WORK, "in");
        return made != null && Files.exists(made)
                ? made
                : Path.of(TransformersTest.class.getResource("transformers").toURI());
    }

    static List<Path> checkpoints() throws IOException, URISyntaxException {
        try (Stream<Path> all = Files.list(folder())) {
            return all.filter(Files::isDirectory).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("checkpoints")
    void importsAre(Path path) throws IOException {
        Expected expected =
                JsonUtils.GSON.fromJson(
                        Files.readString(path.resolve("expected.json")), Expected.class);
        Expected ours = computed(HuggingFaceGpt2.open(path), expected);
        double largest = 0;
        double error = 0;
        assertThat(ours.logits).hasSameDimensionsAs(expected.logits);
        for (int i = 0; i < ours.logits.length; i++) {
            for (int j = 0; j < ours.logits[i].length; j++) {
                largest = Math.max(largest, Math.abs(expected.logits[i][j]));
                error = Math.max(error, Math.abs(ours.logits[i][j] - expected.logits[i][j]));
            }
        }
        if (WORK != null) {
            System.out.println(path.getFileName() + ": " + error / largest);
        }
        assertThat(error / largest).isLessThan(TOLERANCE);
        assertThat(ours.greedy).isEqualTo(expected.greedy);
        expected.texts.forEach(
                (text, tokens) -> assertThat(ours.texts.get(text)).as(text).isEqualTo(tokens));
    }

    @Test
    void nastyTextsBecomeTheSameTokens() throws IOException, URISyntaxException {
        Texts texts =
                JsonUtils.GSON.fromJson(
                        Files.readString(folder().resolve("texts.json")), Texts.class);
        Tokenizer plain = Tokenization.GPT2.tokenizerFor("");
        Tokenizer separated = Tokenization.GPT2_EOT.tokenizerFor("");
        for (int i = 0; i < texts.texts.size(); i++) {
            String text = texts.texts.get(i);
            assertThat(plain.encode(text)).as(text).isEqualTo(texts.gpt2[i]);
            assertThat(separated.encode(text)).as(text).isEqualTo(texts.separated[i]);
            assertThat(plain.decode(plain.encode(text))).isEqualTo(text);
        }
        for (String text : texts.refused) {
            assertThatThrownBy(() -> plain.encode(text)).isInstanceOf(BadInputException.class);
        }
    }

    /** Writes what the script reads, and reads it again itself. */
    @Test
    void exportsAre() throws IOException, URISyntaxException {
        Path out = WORK == null ? directory : Files.createDirectories(Path.of(WORK, "out"));
        Tokenizer characters = Tokenization.CHARS.tokenizerFor("\n !,.adeghilnorstuw");
        export(out, "f32", new Gpt2Config(19, 40, 2, 2, 8, 0, true), characters, DataType.FLOAT32);
        export(out, "f16", new Gpt2Config(19, 40, 3, 1, 8, 0, true), characters, DataType.FLOAT16);
        export(
                out,
                "bf16",
                new Gpt2Config(19, 40, 1, 4, 8, 0, true),
                characters,
                DataType.BFLOAT16);
        export(out, "f64", new Gpt2Config(19, 40, 2, 2, 8, 0, true), characters, DataType.FLOAT64);
        export(
                out,
                "no-bias",
                new Gpt2Config(19, 40, 2, 2, 8, 0.1f, false),
                characters,
                DataType.FLOAT32);
        export(
                out,
                "padded",
                new Gpt2Config(40, 40, 2, 2, 8, 0, true),
                characters.withEndOfText(List.of(3, 17)),
                DataType.FLOAT32);
        export(
                out,
                "bytes",
                new Gpt2Config(256, 40, 2, 2, 8, 0, true),
                Tokenization.BYTES.tokenizerFor(""),
                DataType.FLOAT32);
        if (WORK != null) {
            Gpt2Config large = new Gpt2Config(50257, 40, 2, 2, 8, 0, true);
            export(out, "gpt2", large, Tokenization.GPT2.tokenizerFor(""), DataType.FLOAT32);
        }
    }

    private static void export(
            Path out, String name, Gpt2Config config, Tokenizer tokenizer, DataType type)
            throws IOException, URISyntaxException {
        Path place = out.resolve(name);
        AtomicFiles.deleteAll(place);
        Random random = new Random(name.hashCode());
        FixedTensors weights = new FixedTensors();
        HuggingFaceGpt2.shapes(config, config.bias())
                .forEach(
                        (parameter, shape) -> {
                            float[] values = new float[(int) shape.size()];
                            for (int i = 0; i < values.length; i++) {
                                values[i] = (float) (0.4 * random.nextGaussian());
                            }
                            weights.put(parameter, shape, values);
                        });
        HuggingFaceGpt2.write(place, config, tokenizer, weights::read, type);
        HuggingFaceGpt2 read = HuggingFaceGpt2.open(place);
        assertThat(read.config()).isEqualTo(config);
        assertThat(read.tokenizer().endOfText()).isEqualTo(tokenizer.endOfText());
        Expected asked = new Expected();
        asked.tokens = new long[2][12];
        for (int i = 0; i < 24; i++) {
            asked.tokens[i / 12][i % 12] = i * 7919L % tokenizer.vocabSize();
        }
        asked.prompt = "where ";
        asked.texts.put("hello, world!\n\n  to the  end", null);
        if (!tokenizer.name().equals("chars")) {
            Texts nasty =
                    JsonUtils.GSON.fromJson(
                            Files.readString(folder().resolve("texts.json")), Texts.class);
            nasty.texts.forEach(text -> asked.texts.put(text, null));
        }
        Expected ours = computed(read, asked);
        assertThat(ours.greedy).hasSizeLessThanOrEqualTo(24 * 20);
        Files.writeString(place.resolve("expected.json"), JsonUtils.GSON.toJson(ours));
    }

    /** Computes with our model what a checkpoint's expectations have. */
    private static Expected computed(HuggingFaceGpt2 checkpoint, Expected asked) {
        Expected computed = new Expected();
        computed.tokens = asked.tokens;
        computed.prompt = asked.prompt;
        asked.texts
                .keySet()
                .forEach(text -> computed.texts.put(text, checkpoint.tokenizer().encode(text)));
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Gpt2 model = checkpoint.load(manager);
            NDArray logits =
                    model.forward(
                                    new ParameterStore(manager, false),
                                    new NDList(manager.create(asked.tokens)),
                                    false)
                            .singletonOrThrow();
            float[] all = logits.toFloatArray();
            int vocabulary = checkpoint.config().vocabSize();
            List<double[]> rows = new ArrayList<>();
            for (int i = 0; i < all.length; i += vocabulary) {
                float[] row = Arrays.copyOfRange(all, i, i + Math.min(SHOWN_LOGITS, vocabulary));
                double[] wide = new double[row.length];
                Arrays.setAll(wide, j -> row[j]);
                rows.add(wide);
            }
            computed.logits = rows.toArray(double[][]::new);
            GenerationOptions greedy = new GenerationOptions().withTemperature(0).withMaxTokens(24);
            computed.greedy =
                    new TextGenerator(model, checkpoint.tokenizer(), manager)
                            .generate(asked.prompt, greedy, piece -> {});
        }
        return computed;
    }
}
