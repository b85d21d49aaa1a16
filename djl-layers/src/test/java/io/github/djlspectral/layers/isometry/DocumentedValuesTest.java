package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import io.github.djlspectral.layers.isometry.initializer.DeltaOrthogonalInitializer;
import io.github.djlspectral.layers.isometry.initializer.LooksLinearInitializer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Conventions that any other choice would serve as well, were there no saved models. */
class DocumentedValuesTest extends ManagedTest {

    static Stream<Arguments> firstValues() {
        return Stream.of(
                Arguments.of(ResidualFold.builder().setWidth(4).build(), "bias", -2.0),
                Arguments.of(AbsFold.builder().setWidth(4).build(), "bias", 0.0),
                Arguments.of(
                        TwoSlopeFold.builder().setWidth(4).setSlopes(0, 1).build(), "bias", 2.0),
                Arguments.of(
                        ConvolutionFold.builder().setChannels(4).setKernel(3).build(),
                        "bias",
                        -1.0),
                Arguments.of(KernelLayers.linear(4, 4, 3).optInitialBias(0).build(), "bias", 0.0),
                Arguments.of(OrthogonalLinear.builder().setUnits(4).build(), "bias", 0.0),
                Arguments.of(persistent(), "fold_bias", -1.0),
                Arguments.of(persistent(), "bias", 0.0),
                Arguments.of(new HouseholderActivation(), "angles", Math.PI / 2));
    }

    private static Block persistent() {
        return PersistentFold.builder().setWidth(4).setDirections(2).build();
    }

    @ParameterizedTest
    @MethodSource
    void firstValues(Block block, String name, double value) {
        block.initialize(
                manager,
                DataType.FLOAT32,
                block instanceof KernelLayer ? EveryLayer.IMAGES : EveryLayer.VECTORS);
        for (float entry : block.getParameters().get(name).getArray().toFloatArray()) {
            assertThat(entry).isEqualTo((float) value);
        }
    }

    /** The normal initialisation of He et al., of variance 2 / n. */
    @Test
    void theRestsFirstWeights() {
        Block fold = PersistentFold.builder().setWidth(64).setDirections(2).build();
        fold.initialize(manager, DataType.FLOAT64, new Shape(1, 64));
        NDArray w = fold.getParameters().get("weight").getArray();
        assertThat(w.square().mean().getDouble() * 64).isBetween(1.8, 2.2);
    }

    /** W (I + A) = W_0 (I - A); a tall W has the transposed rotation on its left. */
    @ParameterizedTest
    @CsvSource({"3, 5", "5, 5", "5, 3"})
    void cayley(int rows, int columns) {
        OrthogonalLinear layer = layer(Parametrization.CAYLEY, rows, columns);
        NDArray a = skew(layer, Math.max(rows, columns));
        NDArray identity = manager.eye(Math.max(rows, columns)).toType(DataType.FLOAT64, false);
        NDArray base = layer.getParameters().get("base").getArray();
        NDArray w = layer.effectiveWeight(manager);
        NDArray error =
                rows <= columns
                        ? w.matMul(identity.add(a)).sub(base.matMul(identity.sub(a)))
                        : identity.sub(a).matMul(w).sub(identity.add(a).matMul(base));
        assertThat(error.abs().max().getDouble()).isLessThan(1e-13);
    }

    /** By the exponential's series; in float32 to the rounding of the result. */
    @ParameterizedTest
    @CsvSource({"3, 5", "5, 5", "5, 3"})
    void exponential(int rows, int columns) {
        OrthogonalLinear layer = layer(Parametrization.EXPONENTIAL, rows, columns);
        NDArray a = skew(layer, Math.max(rows, columns));
        NDArray sum = manager.eye(Math.max(rows, columns)).toType(DataType.FLOAT64, false);
        NDArray term = sum;
        for (int k = 1; k < 60; k++) {
            term = term.matMul(a).div(k);
            sum = sum.add(term);
        }
        NDArray base = layer.getParameters().get("base").getArray();
        NDArray expected = rows <= columns ? base.matMul(sum) : sum.transpose().matMul(base);
        NDArray error = layer.effectiveWeight(manager).sub(expected);
        assertThat(error.abs().max().getDouble()).isLessThan(1e-12);
    }

