package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What the Halley iteration does when a matrix to be inverted is not positive definite. Rounding
 * could bring that about; here it is the coefficients, (w, v, d) per step.
 */
class HalleyFallbackTest {

    private static final double MOMENTUM = 0.75;
    private static final double RATE = 0.5;
    private static final double SHRINK = 0.875;

    private NDManager manager;

    /** On either way to the inverse, which d decides, at the first and at a later step. */
    static List<Arguments> failures() {
        List<double[]> coefficients =
                List.of(
                        new double[] {1, 1, -0.5},
                        new double[] {1, 1, 1, 1, 1, -5},
                        new double[] {1, Double.NaN, 1, 1, 1, 1});
        return coefficients.stream()
                .flatMap(
                        flat ->
                                List.of(new Shape(150, 260), new Shape(260, 150)).stream()
                                        .map(shape -> Arguments.of(flat, shape)))
                .toList();
    }

    @BeforeEach
    void open() {
        Engine.getEngine("PyTorch").setRandomSeed(11);
        manager = NDManager.newBaseManager("PyTorch");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @MethodSource("failures")
    void theMapIsTheExactPolarFactor(double[] coefficients, Shape shape) {
        NDArray g = manager.randomNormal(shape);
        NDArray mapped =
                Kernel.named("halley")
                        .script("")
                        .call(
                                manager,
                                "map",
                                g,
                                SpectralMap.blocks(shape, 1),
                                coefficients,
                                0,
                                false)
                        .get(0);
        assertThat(Oracle.relativeDistance(mapped, polarFactor(g))).isLessThan(1e-6);
    }

    @ParameterizedTest
    @MethodSource("failures")
    void theStepTakesMomentumAndWeightFurtherOnce(double[] coefficients, Shape shape) {
        NDArray w = manager.randomNormal(shape);
        NDArray g = manager.randomNormal(shape);
        NDArray m = manager.randomNormal(shape);
        NDArray momentum = m.mul(MOMENTUM).add(g.mul(1 - MOMENTUM));
        NDArray lookahead = momentum.mul(MOMENTUM).add(g.mul(1 - MOMENTUM));
        NDArray weight = w.mul(SHRINK).sub(polarFactor(lookahead).mul(RATE));
        assertThat(step(w, g, m, coefficients)).isTrue();
        assertThat(Oracle.relativeDistance(m, momentum)).isLessThan(1e-6);
        // u is rounded to float32, and the polar factor amplifies that by its condition number, 8.
        assertThat(Oracle.relativeDistance(w, weight)).isLessThan(5e-6);
    }

    /** The Gram matrix is I / 4, of norm 1 / 2: the shifted one is 0, and so is each pivot. */
    @Test
    void anExactlyZeroPivotIsNoError() {
        NDArray identity = manager.eye(4);
        NDArray w = manager.zeros(new Shape(4, 4));
        NDArray m = identity.duplicate();
        assertThat(step(w, identity, m, 1, 1, -0.5)).isTrue();
        assertThat(Oracle.relativeDistance(m, identity)).isLessThan(1e-6);
        assertThat(Oracle.relativeDistance(w, identity.mul(-RATE))).isLessThan(1e-6);
    }

    private boolean step(NDArray w, NDArray g, NDArray m, double... coefficients) {
        return Kernel.named("halley")
                .script("")
                .callBoolean(
                        manager,
                        "step",
                        new NDList(w),
                        new NDList(g),
                        new NDList(m),
                        new long[] {1},
                        w.getShape().get(0),
                        w.getShape().get(1),
                        /* remembers= */ true,
                        coefficients,
                        0,
                        /* most= */ 0,
                        new double[0],
                        /* rescale= */ 1.0,
                        /* clip= */ -1.0,
                        MOMENTUM,
                        /* nesterov= */ true,
                        RATE,
                        SHRINK,
                        /* usable= */ false,
                        manager.zeros(new Shape(), DataType.INT64));
    }

    private static NDArray polarFactor(NDArray matrix) {
        NDList decomposed = Oracle.decompose(matrix);
        return decomposed.get(0).matMul(decomposed.get(2));
    }
}
