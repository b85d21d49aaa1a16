package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import io.github.djlspectral.torch.Bfloat16;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class SpectralMapTest {

    @Provide
    Arbitrary<SpectralMap> maps() {
        return Arbitraries.of(SpectralMap.polar(false), SpectralMap.newtonSchulz());
    }

    /** Wide, tall, square, 1xN, on every route, at every scale that float32 can hold. */
    @Property(tries = 60)
    void theResultIsBoundedAndDoesNotDependOnScale(
            @ForAll("maps") SpectralMap map,
            @ForAll @IntRange(min = 1, max = 300) int rows,
            @ForAll @IntRange(min = 1, max = 300) int columns,
            @ForAll @IntRange(min = -30, max = 30) int exponent) {
        Engine.getEngine("PyTorch").setRandomSeed(rows * 1000 + columns);
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch")) {
            NDArray g = manager.randomNormal(new Shape(rows, columns));
            NDArray scaled = g.mul((float) Math.pow(10, exponent));
            NDArray before = scaled.duplicate();
            NDArray plain = map.apply(g);

            assertThat(map.apply(scaled).toType(DataType.FLOAT64, false))
                    .satisfies(m -> assertThat(m.isNaN().any().getBoolean()).isFalse())
                    .satisfies(
                            m ->
                                    assertThat(
                                                    Oracle.relativeDistance(
                                                            m,
                                                            plain.toType(DataType.FLOAT64, false)))
                                            // the input is rounded, and small singular values of
                                            // it are moved most
                                            .isLessThan(2e-3));
            assertThat(scaled).isEqualTo(before);
            // the reference overshoots to 1.21 before its last step
            assertThat(Oracle.spectralNorm(plain)).isLessThan(1.25);
        }
    }

    @Property(tries = 20)
    void transposingCommutes(
            @ForAll("maps") SpectralMap map,
            @ForAll @IntRange(min = 1, max = 80) int rows,
            @ForAll @IntRange(min = 1, max = 80) int columns) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray g = manager.randomNormal(0, 1, new Shape(rows, columns), DataType.FLOAT64);
            NDArray expected = map.apply(g).transpose();
            // a square Gaussian matrix can be nearly singular
            assertThat(Oracle.relativeDistance(map.apply(g.transpose()), expected))
                    .isLessThan(1e-8);
        }
    }

    /** Also of a first dimension of 1, which is no number of matrices. */
    @Test
    void trailingDimensionsAreFlattened() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (Shape shape : List.of(new Shape(1, 3, 4), new Shape(8, 3, 5, 5))) {
                NDArray g = manager.randomNormal(0, 1, shape, DataType.FLOAT64);
                NDArray flat = SpectralMap.polar().apply(g.reshape(shape.get(0), -1));
                assertThat(SpectralMap.polar().apply(g)).isEqualTo(flat.reshape(shape));
            }
        }
    }

    @Property(tries = 12)
    void zeroStaysZero(
            @ForAll("maps") SpectralMap map, @ForAll @IntRange(min = 1, max = 300) int rows) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray zeros = manager.zeros(new Shape(rows, 260));
            assertThat(map.apply(zeros)).isEqualTo(zeros);
        }
    }

    /** Two equal rows, 300 times: exact rank 1, the worst case for a factorization. */
    @Test
    void aConstantMatrixOfRankOneIsNormalised() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray ones = manager.ones(new Shape(300, 3000));
            NDArray mapped = SpectralMap.polar().apply(ones);
            assertThat(Oracle.spectralNorm(mapped)).isBetween(0.98, 1.02);
            // Rounding also turns the direction, by a hundredth.
            double expected = 1 / Math.sqrt(300.0 * 3000.0);
            assertThat(mapped.max().getFloat()).isLessThan((float) (1.03 * expected));
            assertThat(mapped.min().getFloat()).isGreaterThan((float) (0.97 * expected));
        }
    }

    /** Products of denormal numbers take a CPU 40 times as long. */
    @Test
    void rowsFarBelowTheRoundingLevelBecomeZero() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray live = manager.randomNormal(new Shape(100, 200));
            NDArray dead = manager.randomNormal(new Shape(100, 200)).mul(1e-18f);
            NDArray mapped = SpectralMap.polar().apply(live.concat(dead));
            assertThat(mapped.get("100:")).isEqualTo(manager.zeros(new Shape(100, 200)));
            NDArray alone = SpectralMap.polar().apply(live).toType(DataType.FLOAT64, false);
            assertThat(Oracle.relativeDistance(mapped.get(":100"), alone)).isLessThan(0.02);
        }
    }

    /** The result is a constant of the graph: y = map(g), d(sum w y)/dw = y. */
    @Test
    void theResultCanEnterAGraph() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray g = manager.randomNormal(new Shape(5, 8));
            NDArray w = manager.randomNormal(new Shape(5, 8));
            w.setRequiresGradient(true);
            for (SpectralMap map :
                    List.of(SpectralMap.polar(), SpectralMap.power(0.75), SpectralMap.chaotic(2))) {
                NDArray outside = map.apply(g);
                try (GradientCollector collector =
                        Engine.getEngine("PyTorch").newGradientCollector()) {
                    collector.zeroGradients();
                    NDArray inside = map.apply(g);
                    collector.backward(w.mul(inside).sum().add(w.mul(outside).sum()));
                }
                assertThat(Oracle.relativeDistance(w.getGradient(), outside.mul(2)))
                        .isLessThan(1e-6);
                assertThat(map.apply(w).hasGradient()).isFalse();
            }
        }
    }

    @Test
    void theRouteIsVisible() {
        SpectralMap polar = SpectralMap.polar();
        Device cpu = Device.cpu();
        Device gpu = Device.gpu();
        assertThat(polar.kernel(new Shape(768, 3072), DataType.FLOAT32, cpu).toString())
                .isEqualTo("halley(6)");
        for (SpectralMap half : List.of(polar, SpectralMap.polar(true))) {
            assertThat(half.kernel(new Shape(768, 3072), DataType.FLOAT32, gpu).toString())
                    .isEqualTo("polar_bfloat16(15)");
        }
        assertThat(
                        SpectralMap.polar(false)
                                .kernel(new Shape(768, 3072), DataType.FLOAT32, gpu)
                                .toString())
                .isEqualTo("polar_polynomial(15)");
        assertThat(polar.kernel(new Shape(128, 128), DataType.FLOAT32, cpu).toString())
                .isEqualTo("polar_polynomial(15)");
        assertThat(polar.kernel(new Shape(768, 768), DataType.FLOAT64, cpu).toString())
                .isEqualTo("exact_polar");
        assertThat(polar.kernel(new Shape(1, 5000), DataType.FLOAT32, cpu).toString())
                .isEqualTo("exact_polar");
    }

    /** On a CPU bfloat16 is used where it is fast, beats the rational route, and may be used. */
    @Test
    void bfloat16IsUsedOnACpuWhereItIsFast() {
        SpectralMap half = SpectralMap.polar();
        String before = System.getProperty(Bfloat16.PROPERTY);
        try {
            System.setProperty(Bfloat16.PROPERTY, "native");
            assertThat(name(half, 768, 1100)).isEqualTo("polar_bfloat16(15)");
            assertThat(name(half, 1100, 768)).isEqualTo("polar_bfloat16(15)");
            assertThat(name(SpectralMap.polar(false), 768, 1100)).isEqualTo("halley(6)");
            assertThat(name(half, 768, 1200)).isEqualTo("halley(6)");
            assertThat(name(half, 255, 255)).isEqualTo("halley(6)");
            assertThat(name(SpectralMap.chaotic(2), 256, 900)).isEqualTo("polynomial_bfloat16(6)");
            assertThat(name(SpectralMap.chaotic(2), 255, 900)).isEqualTo("polynomial_gram(6)");
            assertThat(name(SpectralMap.chaotic(2, false), 256, 256)).isEqualTo("polynomial(6)");
            System.setProperty(Bfloat16.PROPERTY, "rounded");
            assertThat(name(half, 768, 1100)).isEqualTo("halley(6)");
            assertThat(name(SpectralMap.chaotic(2), 900, 450)).isEqualTo("polynomial_gram(6)");
            assertThat(name(SpectralMap.chaotic(2), 899, 450)).isEqualTo("polynomial(6)");
            assertThat(name(SpectralMap.chaotic(2), 127, 900)).isEqualTo("polynomial(6)");
        } finally {
            if (before == null) {
                System.clearProperty(Bfloat16.PROPERTY);
            } else {
                System.setProperty(Bfloat16.PROPERTY, before);
            }
        }
    }

    private static String name(SpectralMap map, int rows, int columns) {
        return map.kernel(new Shape(rows, columns), DataType.FLOAT32, Device.cpu()).toString();
    }

    @Test
    void badInputIsNamed() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SpectralMap polar = SpectralMap.polar();
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> polar.apply(manager.ones(new Shape(4))))
                    .withMessageContaining("(4)");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> polar.apply(manager.ones(new Shape(4, 4), DataType.INT32)))
                    .withMessageContaining("int32");
            for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> polar.apply(manager.full(new Shape(4, 4), bad)))
                        .withMessageContaining("NaN or infinity");
            }
        }
    }
}
