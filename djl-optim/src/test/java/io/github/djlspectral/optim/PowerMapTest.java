package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.Freon.Method;
import io.github.djlspectral.optim.Freon.Normalization;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@link SpectralMap#power} and the options that {@link Freon} gives it. */
class PowerMapTest {

    private static SpectralMap map(
            double exponent, OptionalDouble floor, Normalization normalization, Method route) {
        return new PowerMap("power", exponent, floor, normalization, route);
    }

    private static double defaultRegularisation(double exponent, int k) {
        return exponent <= 0.5 ? 1e-12 : 1e-4 / k;
    }

    /** Float32 inputs at the sizes of GPT-2 against a float64 decomposition. */
    @Test
    void float32IsWithin1e4OfTheRegularisedProblem() {
        checkFloat32(768, 768);
    }

    @Test
    @Tag("slow")
    void float32IsWithin1e4OfTheRegularisedProblemOfWideMatrices() {
        checkFloat32(768, 3072);
    }

    private static void checkFloat32(int rows, int columns) {
        Engine.getEngine("PyTorch").setRandomSeed(rows + columns);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            double[] logSpaced =
                    IntStream.range(0, rows)
                            .mapToDouble(i -> Math.pow(10, -6.0 * i / (rows - 1)))
                            .toArray();
            double[] deficient = IntStream.range(0, rows / 4).mapToDouble(i -> 1 + i % 7).toArray();
            List<NDArray> inputs =
                    List.of(
                            manager.randomNormal(new Shape(rows, columns)),
                            Oracle.withSpectrum(manager, rows, columns, logSpaced),
                            Oracle.withSpectrum(manager, rows, columns, deficient));
            for (NDArray input : inputs) {
                checkEveryExponent(input, rows);
            }
        }
    }

    private static void checkEveryExponent(NDArray input, int k) {
        NDList decomposed = Oracle.decompose(input);
        for (double c : new double[] {0.25, 0.5, 0.6, 2.0 / 3, 0.75, 0.8, 0.9, 1}) {
            NDArray actual =
                    map(c, OptionalDouble.empty(), Normalization.SCHATTEN, null).apply(input);
            NDArray expected = Oracle.regularisedPower(decomposed, c, defaultRegularisation(c, k));
            assertThat(actual.getDataType()).isEqualTo(DataType.FLOAT32);
            assertThat(Oracle.relativeDistance(actual, expected)).as("c = %s", c).isLessThan(1e-4);
        }
    }

    /** Every route solves the same problem; what they differ in is cost. */
    @ParameterizedTest
    @EnumSource(Method.class)
    void everyRouteAgreesWithTheDecomposition(Method route) {
        Engine.getEngine("PyTorch").setRandomSeed(3);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            double[] logSpaced =
                    IntStream.range(0, 60).mapToDouble(i -> Math.pow(10, -i / 10.0)).toArray();
            NDArray tall = Oracle.withSpectrum(manager, 90, 60, logSpaced);
            for (Normalization normalization : Normalization.values()) {
                for (double c : new double[] {0.25, 0.5, 0.6, 2.0 / 3, 0.75, 0.9, 1}) {
                    if (c == 1
                            && normalization == Normalization.SCHATTEN_OVER_RANK
                            && route.compareTo(Method.SVD) > 0) {
                        continue; // refused, see below
                    }
                    OptionalDouble floor = OptionalDouble.of(1e-2);
                    NDArray expected = map(c, floor, normalization, Method.SVD).apply(tall);
                    NDArray actual = map(c, floor, normalization, route).apply(tall);
                    assertThat(Oracle.relativeDistance(actual, expected))
                            .as("%s, c = %s, %s", route, c, normalization)
                            .isLessThan(5e-7);
                }
            }
        }
    }

    /** What a GPU computes by default, without a floor. */
    @ParameterizedTest
    @ValueSource(doubles = {0.1, 0.25, 0.4, 0.5})
    void partialFractionsServeTheGuardAgainstRoundingToo(double c) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            double[] logSpaced =
                    IntStream.range(0, 60).mapToDouble(i -> Math.pow(10, -i / 10.0)).toArray();
            NDArray wide = Oracle.withSpectrum(manager, 60, 90, logSpaced);
            NDArray actual =
                    map(c, OptionalDouble.empty(), Normalization.SCHATTEN, Method.PARTIAL_FRACTIONS)
                            .apply(wide);
            // float64 resolves eigenvalues of 1e-12 to 1e-4 of themselves at worst
            assertThat(
                            Oracle.relativeDistance(
                                    actual,
                                    Oracle.regularisedPower(Oracle.decompose(wide), c, 1e-12)))
                    .isLessThan(1e-5);
        }
    }

    /** The bounds that the Javadoc of {@link SpectralMap#power(double, double)} states. */
    @Property(tries = 150)
    void theUpdateIsBoundedAsDocumented(
            @ForAll @DoubleRange(min = 0, max = 1) double c,
            @ForAll @DoubleRange(min = 0.01, max = 1) double floor,
            @ForAll @IntRange(min = 1, max = 60) int rows,
            @ForAll @IntRange(min = 1, max = 60) int columns,
            @ForAll @IntRange(min = 0, max = 60) int rank,
            @ForAll @DoubleRange(min = 0, max = 12) double decades,
            @ForAll @IntRange(min = -30, max = 30) int scale) {
        Engine.getEngine("PyTorch").setRandomSeed(rows * 100 + columns);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            int k = Math.min(rows, columns);
            double[] spectrum =
                    IntStream.range(0, Math.min(k, rank))
                            .mapToDouble(i -> Math.pow(10, -decades * i / k))
                            .toArray();
            NDArray input =
                    Oracle.withSpectrum(manager, rows, columns, spectrum)
                            .mul((float) Math.pow(10, scale));
            NDArray update = SpectralMap.power(c, floor).apply(input);
            double[] s = Oracle.singularValues(update);
            double rms = Math.sqrt(DoubleStream.of(s).map(x -> x * x).sum() / k);
            double slack = 1 + 1e-5; // of float32
            assertThat(s[0]).isFinite();
            if (c > 0.5) {
                double bound = Math.pow(floor, 1 - 2 * c) * Math.pow(1 + floor * floor, c - 0.5);
                assertThat(s[0]).isLessThanOrEqualTo(bound * slack);
            } else {
                assertThat(rms).isLessThanOrEqualTo(slack);
            }
        }
    }

    /** Muon's update has k singular values of 1, rank-deficient ones as many as the rank. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.3, 0.5, 2.0 / 3, 0.75, 1})
    void muonRmsGivesTheFrobeniusNormOfThePolarFactor(double c) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            double[] spectrum = IntStream.range(0, 20).mapToDouble(i -> 1 + i).toArray();
            NDArray input = Oracle.withSpectrum(manager, 40, 50, spectrum);
            NDArray update =
                    map(c, OptionalDouble.of(1e-3), Normalization.MUON_RMS, null).apply(input);
            // the least singular value, 1, is 500 times the floor's; rounding is far below it
            assertThat((double) update.norm().getFloat()).isCloseTo(Math.sqrt(20), within(1e-4));
        }
    }

    /**
     * Down to floors that rounding hides. The polar factor with the same floor has singular values
     * {@code s / (s^2 + floor^2 r^2)^(1/2)}.
     */
    @Property(tries = 100)
    void muonRmsMeetsItsNormAtEveryFloor(
            @ForAll @DoubleRange(min = 0, max = 1) double c,
            @ForAll @DoubleRange(min = -10, max = 0) double logFloor,
            @ForAll @IntRange(min = 1, max = 40) int rank,
            @ForAll @DoubleRange(min = 0, max = 12) double decades) {
        Engine.getEngine("PyTorch").setRandomSeed(rank);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            double[] spectrum =
                    IntStream.range(0, rank)
                            .mapToDouble(i -> Math.pow(10, -decades * i / 40))
                            .toArray();
            NDArray input = Oracle.withSpectrum(manager, 40, 50, spectrum);
            double[] s = Oracle.singularValues(input); // as rounded
            double floor = Math.pow(10, logFloor);
            double eps = floor * floor * DoubleStream.of(s).map(x -> x * x).sum() / 40;
            double norm = Math.sqrt(DoubleStream.of(s).map(x -> x * x / (x * x + eps)).sum());
            NDArray update =
                    map(c, OptionalDouble.of(floor), Normalization.MUON_RMS, null).apply(input);
            assertThat(update.norm().getFloat() / norm)
                    .isCloseTo(1, within(floor < 1e-6 ? 0.5 : 2e-3));
        }
    }

    /**
     * Without a floor: 5e-6 of the largest is above the rounding of float32, a null direction not.
     */
    @Test
    void onlyRoundingCountsAsNull() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray input = Oracle.withSpectrum(manager, 40, 50, new double[] {1, 5e-6});
            double[] s = Oracle.singularValues(SpectralMap.power(0.5).apply(input));
            assertThat(s[1] / s[0]).isCloseTo(1, within(1e-2));
            assertThat(s[2]).isLessThan(1e-6);
            // the geometric mean of a spectrum with a null direction is zero, not its rounding
            Shape tall = new Shape(40, 2);
            NDArray factor = manager.randomNormal(0, 1, tall, DataType.FLOAT64);
            NDArray deficient = factor.matMul(factor.transpose());
            assertThat(SpectralMap.power(1).apply(deficient).abs().max().getDouble()).isZero();
        }
    }

    /** Over the rank only, null directions do not count: as for the matrix without them. */
    @ParameterizedTest
    @ValueSource(doubles = {0.25, 2.0 / 3, 1})
    void theMeanOverTheRankIgnoresNullDirections(double c) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray full = manager.randomNormal(0, 1, new Shape(20, 50), DataType.FLOAT64);
            NDArray padded = full.concat(manager.zeros(new Shape(20, 50), DataType.FLOAT64));
            Normalization overRank = Normalization.SCHATTEN_OVER_RANK;
            NDArray expected = SpectralMap.power(c).apply(full);
            NDArray actual = map(c, OptionalDouble.of(0), overRank, null).apply(padded);
            assertThat(Oracle.relativeDistance(actual.get(":20"), expected)).isLessThan(1e-12);
            assertThat(actual.get("20:").abs().max().getDouble()).isZero();
        }
    }

    @Test
    void theKernelFollowsDeviceTypeAndShape() {
        SpectralMap freon = map(2.0 / 3, OptionalDouble.empty(), Normalization.SCHATTEN, null);
        Shape large = new Shape(768, 3072);
        assertThat(freon.kernel(large, DataType.FLOAT32, Device.cpu()).toString())
                .startsWith("power_eigh");
        assertThat(freon.kernel(large, DataType.FLOAT32, Device.gpu()).toString())
                .startsWith("power_fractions");
        assertThat(freon.kernel(large, DataType.FLOAT64, Device.cpu()).toString())
                .startsWith("power_svd");
        assertThat(freon.kernel(new Shape(1, 999), DataType.FLOAT32, Device.cpu()).toString())
                .startsWith("power_eigh");
        assertThat(SpectralMap.power(0.75).kernel(large, DataType.FLOAT32, Device.gpu()).toString())
                .as("no floor")
                .startsWith("power_eigh");
        assertThat(SpectralMap.power(0).kernel(large, DataType.FLOAT32, Device.cpu()).toString())
                .isEqualTo("normalised");
    }

    @Test
    void badValuesAreNamed() {
        for (double bad : new double[] {-0.1, 1.1, Double.NaN}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Freon.builder().optExponent(bad).build())
                    .withMessageContaining("[0, 1]")
                    .withMessageContaining(String.valueOf(bad));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Freon.builder().optFloor(bad).build())
                    .withMessageContaining("floor")
                    .withMessageContaining(String.valueOf(bad));
        }
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                Freon.builder()
                                        .optMethod(Method.PARTIAL_FRACTIONS)
                                        .optFloor(0)
                                        .build())
                .withMessageContaining("floor of at least");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                Freon.builder()
                                        .optMethod(Method.PARTIAL_FRACTIONS)
                                        .optExponent(1)
                                        .optNormalization(Normalization.SCHATTEN_OVER_RANK)
                                        .build())
                .withMessageContaining("EIGH or SVD");
    }
}
