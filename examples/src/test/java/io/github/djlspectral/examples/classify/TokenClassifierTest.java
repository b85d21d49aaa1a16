package io.github.djlspectral.examples.classify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.examples.classify.TokenClassifier.Mixer;
import io.github.djlspectral.examples.classify.TokenClassifier.SelfAttention;
import io.github.djlspectral.optim.ParameterRouting;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class TokenClassifierTest {

    private static final int TOKENS = 5;
    private static final int WIDTH = 8;
    private static final int HEADS = 4;

    private static TokenClassifier initialized(
            Mixer mixer, int patch, int width, int depth, NDManager manager) {
        ClassifyCommand options = new ClassifyCommand();
        options.patch = patch;
        options.width = width;
        options.depth = depth;
        TokenClassifier classifier = new TokenClassifier(mixer, options);
        classifier.initialize(manager, DataType.FLOAT32, new Shape(1, 1, 28, 28));
        return classifier;
    }

    @ParameterizedTest
    @CsvSource({"4, 32, 4", "7, 64, 6", "14, 8, 1"})
    void bothMixersHaveTheSameNumberOfParameters(int patch, int width, int depth) {
        int tokens = 28 / patch * (28 / patch);
        long expected =
                (long) patch * patch * width
                        + width
                        + (long) tokens * width
                        + 4L * depth * width * width
                        + 10L * width
                        + 10;
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (Mixer mixer : Mixer.values()) {
                TokenClassifier classifier = initialized(mixer, patch, width, depth, manager);
                assertThat(
                                classifier.getParameters().values().stream()
                                        .mapToLong(parameter -> parameter.getShape().size())
                                        .sum())
                        .isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void matricesBetweenTokensAreSpectralAndNothingElse(Mixer mixer) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            TokenClassifier classifier = initialized(mixer, 7, 8, 2, manager);
            ParameterRouting routing = ParameterRouting.of(classifier);
            List<String> spectral =
                    classifier.getParameters().stream()
                            .filter(pair -> routing.isSpectral(pair.getValue().getId()))
                            .map(pair -> pair.getKey())
                            .toList();
            assertThat(spectral)
                    .hasSize(mixer == Mixer.FLOW ? 2 : 8)
                    .allMatch(name -> name.contains("mixer"));
        }
    }

    @Test
    void patchesAreCutInRows() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray images = manager.arange(2 * 16f).reshape(2, 1, 4, 4);
            assertThat(TokenClassifier.patches(images, 2).toFloatArray())
                    .startsWith(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15, 16, 17, 20);
        }
    }

    /** Against loops over single numbers in float64. */
    @Test
    void isMultiHeadAttentionWithAResidual() {
        Engine.getEngine("PyTorch").setRandomSeed(3);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SelfAttention attention = new SelfAttention(WIDTH, 2);
            attention.initialize(manager, DataType.FLOAT64, new Shape(2, TOKENS, WIDTH));
            NDArray tokens =
                    TokenClassifier.unit(
                            manager.randomNormal(
                                    0, 1, new Shape(2, TOKENS, WIDTH), DataType.FLOAT64));
            double[] actual =
                    attention
                            .forward(new ParameterStore(manager, false), new NDList(tokens), false)
                            .singletonOrThrow()
                            .get(1)
                            .toDoubleArray();
            double[] x = scaled(tokens.get(1).toDoubleArray());
            for (int layer = 0; layer < 2; layer++) {
                x = layer(x, attention, "layer." + layer + ".");
            }
            double[] expected = scaled(x);
            for (int i = 0; i < actual.length; i++) {
                assertThat(actual[i]).isCloseTo(expected[i] / Math.sqrt(WIDTH), within(1e-12));
            }
        }
    }

    private static double[] layer(double[] x, SelfAttention attention, String prefix) {
        double[] h = scaled(x);
        double[] query = product(h, attention, prefix + "query.weight");
        double[] key = product(h, attention, prefix + "key.weight");
        double[] value = product(h, attention, prefix + "value.weight");
        double[] mixed = new double[x.length];
        int width = WIDTH / HEADS;
        for (int head = 0; head < HEADS; head++) {
            for (int i = 0; i < TOKENS; i++) {
                double[] weights = new double[TOKENS];
                double sum = 0;
                for (int j = 0; j < TOKENS; j++) {
                    double score = 0;
                    for (int k = head * width; k < (head + 1) * width; k++) {
                        score += query[i * WIDTH + k] * key[j * WIDTH + k];
                    }
                    weights[j] = Math.exp(score / Math.sqrt(width));
                    sum += weights[j];
                }
                for (int j = 0; j < TOKENS; j++) {
                    for (int k = head * width; k < (head + 1) * width; k++) {
                        mixed[i * WIDTH + k] += weights[j] / sum * value[j * WIDTH + k];
                    }
                }
            }
        }
        double[] change = product(mixed, attention, prefix + "output.weight");
        double[] result = new double[x.length];
        for (int i = 0; i < result.length; i++) {
            result[i] = x[i] + change[i];
        }
        return result;
    }

    /** Each token by its root mean square. */
    private static double[] scaled(double[] x) {
        double[] result = new double[x.length];
        for (int i = 0; i < TOKENS; i++) {
            double squares = 0;
            for (int k = 0; k < WIDTH; k++) {
                squares += x[i * WIDTH + k] * x[i * WIDTH + k];
            }
            for (int k = 0; k < WIDTH; k++) {
                result[i * WIDTH + k] = x[i * WIDTH + k] / Math.sqrt(squares / WIDTH);
            }
        }
        return result;
    }

    private static double[] product(double[] x, SelfAttention attention, String name) {
        Parameter parameter = attention.getDirectParameters().get(name);
        double[] w = parameter.getArray().toDoubleArray();
        double[] result = new double[x.length];
        for (int i = 0; i < TOKENS; i++) {
            for (int k = 0; k < WIDTH; k++) {
                for (int l = 0; l < WIDTH; l++) {
                    result[i * WIDTH + k] += x[i * WIDTH + l] * w[l * WIDTH + k];
                }
            }
        }
        return result;
    }
}
