package io.github.djlspectral.optim.diagnostics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SpectrumTest {

    /** Rounding of a float64 Gram matrix and its eigenvalues, with room for a factor of ten. */
    private static final double ROUNDING = 1e-12;

    @ParameterizedTest
    @CsvSource({"4, 4", "4, 9", "9, 4", "40, 60"})
    void measuresAKnownSpectrum(int rows, int columns) {
        double[] s = {5, 2, 2, 0.04};
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray matrix = Matrices.withSpectrum(manager, 1, rows, columns, s);
            Spectrum spectrum = Spectrum.of(matrix);
            double squares = 25 + 4 + 4 + 0.0016;
            double sum = 9.04;
            double entropy = 0;
            for (double value : s) {
                entropy -= value / sum * Math.log(value / sum);
            }
            assertThat(spectrum.largest()).isCloseTo(5, within(ROUNDING));
            assertThat(spectrum.stableRank()).isCloseTo(squares / 25, within(ROUNDING));
            assertThat(spectrum.rms())
                    .isCloseTo(Math.sqrt(squares / (rows * columns)), within(ROUNDING));
            // zeros come out as up to 3e-8 of the largest; 36 of them move the entropy by 5e-6
            double zeros = Math.min(rows, columns) - 4;
            assertThat(spectrum.effectiveRank())
                    .isCloseTo(Math.exp(entropy), within(ROUNDING + zeros * 1e-6));
            if (zeros == 0) {
                assertThat(spectrum.smallest()).isCloseTo(0.04, within(1e-10));
            } else {
                assertThat(spectrum.smallest()).isBetween(0.0, 5 * 1e-7);
            }
            // s / s_1 is 1, twice 0.4 (10^-0.398) and 0.008 (10^-2.10)
            Integer[] expected = Collections.nCopies(Spectrum.BINS, 0).toArray(Integer[]::new);
            expected[23] = 1;
            expected[22] = 2;
            expected[15] = 1;
            expected[0] = (int) zeros;
            assertThat(spectrum.histogram()).containsExactly(expected);
        }
    }

    @Test
    void binsAreQuartersOfADecadeFromAMillionth() {
        assertThat(Spectrum.binStart(0)).isCloseTo(1e-6, withinPercentage(1e-10));
        assertThat(Spectrum.binStart(4)).isCloseTo(1e-5, withinPercentage(1e-10));
        assertThat(Spectrum.binStart(23)).isCloseTo(Math.pow(10, -0.25), withinPercentage(1e-10));
        assertThatThrownBy(() -> Spectrum.binStart(24))
                .isInstanceOf(IndexOutOfBoundsException.class);
    }

    /** Within the resolution of the Gram matrix: a singular value of 1e-5 is known to 1e-11. */
    @Test
    void smallSingularValuesAreResolved() {
        double[] s = {1, 1e-1, 1e-3, 1e-5};
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Spectrum spectrum = Spectrum.of(Matrices.withSpectrum(manager, 3, 4, 700, s));
            assertThat(spectrum.smallest()).isCloseTo(1e-5, withinPercentage(0.01));
        }
    }

    @Property(tries = 40)
    void ranksAreWithinTheirBoundsAndDoNotDependOnScale(
            @ForAll @IntRange(min = 1, max = 60) int rows,
            @ForAll @IntRange(min = 1, max = 60) int columns,
            @ForAll @IntRange(min = -300, max = 300) int exponent) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray matrix = Matrices.gaussian(manager, rows * 100L + columns, rows, columns);
            Spectrum spectrum = Spectrum.of(matrix);
            int k = Math.min(rows, columns);
            assertThat(spectrum.stableRank()).isBetween(1 - ROUNDING, k + ROUNDING);
            assertThat(spectrum.effectiveRank())
                    .isBetween(spectrum.stableRank() - ROUNDING, k + ROUNDING);
            assertThat(spectrum.smallest()).isBetween(0.0, spectrum.largest());
            assertThat(spectrum.histogram().stream().mapToInt(Integer::intValue).sum())
                    .isEqualTo(k);
            double norm = matrix.norm().getDouble();
            assertThat(spectrum.rms())
                    .isCloseTo(norm / Math.sqrt(rows * columns), withinPercentage(1e-10));

            double scale = Math.scalb(1.0, 3 * exponent); // exact, up to the ends of float64
            Spectrum scaled = Spectrum.of(matrix.mul(scale));
            assertThat(scaled.largest())
                    .isCloseTo(scale * spectrum.largest(), withinPercentage(1e-10));
            assertThat(scaled.stableRank()).isEqualTo(spectrum.stableRank());
            assertThat(scaled.effectiveRank()).isEqualTo(spectrum.effectiveRank());

            Spectrum transposed = Spectrum.of(matrix.transpose());
            assertThat(transposed.stableRank())
                    .isCloseTo(spectrum.stableRank(), within(ROUNDING * k));
        }
    }

    @Test
    void equalSingularValuesHaveFullRank() {
        double[] ones = new double[20];
        Arrays.fill(ones, 3);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Spectrum spectrum = Spectrum.of(Matrices.withSpectrum(manager, 5, 20, 31, ones));
            assertThat(spectrum.stableRank()).isCloseTo(20, within(ROUNDING * 20));
            assertThat(spectrum.effectiveRank()).isCloseTo(20, within(ROUNDING * 20));
            assertThat(spectrum.smallest()).isCloseTo(3, within(ROUNDING));
        }
    }

    @Test
    void zerosHaveNoRank() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Spectrum spectrum = Spectrum.of(manager.zeros(new Shape(3, 5)));
            Integer[] histogram = Collections.nCopies(Spectrum.BINS, 0).toArray(Integer[]::new);
            histogram[0] = 3;
            assertThat(spectrum).isEqualTo(new Spectrum(0, 0, 0, 0, 0, List.of(histogram)));
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 7", "7, 1", "1, 1"})
    void aVectorHasOneSingularValue(int rows, int columns) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray vector = manager.full(new Shape(rows, columns), 2f);
            Spectrum spectrum = Spectrum.of(vector);
            double norm = 2 * Math.sqrt(rows * columns);
            assertThat(spectrum.largest()).isCloseTo(norm, within(ROUNDING));
            assertThat(spectrum.smallest()).isEqualTo(spectrum.largest());
            assertThat(spectrum.stableRank()).isEqualTo(1);
            assertThat(spectrum.effectiveRank()).isEqualTo(1);
            assertThat(spectrum.histogram().get(Spectrum.BINS - 1)).isEqualTo(1);
        }
    }

    @Test
    void trailingDimensionsAreFlattenedAndTheInputIsKept() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray kernel = Matrices.gaussian(manager, 9, 8, 75).toType(DataType.FLOAT32, false);
            NDArray before = kernel.duplicate();
            int arrays = manager.getManagedArrays().size();
            Spectrum flat = Spectrum.of(kernel);
            assertThat(Spectrum.of(kernel.reshape(8, 3, 5, 5))).isEqualTo(flat);
            assertThat(kernel).isEqualTo(before);
            assertThat(manager.getManagedArrays()).hasSize(arrays + 1); // the reshaped view
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY})
    void refusesWhatIsNotFinite(double bad) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray matrix = manager.create(new double[] {1, 2, bad, 4, 5, 6}, new Shape(2, 3));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Spectrum.of(matrix))
                    .withMessageContaining("(2, 3)")
                    .withMessageContaining("NaN or infinity");
        }
    }

    @Test
    void refusesOtherShapesAndTypes() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Spectrum.of(manager.ones(new Shape(4))))
                    .withMessageContaining("(4)");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Spectrum.of(manager.zeros(new Shape(4, 0))))
                    .withMessageContaining("(4, 0)");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Spectrum.of(manager.ones(new Shape(4, 4), DataType.INT32)))
                    .withMessageContaining("int32");
        }
    }
}
