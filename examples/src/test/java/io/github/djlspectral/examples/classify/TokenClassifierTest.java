package io.github.djlspectral.examples.classify;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
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

    private static final int WIDTH = 8;

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

    /** Against one image and one head at a time. */
    @Test
    void isMultiHeadAttentionWithAResidual() {
        Engine.getEngine("PyTorch").setRandomSeed(3);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SelfAttention attention = new SelfAttention(WIDTH, 2);
            attention.initialize(manager, DataType.FLOAT64, new Shape(2, 5, WIDTH));
            NDArray normal = manager.randomNormal(0, 1, new Shape(2, 5, WIDTH), DataType.FLOAT64);
            NDArray tokens = TokenClassifier.unit(normal);
            NDArray mixed =
                    attention
                            .forward(new ParameterStore(manager, false), new NDList(tokens), false)
                            .singletonOrThrow();
            NDArray x = scaled(tokens.get(1));
            for (int layer = 0; layer < 2; layer++) {
                NDArray h = scaled(x);
                NDArray query = h.matMul(weight(attention, layer, "query"));
                NDArray key = h.matMul(weight(attention, layer, "key"));
                NDArray value = h.matMul(weight(attention, layer, "value"));
                NDList heads = new NDList();
                for (int from = 0; from < WIDTH; from += WIDTH / 4) {
                    NDIndex head = new NDIndex(":, " + from + ":" + (from + WIDTH / 4));
                    NDArray scores = query.get(head).matMul(key.get(head).transpose());
                    NDArray shares = scores.div(Math.sqrt(WIDTH / 4)).softmax(1);
                    heads.add(shares.matMul(value.get(head)));
                }
                NDArray all = NDArrays.concat(heads, 1);
                x = x.add(all.matMul(weight(attention, layer, "output")));
            }
            assertThat(mixed.get(1).sub(scaled(x).div(Math.sqrt(WIDTH))).abs().max().getDouble())
                    .isLessThan(1e-12);
        }
    }

    /** Divided by its root mean square. */
    private static NDArray scaled(NDArray x) {
        return x.div(x.square().mean(new int[] {1}, true).sqrt());
    }

    private static NDArray weight(SelfAttention attention, int layer, String name) {
        String path = "layer." + layer + "." + name + ".weight";
        return attention.getDirectParameters().get(path).getArray();
    }
}
