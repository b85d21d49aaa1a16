package io.github.djlspectral.hf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import ai.djl.util.JsonUtils;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.CharTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HuggingFaceCheckpointTest {

    @TempDir private Path directory;

    private record Reference(long[][] tokens, double[][][] logits) {}

    @ParameterizedTest
    @ValueSource(strings = {"f32", "f16", "bf16"})
    void givesTheLogitsOfTheReference(String name) throws IOException {
        Path path = copy(name);
        Reference reference =
                JsonUtils.GSON.fromJson(
                        Files.readString(path.resolve("logits.json")), Reference.class);
        HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(path);
        assertThat(checkpoint.config()).isEqualTo(new Gpt2Config(19, 10, 2, 3, 12, 0.1f, true));
        try (NDManager manager = NDManager.newBaseManager()) {
            float[] logits =
                    model(checkpoint, manager)
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

    private static Gpt2 model(HuggingFaceCheckpoint checkpoint, NDManager manager) {
        Gpt2 model = Gpt2.builder().setConfig(checkpoint.config()).build();
        model.getParameters()
                .forEach(
                        parameter ->
                                parameter
                                        .getValue()
                                        .setInitializer(
                                                (m, shape, type) ->
                                                        m.create(
                                                                checkpoint
                                                                        .weights()
                                                                        .read(parameter.getKey()),
                                                                shape)));
        model.initialize(manager, DataType.FLOAT32, new Shape(1, 1));
        return model;
    }

    @Test
    void reportsWhatIsNotUsedButNoMasks() {
        assertThat(HuggingFaceCheckpoint.open(copy("f32")).unused()).isEmpty();
        assertThat(
                        HuggingFaceCheckpoint.open(
                                        ReferenceCheckpoints.copy("bf16", directory.resolve("b")))
                                .unused())
                .containsExactly("score.weight");
    }

    @Test
    void findsTheOtherFilesBesideTheWeights() {
        Path file = copy("bf16").resolve("model.safetensors");
        assertThat(HuggingFaceCheckpoint.open(file).config().layers()).isEqualTo(2);
    }

    @Test
    void leavesOutBiasesThatAreZeroWhereItShould() throws IOException {
        Path path = copy("f32");
        ReferenceCheckpoints.edit(path.resolve("config.json"), "\"n_ctx\": 10", "\"bias\": false");
        HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(path);
        assertThat(checkpoint.config().bias()).isFalse();
        assertThat(checkpoint.weights().names()).hasSize(2 + 2 * 6 + 1);
        assertThatThrownBy(() -> checkpoint.weights().read("wte.weight"))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("values other than 0 in");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void exportAndImportChangeNoBit(boolean bias) throws IOException {
        Gpt2Config config = new Gpt2Config(3, 5, 2, 2, 6, 0.25f, bias);
        FixedTensors weights = new FixedTensors();
        int[] bits = {0x7f800001}; // a NaN at first, then all sorts of numbers
        Gpt2Layout.shapes(config)
                .forEach(
                        (name, shape) -> {
                            float[] values = new float[(int) shape.size()];
                            for (int i = 0; i < values.length; i++) {
                                values[i] = Float.intBitsToFloat(bits[0] & 0xbfffffff);
                                bits[0] = bits[0] * 1664525 + 1013904223;
                            }
                            weights.put(name, shape, values);
                        });
        CharTokenizer tokenizer = CharTokenizer.of("a\u00e9\ud83d\ude00");
        HuggingFaceCheckpoint.write(directory, config, tokenizer, weights, FloatFormat.F32);
        HuggingFaceCheckpoint read = HuggingFaceCheckpoint.open(directory);
        assertThat(read.config()).isEqualTo(config);
        assertThat(read.tokenizer().decode(new int[] {0, 1, 2})).isEqualTo("a\u00e9\ud83d\ude00");
        assertThat(read.unused()).isEmpty();
        assertThat(read.weights().names()).isEqualTo(weights.names());
        for (String name : weights.names()) {
            assertThat(read.weights().shape(name)).isEqualTo(weights.shape(name));
            assertThat(bits(read.weights().read(name))).isEqualTo(bits(weights.read(name)));
        }
        TensorSource stored = SafetensorsFile.open(directory.resolve("model.safetensors"));
        assertThat(stored.names())
                .hasSize(2 + 2 * 12 + 2)
                .allMatch(name -> name.startsWith("transformer."));
        assertThat(stored.shape("transformer.h.1.attn.c_attn.weight")).isEqualTo(new Shape(6, 18));
        assertThat(Files.readString(directory.resolve("config.json")))
                .contains("\"n_embd\": 6", "\"resid_pdrop\": 0.25", "\"eos_token_id\": null");
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
        ExportedTensors tensors = new ExportedTensors(config, new FixedTensors());
        assertThat(tensors.names()).hasSize(4 + 12 * layers);
        assertThat(tensors.names().stream().mapToLong(name -> tensors.shape(name).size()).sum())
                .isEqualTo(parameters);
        String last = "transformer.h." + (layers - 1) + ".";
        assertThat(tensors.shape(last + "attn.c_attn.weight"))
                .isEqualTo(new Shape(width, 3 * width));
        assertThat(tensors.shape(last + "mlp.c_fc.weight")).isEqualTo(new Shape(width, 4 * width));
        assertThat(tensors.shape(last + "mlp.c_proj.weight"))
                .isEqualTo(new Shape(4 * width, width));
        assertThat(tensors.shape("transformer.wpe.weight")).isEqualTo(new Shape(1024, width));
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
