package io.github.djlspectral.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.JsonUtils;
import ai.djl.util.Pair;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenization;
import io.github.djlspectral.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HuggingFaceGpt2Test {

    @TempDir private Path directory;

    private record Reference(long[][] tokens, double[][][] logits) {}

    @ParameterizedTest
    @ValueSource(strings = {"f32", "f16", "bf16"})
    void givesTheLogitsOfTheReference(String name) throws IOException {
        Path path = copy(name);
        Reference reference =
                JsonUtils.GSON.fromJson(
                        Files.readString(path.resolve("logits.json")), Reference.class);
        HuggingFaceGpt2 checkpoint = HuggingFaceGpt2.open(path);
        assertThat(checkpoint.config()).isEqualTo(new Gpt2Config(19, 10, 2, 3, 12, 0.1f, true));
        try (NDManager manager = NDManager.newBaseManager()) {
            float[] logits =
                    checkpoint
                            .load(manager)
                            .forward(
                                    new ParameterStore(manager, false),
                                    new NDList(manager.create(reference.tokens())),
                                    false)
                            .singletonOrThrow()
                            .toFloatArray();
            assertThat(logits).hasSize(2 * 10 * 19);
            int i = 0;
            for (double[][] sequence : reference.logits()) {
                for (double[] row : sequence) {
                    for (double expected : row) {
                        assertThat((double) logits[i++]).isCloseTo(expected, within(1e-5));
                    }
                }
            }
        }
    }

    @Test
    void reportsWhatIsNotUsedButNoMasks() {
        assertThat(HuggingFaceGpt2.open(copy("f32")).unused()).isEmpty();
        assertThat(
                        HuggingFaceGpt2.open(
                                        ReferenceCheckpoints.copy("bf16", directory.resolve("b")))
                                .unused())
                .containsExactly("score.weight");
    }

    @Test
    void findsTheOtherFilesBesideTheWeights() {
        Path file = copy("bf16").resolve("model.safetensors");
        assertThat(HuggingFaceGpt2.open(file).config().layers()).isEqualTo(2);
    }

    @Test
    void leavesOutBiasesThatAreZeroWhereItShould() throws IOException {
        Path path = copy("f32");
        ReferenceCheckpoints.edit(path.resolve("config.json"), "\"n_ctx\": 10", "\"bias\": false");
        HuggingFaceGpt2 checkpoint = HuggingFaceGpt2.open(path);
        assertThat(checkpoint.config().bias()).isFalse();
        assertThatThrownBy(() -> checkpoint.read("wte.weight"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("with values other than 0: it has no biases");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void exportAndImportChangeNoBit(boolean bias) throws IOException {
        Gpt2Config config = new Gpt2Config(3, 5, 2, 2, 6, 0.25f, bias);
        FixedTensors weights = new FixedTensors();
        int[] bits = {0x7f800001}; // a NaN at first, then all sorts of numbers
        HuggingFaceGpt2.shapes(config, bias)
                .forEach(
                        (name, shape) -> {
                            float[] values = new float[(int) shape.size()];
                            for (int i = 0; i < values.length; i++) {
                                values[i] = Float.intBitsToFloat(bits[0] & 0xbfffffff);
                                bits[0] = bits[0] * 1664525 + 1013904223;
                            }
                            weights.put(name, shape, values);
                        });
        Tokenizer tokenizer = Tokenization.CHARS.tokenizerFor("a\u00e9\ud83d\ude00");
        Path folder = directory.resolve("a/b");
        HuggingFaceGpt2.write(folder, config, tokenizer, weights::read, DataType.FLOAT32);
        HuggingFaceGpt2 read = HuggingFaceGpt2.open(folder);
        assertThat(read.config()).isEqualTo(config);
        assertThat(read.tokenizer().decode(new int[] {0, 1, 2})).isEqualTo("a\u00e9\ud83d\ude00");
        assertThat(read.unused()).isEmpty();
        for (String name : weights.names()) {
            assertThat(bits(read.read(name))).isEqualTo(bits(weights.read(name)));
        }
        Safetensors stored = Safetensors.open(folder.resolve("model.safetensors"));
        assertThat(stored.names())
                .hasSize(2 + 2 * 12 + 2)
                .allMatch(name -> name.startsWith("transformer."));
        assertThat(stored.shape("transformer.h.1.attn.c_attn.weight")).isEqualTo(new Shape(6, 18));
        assertThat(Files.readString(folder.resolve("config.json")))
                .contains("\"n_embd\": 6", "\"resid_pdrop\": 0.25", "\"eos_token_id\": null");
    }

    @Test
    void aModelIsWrittenAndLoadedAgain() throws IOException {
        Path folder = directory.resolve("again");
        Tokenizer bytes = Tokenization.BYTES.tokenizerFor("");
        try (NDManager manager = NDManager.newBaseManager()) {
            Gpt2 model = Gpt2.builder().setConfig(new Gpt2Config(257, 4, 1, 2, 4, 0, true)).build();
            model.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
            HuggingFaceGpt2.write(folder, model, bytes, DataType.FLOAT64);
            Gpt2 read = HuggingFaceGpt2.open(folder).load(manager);
            assertThat(read.getConfig()).isEqualTo(model.getConfig());
            for (Pair<String, Parameter> parameter : model.getParameters()) {
                assertThat(read.getParameters().get(parameter.getKey()).getArray())
                        .as(parameter.getKey())
                        .isEqualTo(parameter.getValue().getArray());
            }
            assertThatThrownBy(() -> HuggingFaceGpt2.write(folder, model, bytes, DataType.FLOAT32))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining(folder + " already exists");
        }
        assertThat(Safetensors.open(folder.resolve("model.safetensors")).verify()).isTrue();
    }

    @Test
    void nothingIsWrittenOfWhatCannotBe() {
        Gpt2Config config = new Gpt2Config(255, 4, 1, 2, 4, 0, true);
        Path folder = directory.resolve("none");
        Tokenizer bytes = Tokenization.BYTES.tokenizerFor("");
        assertThatThrownBy(
                        () ->
                                HuggingFaceGpt2.write(
                                        folder, config, bytes, name -> null, DataType.FLOAT32))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("The tokenizer has 256 tokens, but the model 255");
        Tokenizer one = Tokenization.CHARS.tokenizerFor("a");
        Function<String, float[]> large = name -> new float[] {70000};
        assertThatThrownBy(
                        () -> HuggingFaceGpt2.write(folder, config, one, large, DataType.FLOAT16))
                .hasMessageContaining("numbers, but should have the shape");
        assertThat(directory).isEmptyDirectory();
    }

    /** The numbers of parameters that the published models are known to have. */
    @ParameterizedTest
    @CsvSource({
        "12, 12, 768, 124439808",
        "24, 16, 1024, 354823168",
        "36, 20, 1280, 774030080",
        "48, 25, 1600, 1557611200"
    })
    void hasTheLayoutOfTheFourSizes(int layers, int heads, int width, long parameters) {
        Gpt2Config config = new Gpt2Config(50257, 1024, layers, heads, width, 0.1f, true);
        Map<String, Shape> shapes = HuggingFaceGpt2.shapes(config, true);
        shapes.replaceAll(HuggingFaceGpt2::published);
        assertThat(shapes).hasSize(4 + 12 * layers);
        assertThat(shapes.values().stream().mapToLong(Shape::size).sum()).isEqualTo(parameters);
        String last = "h." + (layers - 1) + ".";
        assertThat(shapes)
                .containsEntry(last + "attn.c_attn.weight", new Shape(width, 3 * width))
                .containsEntry(last + "mlp.c_fc.weight", new Shape(width, 4 * width))
                .containsEntry(last + "mlp.c_proj.weight", new Shape(4 * width, width))
                .containsEntry("wpe.weight", new Shape(1024, width));
    }

    private static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }

    private Path copy(String name) {
        return ReferenceCheckpoints.copy(name, directory.resolve("checkpoint"));
    }
}