    /** A plane turned by an angle: libtorch's exponential is off by 1e-11 for some of them. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 1e-9, 1e-4, 1e-3, 0.0283, 0.049, 0.1, 1, 10})
    void exponentialTurnsByTheAngle(double angle) {
        NDArray p = manager.create(new double[] {0, -angle, 0, 0});
        NDArray base = manager.eye(2).toType(DataType.FLOAT64, false);
        NDArray w = OrthogonalWeight.KERNELS.call(manager, "exponential", p, base).head();
        double c = Math.cos(angle);
        double s = Math.sin(angle);
        assertThat(w.toDoubleArray()).containsExactly(new double[] {c, -s, s, c}, within(3e-15));
    }

    /** What is done to the columns of a wide matrix is done to the rows of a tall one. */
    @ParameterizedTest
    @CsvSource({"cayley, 36", "exponential, 36", "householder, 24"})
    void tallIsWideTransposed(String function, int entries) {
        NDArray p = normal(entries);
        NDArray base = normal(6, 4); // any
        NDArray tall = OrthogonalWeight.KERNELS.call(manager, function, p, base).head();
        NDArray wide = OrthogonalWeight.KERNELS.call(manager, function, p, base.transpose()).head();
        assertThat(tall.sub(wide.transpose()).abs().max().getDouble()).isLessThan(1e-12);
    }

    @Test
    void inFloat32TheExponentialIsRoundedOnce() {
        NDArray p = normal(1024).mul(2).toType(DataType.FLOAT32, false);
        NDArray base = manager.eye(32);
        NDArray w = OrthogonalWeight.KERNELS.call(manager, "exponential", p, base).head();
        assertThat(IsometryCatalogue.offIdentity(w.matMul(w.transpose()))).isLessThan(1e-6);
    }

    /** Of abs it is 0, which would lose the gradient of whatever begins at 0. */
    @Test
    void theSlopeOfAbsFoldAtZeroIsOne() {
        AbsFold fold = AbsFold.builder().setWidth(4).build();
        fold.initialize(manager, DataType.FLOAT64, new Shape(1, 4));
        NDArray g = normal(4);
        NDArray zero = manager.zeros(new Shape(4), DataType.FLOAT64);
        NDArray expected = g.expandDims(0).matMul(fold.effectiveWeight(manager)).squeeze(0);
        NDArray error = IsometryCatalogue.pullback(fold, zero, g).sub(expected);
        assertThat(error.abs().max().getDouble()).isLessThan(1e-14);
    }

    private OrthogonalLinear layer(Parametrization way, int rows, int columns) {
        OrthogonalLinear layer =
                OrthogonalLinear.builder().setUnits(rows).optParametrization(way).build();
        IsometryCatalogue.initialize(layer, manager, DataType.FLOAT64, columns);
        return layer;
    }

    private static NDArray skew(OrthogonalLinear layer, int n) {
        NDArray p = layer.getParameters().get("skew").getArray().reshape(n, n);
        return p.sub(p.transpose());
    }

    @Test
    void whatLooksLinearIsAMatrixAndItsOpposite() {
        NDArray w =
                new LooksLinearInitializer().initialize(manager, new Shape(3, 8), DataType.FLOAT64);
        assertThat(w.get(":, :4").add(w.get(":, 4:")).abs().max().getDouble()).isZero();
        NDArray h = w.get(":, :4");
        assertThat(IsometryCatalogue.offIdentity(h.matMul(h.transpose()))).isLessThan(1e-14);
    }

    @Test
    void theCentreOfAKernelThatIsNotSquare() {
        NDArray kernel =
                new DeltaOrthogonalInitializer()
                        .initialize(manager, new Shape(2, 3, 5, 3), DataType.FLOAT64);
        NDArray centre = kernel.get(new NDIndex(":, :, 2, 1"));
        assertThat(IsometryCatalogue.offIdentity(centre.matMul(centre.transpose())))
                .isLessThan(1e-14);
        assertThat(kernel.square().sum().getDouble()).isLessThan(2 + 1e-13); // zero elsewhere
    }
}
