package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
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
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
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

    /**
     * By products of bfloat16 numbers, as on a GPU. Orthogonal matrices are the hardest: all their
     * singular values are where the first steps have a maximum, which rounding exceeds.
     */
    @ParameterizedTest
    @CsvSource({"33,33", "48,96", "3000,48", "100,4000", "256,256", "300,400"})
    void bfloat16KeepsTheLimits(int rows, int columns) {
        Engine.getEngine("PyTorch").setRandomSeed(rows + columns);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            int k = Math.min(rows, columns);
            checkHalf(manager.randomNormal(new Shape(rows, columns)));
            checkHalf(manager.ones(new Shape(rows, columns)));
            checkHalf(manager.eye(rows, columns, 0, DataType.FLOAT32).mul(1e-30));
            List<IntToDoubleFunction> spectra =
                    List.of(
                            i -> 1,
                            i -> Math.pow(10, -6.0 * i / (k - 1)),
                            i -> i == 0 ? 1 : 0.011,
                            i -> i < k / 4 ? 1 + i % 7 : 0);
            for (IntToDoubleFunction spectrum : spectra) {
                double[] s = IntStream.range(0, k).mapToDouble(spectrum).toArray();
                checkHalf(Oracle.withSpectrum(manager, rows, columns, s));
            }
        }
    }

    /** The share of the norm that is not in the matrix's own directions, as polar() says it. */
    @Test
    void bfloat16LeavesNoiseAsDocumented() {
        Engine.getEngine("PyTorch").setRandomSeed(4);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            assertThat(noise(manager.randomNormal(new Shape(256, 256)))).isBetween(0.002, 0.015);
            NDArray left = manager.randomNormal(new Shape(256, 64));
            NDArray matrix = left.matMul(manager.randomNormal(new Shape(64, 256)));
            assertThat(noise(matrix)).isBetween(0.1, 0.4);
        }
    }

    private static double noise(NDArray matrix) {
        NDArray mapped = half(matrix).toType(DataType.FLOAT64, false);
        NDArray inBasis = KaonTest.inBasis(matrix.toType(DataType.FLOAT64, false), mapped);
        NDArray own = inBasis.sub(KaonTest.offDiagonal(inBasis));
        double share = own.norm().getDouble() / mapped.norm().getDouble();
        return Math.sqrt(1 - share * share);
    }

    private static NDArray half(NDArray matrix) {
        Kernel kernel =
                SpectralMap.polar().kernel(matrix.getShape(), DataType.FLOAT32, Device.gpu());
        assertThat(kernel.name()).isEqualTo("polar_bfloat16");
        return ProductionRoutesTest.mapped(matrix, kernel);
    }

    private static void checkHalf(NDArray matrix) {
        NDArray mapped = half(matrix);
        assertThat(mapped.getDataType()).isEqualTo(DataType.FLOAT32);
        double[] s = Oracle.singularValues(matrix);
        double[] image = Oracle.singularValues(mapped);
        assertThat(image[0]).isBetween(0.985, 1.015);
        for (int i = 0; i < s.length; i++) {
            if (s[i] > 1e-2 * s[0]) {
                assertThat(image[i]).as("image of %s", s[i]).isBetween(0.985, 1.015);
            }
        }
    }

    private static void check(NDArray matrix) {
        NDArray mapped = SpectralMap.polar(false).apply(matrix);
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
