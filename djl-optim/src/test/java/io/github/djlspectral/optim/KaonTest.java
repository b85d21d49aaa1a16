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
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.tracker.Tracker;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KaonTest {

    /** A map of the spectrum commutes with both Gram matrices: they share singular vectors. */
    @Property(tries = 30)
    void singularVectorsStay(
            @ForAll @IntRange(min = 2, max = 60) int rows,
            @ForAll @IntRange(min = 2, max = 60) int columns) {
        Engine.getEngine("PyTorch").setRandomSeed(rows * 100 + columns);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray input = manager.randomNormal(0, 1, new Shape(rows, columns), DataType.FLOAT64);
            NDArray mapped = SpectralMap.chaotic(5).apply(input);
            NDArray inBasis = inBasis(input, mapped);
            NDArray offDiagonal = offDiagonal(inBasis);
            // the sine of the largest angle, of results of order 1
            assertThat(offDiagonal.abs().max().getDouble()).isLessThan(1e-10);
            // and nothing outside the span of the input
            assertThat(mapped.norm().getDouble())
                    .isCloseTo(inBasis.norm().getDouble(), within(1e-10));
        }
    }

    /** U^T mapped V for the input U S V^T. */
    static NDArray inBasis(NDArray input, NDArray mapped) {
        NDList decomposed = Oracle.decompose(input);
        NDArray left = decomposed.get(0).transpose();
        return left.matMul(mapped).matMul(decomposed.get(2).transpose());
    }

    static NDArray offDiagonal(NDArray square) {
        NDArray unit = square.getManager().eye((int) square.getShape().get(0));
        return square.sub(square.mul(unit.toType(DataType.FLOAT64, false)));
    }

    /** In float64 rounding, which grows by up to 4.1 an iteration, hides nothing. */
    @ParameterizedTest
    @CsvSource({"1,300,700", "5,300,700", "7,300,700", "12,40,33", "11,256,256"})
    void theGramFormIsTheSameMap(int iterations, int rows, int columns) {
        Engine.getEngine("PyTorch").setRandomSeed(iterations);
        double[] numbers = SpectralMap.flat(Kaon.steps(iterations));
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray input = manager.randomNormal(0, 3, new Shape(rows, columns), DataType.FLOAT64);
            NDArray gram =
                    ProductionRoutesTest.mapped(input, Kernel.named("polynomial_gram", numbers));
            NDArray expected =
                    ProductionRoutesTest.mapped(input, Kernel.named("polynomial", numbers));
            assertThat(Oracle.relativeDistance(gram, expected)).isBetween(1e-17, 1e-6);
        }
    }

    /** One iteration against float64; after five most of what is left are the same directions. */
    @ParameterizedTest
    @CsvSource({"256,256", "300,700", "700,300"})
    void bfloat16KeepsDirections(int rows, int columns) {
        Engine.getEngine("PyTorch").setRandomSeed(rows);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray input = manager.randomNormal(new Shape(rows, columns)).mul(1e-20f);
            NDArray exact = input.toType(DataType.FLOAT64, false).mul(1e20);
            NDArray once = half(input, 1).toType(DataType.FLOAT64, false);
            NDArray expected = SpectralMap.chaotic(1).apply(exact);
            assertThat(Oracle.relativeDistance(once, expected)).isBetween(1e-4, 5e-3);
            NDArray mapped = half(input, 5).toType(DataType.FLOAT64, false);
            assertThat(Oracle.spectralNorm(mapped)).isLessThan(1.01);
            double norm = mapped.norm().getDouble();
            assertThat(norm / Math.sqrt(Math.min(rows, columns))).isBetween(0.43, 0.7);
            NDArray inBasis = inBasis(exact, mapped);
            assertThat(inBasis.norm().getDouble() / norm).isBetween(0.999, 1.001);
            assertThat(offDiagonal(inBasis).norm().getDouble() / norm).isLessThan(0.05);
        }
    }

    private static NDArray half(NDArray input, int iterations) {
        double[] numbers = SpectralMap.flat(Kaon.steps(iterations));
        return ProductionRoutesTest.mapped(input, Kernel.named("polynomial_bfloat16", numbers));
    }

    @Property(tries = 40)
    void theSpectralNormIsBelowOne(
            @ForAll @IntRange(min = 1, max = 80) int rows,
            @ForAll @IntRange(min = 1, max = 80) int columns,
            @ForAll @IntRange(min = 1, max = 32) int iterations,
            @ForAll @IntRange(min = -30, max = 30) int scale) {
        Engine.getEngine("PyTorch").setRandomSeed(rows * 100 + columns);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray input =
                    manager.randomNormal(new Shape(rows, columns)).mul((float) Math.pow(10, scale));
            NDArray mapped = SpectralMap.chaotic(iterations).apply(input);
            assertThat(mapped.isNaN().any().getBoolean()).isFalse();
            assertThat(Oracle.spectralNorm(mapped)).isLessThan(1);
        }
    }

    /**
     * Kolmogorov and Smirnov's test of 2,000 singular values against a long orbit of the scalar
     * map: if the laws agree, their distance exceeds 1.95 / sqrt(2000) = 0.044 with a probability
     * of 0.001. After the default five iterations of Gaussian matrices they nearly do.
     */
    @ParameterizedTest
    @CsvSource({"30,FLOAT32,0.044", "30,FLOAT64,0.044", "5,FLOAT32,0.08"})
    void theSpectrumFollowsTheStationaryLaw(int iterations, DataType type, double bound) {
        Engine.getEngine("PyTorch").setRandomSeed(17);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            double[] sample = new double[2000];
            for (int i = 0; i < 500; i++) {
                NDArray input = manager.randomNormal(0, 1, new Shape(4, 6), type);
                NDArray mapped = SpectralMap.chaotic(iterations).apply(input);
                System.arraycopy(Oracle.singularValues(mapped), 0, sample, 4 * i, 4);
            }
            assertThat(distance(sample, orbit(400_000))).isLessThan(bound);
        }
    }

    @Test
    void theRootMeanSquareIsAsDocumented() {
        double square = Arrays.stream(orbit(400_000)).map(s -> s * s).average().orElseThrow();
        assertThat(Math.sqrt(square)).isCloseTo(0.58, within(0.005));
        Engine.getEngine("PyTorch").setRandomSeed(5);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (int columns : new int[] {64, 128, 256}) {
                NDArray mapped =
                        SpectralMap.chaotic(5).apply(manager.randomNormal(new Shape(64, columns)));
                assertThat(mapped.norm().getFloat() / 8).isBetween(0.43f, 0.59f);
            }
        }
    }

    private static double[] orbit(int length) {
        double[] orbit = new double[length];
        double s = 0.3;
        for (int i = -1000; i < length; i++) {
            s = 4.1 * s * (1 - s * s) * (1 - s * s);
            if (i >= 0) {
                orbit[i] = s / Kaon.BOUND;
            }
        }
        return orbit;
    }

    /** The largest difference of the two cumulative distributions. */
    private static double distance(double[] sample, double[] law) {
        Arrays.sort(sample);
        Arrays.sort(law);
        double distance = 0;
        for (int i = 0; i < sample.length; i++) {
            int index = Arrays.binarySearch(law, sample[i]);
            double below = (double) (index < 0 ? -index - 1 : index) / law.length;
            double empirical = (double) i / sample.length;
            double step = 1.0 / sample.length;
            distance = Math.max(distance, Math.abs(below - empirical));
            distance = Math.max(distance, Math.abs(below - empirical - step));
        }
        return distance;
    }

    @Test
    void randomSpectraAreUniformSeededAndNewAtEachStep() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Kaon kaon = kaon(7);
                Kaon same = kaon(7);
                Kaon other = kaon(8)) {
            NDArray gradient = manager.randomNormal(new Shape(300, 400));
            double[] first = spectrumOfStep(kaon, gradient);
            double[] second = spectrumOfStep(kaon, gradient);
            assertThat(first[0]).isLessThanOrEqualTo(1.5 * (1 + 1e-6));
            assertThat(first[299]).isGreaterThanOrEqualTo(0.5 * (1 - 1e-6));
            // the mean of 300 draws has a standard deviation of 1/sqrt(12 * 300) = 0.0167
            assertThat(Arrays.stream(first).average().orElseThrow()).isCloseTo(1, within(0.06));
            assertThat(spectrumOfStep(same, gradient)).containsExactly(first);
            // rounding apart: sorted draws differ by more at once
            assertThat(distanceOf(spectrumOfStep(other, gradient), first)).isGreaterThan(0.01);
            assertThat(distanceOf(second, first)).isGreaterThan(0.01);
        }
    }

    private static double distanceOf(double[] s, double[] t) {
        return IntStream.range(0, s.length).mapToDouble(i -> Math.abs(s[i] - t[i])).max().orElse(0);
    }

    private static Kaon kaon(long seed) {
        return Kaon.builder().optRandomSpectrum(seed).build();
    }

    /** The singular values of one update, descending: learning rate 0.02, rows below columns. */
    private static double[] spectrumOfStep(Kaon kaon, NDArray gradient) {
        NDArray weight = gradient.zerosLike();
        kaon.update("w", weight, gradient);
        return Oracle.singularValues(weight.mul(-50));
    }

    /** "Aa" and "BB" have one hash code. */
    @Test
    void everySeedStepAndNameHasDrawsOfItsOwn() {
        var matrix = new SpectralMap.Matrix(4, 5, DataType.FLOAT32, Device.cpu());
        Set<Double> values = new HashSet<>();
        int count = 0;
        for (long seed : new long[] {-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1L << 32, 2L << 32}) {
            for (int step = 1; step <= 32; step++) {
                for (String name : List.of("", "01Linear_weight", "02Linear_weight", "Aa", "BB")) {
                    Kernel kernel =
                            new RandomSpectrum(0.5, 1.5, seed)
                                    .kernel(matrix, RandomSpectrum.draw(name, step));
                    count += kernel.numbers().length;
                    Arrays.stream(kernel.numbers()).forEach(values::add);
                }
            }
        }
        assertThat(values).hasSize(count);
    }

    /** Ids are new in every process and in every block; names are not. */
    @Test
    void drawsDependOnTheNameOfTheParameterAndNotOnItsId() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            double[][] g = PlainMatrix.gaussian(new Random(5), 6, 6);
            NDArray gradient = manager.create(PlainMatrix.flat(g), new Shape(6, 6));
            Map<String, double[]> first = drawnSpectra(gradient);
            assertThat(first.get("01Linear_weight")).isNotEqualTo(first.get("02Linear_weight"));
            assertThat(first.values())
                    .allSatisfy(s -> assertThat(s[0]).isGreaterThan(2).isLessThan(s[5]))
                    .allSatisfy(s -> assertThat(s[5]).isBetween(3.5, 5.0));
            Map<String, double[]> second = drawnSpectra(gradient);
            first.forEach(
                    (name, spectrum) -> assertThat(second.get(name)).containsExactly(spectrum));
        }
    }

    private static Map<String, double[]> drawnSpectra(NDArray gradient) {
        SequentialBlock block = new SequentialBlock();
        for (int i = 0; i < 3; i++) {
            block.add(Linear.builder().setUnits(6).optBias(false).build());
        }
        block.initialize(gradient.getManager(), DataType.FLOAT64, new Shape(1, 6));
        Map<String, double[]> spectra = new HashMap<>();
        try (Kaon kaon =
                Kaon.builder()
                        .optRandomSpectrum(2, 5, 9)
                        .optLearningRateTracker(Tracker.fixed(1))
                        .optRouting(ParameterRouting.of(block).withSpectral("weight"))
                        .build()) {
            BlockParameters.byName(block)
                    .forEach(
                            (name, parameter) -> {
                                NDArray weight = gradient.zerosLike();
                                kaon.update(parameter.getId(), weight, gradient);
                                spectra.put(
                                        name, PlainMatrix.singularValues(PlainMatrix.of(weight)));
                            });
        }
        return spectra;
    }

    /** Divided by its norm, a matrix of rank 1 has the singular value 1, which chaos maps to 0. */
    @ParameterizedTest
    @CsvSource({"40,60", "60,40", "3,8"})
    void momentumOfRankOneMovesNothingUnlessTheSpectrumIsDrawn(int rows, int columns) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Kaon chaotic = Kaon.builder().build();
                Kaon drawn = kaon(7)) {
            NDArray column = manager.randomNormal(new Shape(rows, 1));
            NDArray outer = column.matMul(manager.randomNormal(new Shape(1, columns)));
            NDArray weight = manager.zeros(outer.getShape());
            chaotic.update("w", weight, outer);
            assertThat(weight.norm().getFloat()).isLessThan(2e-4f);
            drawn.update("w", weight, outer);
            assertThat(weight.norm().getFloat()).isGreaterThan(0.02f * 0.49f);
            NDArray row = outer.get("0:1");
            assertThat(SpectralMap.chaotic(5).apply(row).norm().getFloat()).isLessThan(2e-4f);
        }
    }

    @Test
    void anIntervalMayBeOnePoint() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray mapped = SpectralMap.randomSpectrum(2, 2, 5).apply(manager.eye(3));
            assertThat(Oracle.relativeDistance(mapped, manager.eye(3).mul(2))).isLessThan(1e-6);
        }
    }

    @Test
    void nullDirectionsStayZero() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray input = Oracle.withSpectrum(manager, 40, 50, new double[] {3, 2, 1});
            double[] spectrum =
                    Oracle.singularValues(SpectralMap.randomSpectrum(1, 2, 5).apply(input));
            assertThat(spectrum[2]).isGreaterThan(1 - 1e-6);
            assertThat(spectrum[3]).isLessThan(1e-6);
        }
    }

    @Test
    void badValuesAreNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Kaon.builder().optIterations(0).build())
                .withMessageContaining("[1, 32], was 0");
        double[][] bad = {{2, 1}, {0, 1}, {-1, 1}, {1, Double.POSITIVE_INFINITY}, {Double.NaN, 1}};
        for (double[] interval : bad) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Kaon.builder().optRandomSpectrum(interval[0], interval[1], 1))
                    .withMessageContaining("low = " + interval[0])
                    .withMessageContaining("high = " + interval[1]);
        }
    }
}
