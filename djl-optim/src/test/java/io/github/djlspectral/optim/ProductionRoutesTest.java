package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.Freon.Method;
import io.github.djlspectral.optim.Freon.Normalization;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.DoubleUnaryOperator;
import java.util.function.ToDoubleFunction;
import java.util.function.UnaryOperator;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every computation, as chosen for a CPU and for a GPU, on matrices {@code U diag(s) V^T} made of
 * known factors, so that no decomposition is needed: the result is {@code U diag(f(s)) V^T} with f
 * by its formula.
 */
class ProductionRoutesTest {

    private static final double[][] REFERENCE_STEPS = {
        {3.4445, -4.7750, 2.0315},
        {3.4445, -4.7750, 2.0315},
        {3.4445, -4.7750, 2.0315},
        {3.4445, -4.7750, 2.0315},
        {3.4445, -4.7750, 2.0315}
    };

    /** A computation, what it does to all singular values, and its rounding in either type. */
    private record Computation(
            String name, Kernel kernel, UnaryOperator<double[]> images, double[] tolerances) {}

    private static UnaryOperator<double[]> each(
            ToDoubleFunction<double[]> norm, DoubleUnaryOperator image) {
        return s -> {
            double size = norm.applyAsDouble(s);
            return DoubleStream.of(s).map(x -> image.applyAsDouble(x / size)).toArray();
        };
    }

    private static double[] zeroWhere(double[] s, double[] images) {
        return IntStream.range(0, s.length).mapToDouble(i -> s[i] == 0 ? 0 : images[i]).toArray();
    }

    private static Kernel kernel(SpectralMap map, Shape shape, DataType type, Device device) {
        return map.kernel(shape, type, device);
    }

    private static List<Computation> computations(Shape shape) {
        List<Computation> all = new ArrayList<>();
        double[] exact = {1e-5, 1e-10};
        double[] iterated = {2e-4, 1e-10};
        SpectralMap polar = SpectralMap.polar();
        int k = (int) Math.min(shape.get(0), shape.size() / shape.get(0));
        boolean large = k > 40; // then decompositions take long
        all.add(
                new Computation(
                        "exact polar",
                        kernel(polar, shape, DataType.FLOAT64, Device.cpu()),
                        s -> zeroWhere(s, DoubleStream.of(s).map(x -> 1).toArray()),
                        exact));
        for (Device device : List.of(Device.cpu(), Device.gpu())) {
            SpectralMap exactProducts = SpectralMap.polar(false);
            Kernel kernel = kernel(exactProducts, shape, DataType.FLOAT32, device);
            double[] flat = kernel.numbers();
            if (kernel.name().equals("halley")) {
                all.add(
                        new Computation(
                                "halley",
                                kernel,
                                each(ClosedForms::gramNorm, s -> ClosedForms.halley(flat, s)),
                                iterated));
            } else if (flat.length > 0) {
                all.add(
                        new Computation(
                                "polar polynomial",
                                kernel,
                                each(ClosedForms::squareNorm, s -> ClosedForms.quintics(flat, s)),
                                iterated));
            }
        }
        double[] reference = PlainMatrix.flat(REFERENCE_STEPS);
        all.add(
                new Computation(
                        "newtonSchulz",
                        kernel(SpectralMap.newtonSchulz(), shape, DataType.FLOAT32, Device.cpu()),
                        each(ClosedForms::frobenius, s -> ClosedForms.quintics(reference, s)),
                        iterated));
        for (int iterations : new int[] {1, 5}) {
            double growth = Math.pow(4.1, iterations); // of an error, at most
            all.add(
                    new Computation(
                            "chaotic " + iterations,
                            kernel(
                                    SpectralMap.chaotic(iterations),
                                    shape,
                                    DataType.FLOAT32,
                                    Device.cpu()),
                            each(ClosedForms::frobenius, s -> ClosedForms.chaos(iterations, s)),
                            new double[] {5e-6 * growth, 1e-12 * growth}));
        }
        for (double fraction : large ? new double[] {0.05} : new double[] {0, 0.05, 0.5}) {
            int dropped = (int) Math.min(Math.round(fraction * k), k - 1);
            all.add(
                    new Computation(
                            "truncated " + fraction,
                            kernel(
                                    SpectralMap.truncated(fraction),
                                    shape,
                                    DataType.FLOAT32,
                                    Device.cpu()),
                            s -> ClosedForms.truncated(s, dropped),
                            exact));
        }
        Kernel drawn =
                kernel(
                        SpectralMap.randomSpectrum(0.5, 1.5, 3),
                        shape,
                        DataType.FLOAT32,
                        Device.cpu());
        all.add(
                new Computation(
                        "drawn",
                        drawn,
                        s -> zeroWhere(s, drawn.numbers()),
                        new double[] {1e-5, 1e-7}));
        for (Method method : Method.values()) {
            if (large && method == Method.SVD) {
                continue;
            }
            for (Normalization kind : Normalization.values()) {
                for (double c : new double[] {0, 0.25, 0.5, 2.0 / 3, 1}) {
                    if (c == 1
                            && kind == Normalization.SCHATTEN_OVER_RANK
                            && method.compareTo(Method.SVD) > 0) {
                        continue; // refused
                    }
                    if (large && (c < 0.6 || c == 1 || kind != Normalization.SCHATTEN)) {
                        continue;
                    }
                    PowerMap map = new PowerMap("power", c, OptionalDouble.of(0.05), kind, method);
                    double eps = c == 0 && kind == Normalization.SCHATTEN ? 0 : 0.05 * 0.05 / k;
                    all.add(
                            new Computation(
                                    method + " " + c + " " + kind,
                                    map.kernel(shape, DataType.FLOAT32, Device.cpu()),
                                    s -> ClosedForms.power(s, c, eps, kind),
                                    // 464 at s = 0 for c = 2/3, 10,000 for c = 1, times 1e-8
                                    new double[] {
                                        c > 0.5 ? 5e-5 : 2e-6,
                                        method.compareTo(Method.SVD) > 0 ? 2e-7 : 1e-10
                                    }));
                }
            }
        }
        return all;
    }

