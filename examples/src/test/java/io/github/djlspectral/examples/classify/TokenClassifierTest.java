package io.github.djlspectral.examples.classify;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.ParameterRouting;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class TokenClassifierTest {

    private static ClassifierSettings settings(int patch, int width, int depth) {
        return new ClassifierSettings(
                patch, width, depth, 1, ClassifierOptimizer.MUON, 0.003, 1, 1);
    }

    private static TokenClassifier initialized(
            Mixer mixer, ClassifierSettings settings, NDManager manager) {
        TokenClassifier classifier = new TokenClassifier(mixer, settings);
        classifier.initialize(manager, DataType.FLOAT32, new Shape(1, 1, 28, 28));
        return classifier;
    }

    @ParameterizedTest
    @CsvSource({"4, 32, 4", "7, 64, 6", "14, 8, 1"})
    void bothMixersHaveTheSameNumberOfParameters(int patch, int width, int depth) {
        ClassifierSettings settings = settings(patch, width, depth);
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
                assertThat(initialized(mixer, settings, manager).size()).isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void matricesBetweenTokensAreSpectralAndNothingElse(Mixer mixer) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            TokenClassifier classifier = initialized(mixer, settings(7, 8, 2), manager);
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
            assertThat(Tokens.patches(images, 2).toFloatArray())
                    .startsWith(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15, 16, 17, 20);
        }
    }
}
