package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@link SpectralMap#polar} at the sizes of GPT-2, against a float64 decomposition of its input.
 */
class SpectralMapAccuracyTest {

    @ParameterizedTest
    @CsvSource({
        "768,768",
        "768,3072",
        "3072,768",
        "100,400", // rational
        "150,150",
        "64,300" // polynomial
    })
    void singularValuesBecomeOne(int rows, int columns) {
        Engine.getEngine("PyTorch").setRandomSeed(rows + columns);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            int k = Math.min(rows, columns);
            check(manager.randomNormal(new Shape(rows, columns)));
            double[] logSpaced =
                    IntStream.range(0, k)
                            .mapToDouble(i -> Math.pow(10, -6.0 * i / (k - 1)))
                            .toArray();
            check(Oracle.withSpectrum(manager, rows, columns, logSpaced));
            double[] deficient = IntStream.range(0, k / 4).mapToDouble(i -> 1 + i % 7).toArray();
            check(Oracle.withSpectrum(manager, rows, columns, deficient));
        }
    }

    private static void check(NDArray matrix) {
        NDArray mapped = SpectralMap.polar().apply(matrix);
        NDList images = Oracle.images(matrix, mapped);
        double[] s = images.get(0).toDoubleArray();
        double[] image = images.get(1).toDoubleArray();
        double largest = s[s.length - 1];
        for (int i = 0; i < s.length; i++) {
            if (s[i] > 1e-2 * largest) {
                assertThat(image[i]).as("image of %g", s[i]).isBetween(0.98, 1.02);
            }
        }
        assertThat(Oracle.spectralNorm(mapped)).isBetween(0.98, 1.02);
    }
}