    static NDArray mapped(NDArray matrix, Kernel kernel) {
        return kernel.script("")
                .call(
                        matrix.getManager(),
                        "map",
                        matrix,
                        SpectralMap.blocks(matrix.getShape(), 1),
                        kernel.numbers(),
                        0,
                        false)
                .singletonOrThrow();
    }

    private static double[] spectrum(int k, int rank) {
        return IntStream.range(0, k)
                .mapToDouble(i -> i < rank ? Math.pow(10, -0.5 * i / Math.max(1, k - 1)) : 0)
                .toArray();
    }

    /** Sizes around one and two blocks of {@code polar.py}, on either side of every threshold. */
    @ParameterizedTest
    @CsvSource({"1,1", "1,50", "50,1", "20,32", "40,33", "64,600", "127,259", "128,257", "257,129"})
    void everyComputationMapsAKnownSpectrum(int rows, int columns) {
        Shape shape = new Shape(rows, columns);
        int k = Math.min(rows, columns);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (int rank : k > 2 ? new int[] {k, (k + 1) / 2 + 1} : new int[] {k}) {
                ClosedForms.Factored known =
                        ClosedForms.Factored.of(manager, rows, columns, spectrum(k, rank));
                NDArray g = known.with(known.s());
                NDArray rounded = g.toType(DataType.FLOAT32, false);
                for (Computation computation : computations(shape)) {
                    NDArray expected = known.with(computation.images().apply(known.s()));
                    compare(computation, rounded, expected, 0, rank);
                    compare(computation, g, expected, 1, rank);
                }
            }
        }
    }

    /** Relative, but absolute below 1: chaos maps a single row to zero, up to rounding. */
    private static void compare(
            Computation computation, NDArray input, NDArray expected, int type, int rank) {
        NDArray actual = mapped(input, computation.kernel());
        assertThat(actual.getDataType()).isEqualTo(input.getDataType());
        NDArray difference = actual.toType(DataType.FLOAT64, false).sub(expected);
        double size = Math.max(1, expected.norm().getDouble());
        double error = difference.norm().getDouble() / size;
        assertThat(error)
                .as(
                        "%s, %s, %s, rank %s",
                        computation.name(), input.getShape(), input.getDataType(), rank)
                .isLessThan(computation.tolerances()[type]);
    }

    /**
     * Two and three blocks, products across all of them; in float64, whose rounding hides least.
     */
    @ParameterizedTest
    @ValueSource(ints = {256, 257, 300})
    void theRationalRouteCrossesBlocks(int k) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            ClosedForms.Factored known = ClosedForms.Factored.of(manager, k, k, spectrum(k, k));
            Kernel kernel =
                    kernel(
                            SpectralMap.polar(false),
                            new Shape(k, k),
                            DataType.FLOAT32,
                            Device.cpu());
            double size = ClosedForms.gramNorm(known.s());
            NDArray expected =
                    known.with(
                            DoubleStream.of(known.s())
                                    .map(x -> ClosedForms.halley(kernel.numbers(), x / size))
                                    .toArray());
            NDArray actual = mapped(known.with(known.s()), kernel);
            assertThat(Oracle.relativeDistance(actual, expected)).isLessThan(1e-12);
        }
    }

    /** Within 0.02 of 1 from 0.01 s_max, whatever the other singular values; below in [0, 1.02]. */
    @ParameterizedTest
    @ValueSource(ints = {33, 64, 128, 256, 768, 4096, 50_257})
    void thePolarCoefficientsKeepTheirPromise(int k) {
        Shape shape = new Shape(k, 60_000);
        double[] rational =
                kernel(SpectralMap.polar(false), shape, DataType.FLOAT32, Device.cpu()).numbers();
        double[] polynomial =
                kernel(SpectralMap.polar(false), shape, DataType.FLOAT32, Device.gpu()).numbers();
        double[] half =
                kernel(SpectralMap.polar(), shape, DataType.FLOAT32, Device.gpu()).numbers();
        double least = 1e-2 / Math.pow(k, 0.25); // when all are equal but the smallest
        for (int i = 0; i <= 3000; i++) {
            double s = Math.pow(10, -i / 500.0);
            assertThat(ClosedForms.halley(rational, s))
                    .as("rational, s = %s", s)
                    .isBetween(s < least ? 0 : 0.98 - 1e-9, 1.02 + 1e-9);
            double low = s < 1e-2 / Math.pow(k, 0.125) ? 0 : 0.98 - 1e-9;
            assertThat(ClosedForms.quintics(polynomial, s))
                    .as("s = %s", s)
                    .isBetween(low, 1.02 + 1e-9);
            assertThat(ClosedForms.quintics(half, s))
                    .as("for bfloat16, s = %s", s)
                    .isBetween(low, 1.015 + 1e-9); // and 0.005 for the last rounding
        }
    }

    /** From the smallest to the largest that float32 holds; only the directions matter. */
    @ParameterizedTest
    @ValueSource(doubles = {1e-36, 1e-30, 1e-12, 1e12, 1e30, 1e37})
    void theScaleDoesNotMatter(double scale) {
        Shape shape = new Shape(40, 33);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            ClosedForms.Factored known = ClosedForms.Factored.of(manager, 40, 33, spectrum(33, 33));
            NDArray g = known.with(known.s()).mul(scale).toType(DataType.FLOAT32, false);
            for (Computation computation : computations(shape)) {
                NDArray expected = known.with(computation.images().apply(known.s()));
                compare(computation, g, expected, 0, 33);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"40,33", "1,7", "129,257"})
    void zeroIsMappedToZero(int rows, int columns) {
        Shape shape = new Shape(rows, columns);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (DataType type : List.of(DataType.FLOAT32, DataType.FLOAT64)) {
                NDArray zeros = manager.zeros(shape, type);
                for (Computation computation : computations(shape)) {
                    assertThat(mapped(zeros, computation.kernel()))
                            .as(computation.name())
                            .isEqualTo(zeros);
                }
            }
        }
    }

    @Test
    void everyMapRefusesWhatIsNotFinite() {
        List<SpectralMap> maps =
                List.of(
                        SpectralMap.polar(),
                        SpectralMap.newtonSchulz(),
                        SpectralMap.power(0.75, 0.01),
                        SpectralMap.chaotic(5),
                        SpectralMap.randomSpectrum(1, 2, 3),
                        SpectralMap.truncated(0.5));
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (SpectralMap map : maps) {
                for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
                    NDArray g = manager.ones(new Shape(40, 36));
                    g.setScalar(new NDIndex(39, 35), bad);
                    assertThatIllegalArgumentException()
                            .isThrownBy(() -> map.apply(g))
                            .withMessageContaining("NaN or infinity");
                }
            }
        }
    }
}
