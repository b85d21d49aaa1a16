package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.Freon.Normalization;
import io.github.djlspectral.torch.TorchScript;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The computations that are chosen for a GPU, run on a CPU with their branches for a GPU taken by
 * force: several matrices at once, and nothing that the host would wait for.
 */
class GpuRoutesTest {

    private static TorchScript forced(Kernel kernel) {
        String source = kernel.join("");
        String forced = source.replaceAll("ops\\.prim\\.is_cuda\\(\\w+\\)", "True");
        assertThat(forced).isNotEqualTo(source);
        return TorchScript.of(kernel.name() + " as on a GPU", forced);
    }

    private static Map<String, Kernel> kernels(Shape shape) {
        Map<String, SpectralMap> maps = new LinkedHashMap<>();
        maps.put("polar", SpectralMap.polar());
        maps.put("polar in float32", SpectralMap.polar(false));
        maps.put("newtonSchulz", SpectralMap.newtonSchulz());
        maps.put("truncated", SpectralMap.truncated(0.05));
        for (double c : new double[] {0, 0.25, 2.0 / 3, 1}) {
            for (Normalization kind : Normalization.values()) {
                OptionalDouble floor = OptionalDouble.of(0.01);
                maps.put(c + " " + kind, new PowerMap("power", c, floor, kind, null));
            }
        }
        Map<String, Kernel> kernels = new LinkedHashMap<>();
        maps.forEach((n, m) -> kernels.put(n, m.kernel(shape, DataType.FLOAT32, Device.gpu())));
        assertThat(kernels.get("0.25 SCHATTEN").name()).isEqualTo("power_fractions");
        return kernels;
    }

    private static NDArray map(TorchScript script, NDArray g, int blocks, Kernel kernel) {
        long[] shape = SpectralMap.blocks(g.getShape(), blocks);
        boolean together = blocks > 1;
        return script.call(g.getManager(), "map", g, shape, kernel.numbers(), 0, together)
                .singletonOrThrow();
    }

    /** Blocks of full rank, of rank 2, of zeros, of tiny and of huge numbers. */
    @ParameterizedTest
    @CsvSource({"1,1", "1,60", "60,1", "24,70", "70,24", "40,40", "36,150", "140,160"})
    void theyAgreeWithOneMatrixAtATimeOnACpu(int rows, int columns) {
        Engine.getEngine("PyTorch").setRandomSeed(rows + columns);
        Shape shape = new Shape(rows, columns);
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            NDArray random = manager.randomNormal(shape);
            NDArray flat =
                    manager.randomNormal(new Shape(rows, 2))
                            .matMul(manager.randomNormal(new Shape(2, columns)));
            NDList blocks =
                    new NDList(
                            random,
                            flat,
                            manager.zeros(shape),
                            random.mul(1e-30),
                            manager.randomNormal(shape).mul(1e30));
            int count = blocks.size();
            NDArray all = blocks.stream().reduce(NDArray::concat).orElseThrow();
            kernels(shape)
                    .forEach(
                            (name, kernel) -> {
                                NDArray actual = map(forced(kernel), all, count, kernel);
                                for (int i = 0; i < count; i++) {
                                    NDArray expected =
                                            map(kernel.script(""), blocks.get(i), 1, kernel);
                                    NDArray mine = actual.get(i * rows + ":" + (i + 1) * rows);
                                    double size = Math.max(1, norm(expected));
                                    assertThat(norm(mine.sub(expected)) / size)
                                            .as("%s of block %s, %s", name, i, shape)
                                            .isLessThan(1e-5);
                                }
                            });
        }
    }

    private static double norm(NDArray array) {
        return array.toType(DataType.FLOAT64, true).norm().getDouble();
    }

    /**
     * In float64, which shows that the way was another one; and with more shifts than fit at once.
     */
    @Test
    void partialFractionsTogetherAreThoseOneByOne() {
        PowerMap map =
                new PowerMap("power", 0.6, OptionalDouble.of(0.01), Normalization.MUON_RMS, null);
        Kernel kernel = map.kernel(new Shape(30, 50), DataType.FLOAT32, Device.gpu());
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            NDArray g = manager.randomNormal(0, 1, new Shape(30, 50), DataType.FLOAT64);
            NDArray expected = map(kernel.script(""), g, 1, kernel);
            String source = kernel.join("").replaceAll("ops\\.prim\\.is_cuda\\(\\w+\\)", "True");
            for (String most : new String[] {"100000000", "3000"}) { // three at a time
                TorchScript script = TorchScript.of("few", source.replace("100000000", most));
                assertThat(Oracle.relativeDistance(map(script, g, 1, kernel), expected))
                        .isBetween(1e-17, 1e-11);
            }
        }
    }

    /** Shifts that make the matrix indefinite: it must show, as nobody is told. */
    @Test
    void aFailedFactorizationIsNaN() {
        PowerMap map =
                new PowerMap("power", 0.6, OptionalDouble.empty(), Normalization.SCHATTEN, null);
        Kernel kernel = map.kernel(new Shape(30, 50), DataType.FLOAT32, Device.gpu());
        double[] numbers = kernel.numbers().clone();
        IntStream.range(0, (numbers.length - 4) / 2).forEach(j -> numbers[2 * j + 4] = -0.01);
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            NDArray g = manager.randomNormal(new Shape(30, 50));
            NDArray mapped =
                    forced(kernel)
                            .call(manager, "map", g, new long[] {1, 30, 50}, numbers, 0, false)
                            .singletonOrThrow();
            assertThat(mapped.isNaN().all().getBoolean()).isTrue();
        }
    }

    /** Where there is a distance at the cut; else, as for equal values, A is decomposed. */
    @ParameterizedTest
    @ValueSource(doubles = {-0.5, -1, 0})
    void theLargestDirectionsAreFoundWithoutDecomposingAll(double power) {
        Shape shape = new Shape(160, 200);
        Kernel kernel = SpectralMap.truncated(0.05).kernel(shape, DataType.FLOAT32, Device.gpu());
        double[] s = IntStream.rangeClosed(1, 160).mapToDouble(i -> Math.pow(i, power)).toArray();
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            ClosedForms.Factored known = ClosedForms.Factored.of(manager, 160, 200, s);
            NDArray g = known.with(s);
            NDArray mapped = map(forced(kernel), g, 1, kernel);
            assertThat(norm(mapped)).isCloseTo(Math.sqrt(160), within(1e-9));
            String source = kernel.join("").replaceAll("ops\\.prim\\.is_cuda\\(\\w+\\)", "True");
            String without = source.replace("eigh(A)", "eigh(torch.zeros_like(A))");
            TorchScript alone = TorchScript.of("without the decomposition of A", without);
            double distance = Oracle.relativeDistance(map(alone, g, 1, kernel), mapped);
            if (power == 0) {
                assertThat(distance).isGreaterThan(0.1);
            } else {
                assertThat(distance).isZero();
                NDArray expected = known.with(ClosedForms.truncated(s, 8));
                assertThat(Oracle.relativeDistance(mapped, expected)).isLessThan(1e-6);
            }
        }
    }
}
