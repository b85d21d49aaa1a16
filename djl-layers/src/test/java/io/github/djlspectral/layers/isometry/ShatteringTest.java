package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.SequentialBlock;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianSpectrum;
import io.github.djlspectral.layers.isometry.diagnostics.SeededNormals;
import io.github.djlspectral.layers.isometry.diagnostics.Shattering;
import io.github.djlspectral.layers.isometry.diagnostics.Spread;
import org.junit.jupiter.api.Test;

class ShatteringTest extends ManagedTest {

    /** Against the two Jacobians themselves. */
    @Test
    void theCosineIsThatOfTheJacobians() {
        Block network = folds(6, 3, 0, 12);
        NDArray x = normal(4, 12);
        double eps = 0.3;
        Spread exact = Shattering.jacobianCosine(network, manager, x, eps, 12, 5);
        NDArray v = new SeededNormals(5).next(manager, x.getShape(), x);
        double[] expected = new double[4];
        for (int b = 0; b < 4; b++) {
            NDArray beside = x.get(b).add(v.get(b).mul(eps * length(x.get(b)) / length(v.get(b))));
            NDArray one = JacobianSpectrum.jacobian(network, manager, x.get(b));
            NDArray two = JacobianSpectrum.jacobian(network, manager, beside);
            // both orthogonal: |J|_F^2 = n
            expected[b] = one.mul(two).sum().getDouble() / 12;
        }
        Spread by = Spread.of(expected);
        assertThat(by.min()).isLessThan(0.95);
        assertThat(exact.min()).isCloseTo(by.min(), within(1e-12));
        assertThat(exact.mean()).isCloseTo(by.mean(), within(1e-12));
        assertThat(exact.max()).isCloseTo(by.max(), within(1e-12));
    }

    private static double length(NDArray x) {
        return Math.sqrt(x.square().sum().getDouble());
    }

    private Block folds(int depth, int rows, float bias, int width) {
        SequentialBlock network = new SequentialBlock();
        for (int i = 0; i < depth; i++) {
            network.add(
                    ResidualFold.builder()
                            .setWidth(width)
                            .optRows(rows)
                            .optInitialBias(bias)
                            .build());
        }
        network.initialize(manager, DataType.FLOAT64, new Shape(1, width));
        return network;
    }

    @Test
    void aFewProbesEstimateIt() {
        Block network = folds(20, 64, 0, 64);
        NDArray x = normal(32, 64);
        double exact = Shattering.jacobianCosine(network, manager, x, 0.05, 64, 1).mean();
        double few = Shattering.jacobianCosine(network, manager, x, 0.05, 4, 1).mean();
        assertThat(exact).isBetween(0.3, 0.9);
        // standard deviation of one cosine by 4 probes is below 1 / sqrt(4 * 64), of 32 a fifth
        assertThat(few).isCloseTo(exact, within(0.05));
    }

    /**
     * The warning of isometric networks: folding all at every layer shatters, a bias of -1 less.
     */
    @Test
    void foldingMuchShatters() {
        NDArray x = normal(16, 64);
        Block much = folds(100, 64, 0, 64);
        Block little = folds(100, 64, -1, 64);
        double shattered = Shattering.jacobianCosine(much, manager, x, 0.1, 16, 1).mean();
        double kept = Shattering.jacobianCosine(little, manager, x, 0.1, 16, 1).mean();
        assertThat(shattered).isLessThan(0.2);
        assertThat(kept).isGreaterThan(0.4);
        Spread contracted = Shattering.distanceRatio(much, manager, x);
        Spread distances = Shattering.distanceRatio(little, manager, x);
        assertThat(contracted.max()).isLessThan(0.5);
        assertThat(distances.mean()).isGreaterThan(2 * contracted.mean());
        assertThat(distances.max()).isLessThanOrEqualTo(1 + 1e-12); // never further apart
    }

    @Test
    void distancesByHand() {
        Block flat = LambdaBlock.singleton(x -> x.get(":, :1").mul(2));
        NDArray x = manager.create(new double[] {0, 0, 3, 4, 0, 1}, new Shape(3, 2));
        // pairs 01: 6 / 5, 02: 0, 12: 6 / sqrt(18)
        Spread ratio = Shattering.distanceRatio(flat, manager, x);
        assertThat(ratio.min()).isZero();
        assertThat(ratio.median()).isCloseTo(1.2, within(1e-15));
        assertThat(ratio.max()).isCloseTo(Math.sqrt(2), within(1e-15));
        assertThat(ratio.mean()).isCloseTo((1.2 + Math.sqrt(2)) / 3, within(1e-15));
    }

    @Test
    void imagesAndSeeds() {
        Block abs = LambdaBlock.singleton(NDArray::abs);
        NDArray x = manager.randomNormal(new Shape(8, 2, 4, 4));
        Spread one = Shattering.jacobianCosine(abs, manager, x, 0.5, 32, 1);
        // exact: 1 - 2 (share of signs that changed)
        assertThat(one.mean()).isBetween(0.3, 0.95);
        assertThat(one.mean() * 8 * 16 % 1).isCloseTo(0, within(1e-9));
        assertThat(Shattering.jacobianCosine(abs, manager, x, 0.5, 32, 1)).isEqualTo(one);
        assertThat(Shattering.jacobianCosine(abs, manager, x, 0.5, 32, 2)).isNotEqualTo(one);
    }

    @Test
    void nothingIsLeftBehind() {
        Block network = folds(2, 2, 0, 4);
        NDArray x = normal(3, 4);
        int arrays = manager.getManagedArrays().size();
        for (int i = 0; i < 300; i++) {
            Shattering.jacobianCosine(network, manager, x, 0.1, 2, 1);
            Shattering.distanceRatio(network, manager, x);
        }
        assertThat(manager.getManagedArrays()).hasSize(arrays);
    }

    @Test
    void badValuesAreNamed() {
        Block abs = LambdaBlock.singleton(NDArray::abs);
        NDArray x = normal(3, 4);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Shattering.jacobianCosine(abs, manager, x, 0, 1, 1))
                .withMessageContaining("was 0.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Shattering.jacobianCosine(abs, manager, x, 0.1, 0, 1))
                .withMessageContaining("was 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Shattering.distanceRatio(abs, manager, x.get(":1")))
                .withMessageContaining("(1, 4)");
    }
}
