package io.github.djlspectral.examples.descent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Functions whose Hessian is known, in both precisions. */
class DescentProbeTest {

    private static final int ROWS = 12;
    private static final int COLUMNS = 20;

    private NDManager manager;
    private NDArray direction;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager("PyTorch");
        direction = Matrices.gaussian(manager, 2, ROWS, COLUMNS);
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    /** eps^(2/3): where truncation and rounding balance. */
    private static double expectedError(DataType type) {
        double epsilon = type == DataType.FLOAT32 ? Math.ulp(1f) : Math.ulp(1.0);
        return Math.pow(epsilon, 2.0 / 3);
    }

    /**
     * Condition 1000, so the gradients' rounding, which follows the largest curvature, meets an
     * average one along D: |H| |D|^2 / {@code <D, H D>} is about 6 here. Ten seeds, so that one
     * lucky rounding does not decide.
     */
    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT32", "FLOAT64"})
    void measuresAQuadratic(DataType type) {
        double[] variances = new double[COLUMNS];
        Arrays.setAll(variances, i -> Math.pow(10, -3.0 * i / (COLUMNS - 1)));
        NDArray s = manager.create(variances);
        for (int seed = 10; seed < 20; seed++) {
            NDArray target = Matrices.gaussian(manager, seed, ROWS, COLUMNS);
            RandomFeatureModel model = new RandomFeatureModel(target, variances);
            NDArray w = Matrices.gaussian(manager, seed + 10, ROWS, COLUMNS).toType(type, true);
            NDArray d = direction.mul(1e-3 * seed).toType(type, true);
            NDArray batch = Matrices.gaussian(manager, seed + 20, ROWS, COLUMNS).toType(type, true);
            NDArray roundedTarget = target.toType(type, true);
            NDArray roundedVariances = s.toType(type, true);
            byte[] before = w.toByteArray();

            LocalDescent found =
                    DescentProbe.measure(
                            new NDList(w),
                            new NDList(batch),
                            new NDList(d),
                            () -> new NDList(w.sub(roundedTarget).mul(roundedVariances)));

            LocalDescent exact = model.descent(wide(w), wide(batch), wide(d));
            double percent = 100 * 5 * expectedError(type);
            assertThat(found.curvature()).isCloseTo(exact.curvature(), withinPercentage(percent));
            assertThat(found.batchSlope()).isCloseTo(exact.batchSlope(), withinPercentage(1e-10));
            assertThat(w.toByteArray()).isEqualTo(before);
        }
    }

    private static NDArray wide(NDArray array) {
        return array.toType(DataType.FLOAT64, true);
    }

    /** sum w^4 / 4 has gradient w^3 and Hessian 3 w^2: only here does truncation count. */
    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT32", "FLOAT64"})
    void measuresAQuartic(DataType type) {
        NDArray w = Matrices.gaussian(manager, 1, ROWS, COLUMNS).toType(type, true);
        NDArray d = direction.toType(type, true);
        NDList weights = new NDList(w);
        NDList along = new NDList(d);
        Supplier<NDList> gradient = () -> new NDList(w.square().mul(w));
        double exact = wide(w).mul(wide(d)).square().sum().getDouble() * 3;

        LocalDescent found = DescentProbe.measure(weights, along, along, gradient);
        assertThat(found.curvature())
                .isCloseTo(exact, withinPercentage(100 * 5 * expectedError(type)));

        // A step a hundred times as long or as short is worse: the formula's is near the best.
        double best = Math.abs(found.curvature() - exact);
        double step = DescentProbe.stepSize(weights, along);
        for (double factor : new double[] {100, 0.01}) {
            LocalDescent other =
                    DescentProbe.measure(weights, along, along, gradient, factor * step);
            assertThat(Math.abs(other.curvature() - exact)).isGreaterThan(2 * best);
        }
    }

    @Test
    void theStepFollowsTheScales() {
        NDList weights =
                new NDList(
                        manager.full(new Shape(2, 2), 3, DataType.FLOAT64),
                        manager.zeros(new Shape(3), DataType.FLOAT64));
        NDList along =
                new NDList(
                        manager.zeros(new Shape(2, 2), DataType.FLOAT64),
                        manager.create(new double[] {0, 0.5, 0}));
        double unit = Math.cbrt(Math.ulp(1.0));
        assertThat(DescentProbe.stepSize(weights, along))
                .isCloseTo(unit * 6 / 0.5, withinPercentage(1e-10));
        NDList nowhere = new NDList(manager.zeros(new Shape(3)));
        NDList single = new NDList(manager.create(new float[] {0, 2, 0}));
        assertThat(DescentProbe.stepSize(nowhere, single))
                .isCloseTo(Math.cbrt(Math.ulp(1f)) / 2, withinPercentage(1e-6));
        NDList mixed = new NDList(weights.get(0), nowhere.get(0)); // the coarser type decides
        assertThat(DescentProbe.stepSize(mixed, new NDList(along.get(0), single.get(0))))
                .isCloseTo(Math.cbrt(Math.ulp(1f)) * 6 / 2, withinPercentage(1e-6));
    }

    @Test
    void weightsComeBackWhenTheFunctionFails() {
        NDArray w = Matrices.gaussian(manager, 1, ROWS, COLUMNS);
        byte[] before = w.toByteArray();
        int[] calls = {0};
        int arrays = manager.getManagedArrays().size();
        assertThatThrownBy(
                        () ->
                                DescentProbe.measure(
                                        new NDList(w),
                                        new NDList(w),
                                        new NDList(direction),
                                        () -> {
                                            if (++calls[0] == 3) {
                                                throw new UnsupportedOperationException("third");
                                            }
                                            return new NDList(w.duplicate());
                                        }))
                .isInstanceOf(UnsupportedOperationException.class);
        assertThat(manager.getManagedArrays()).hasSize(arrays);
        assertThat(w.toByteArray()).isEqualTo(before);
    }

    @Test
    void badInputIsNamedBeforeAnythingMoves() {
        NDArray w = Matrices.gaussian(manager, 1, ROWS, COLUMNS);
        NDList weights = new NDList(w);
        NDList along = new NDList(direction);
        Supplier<NDList> never =
                () -> {
                    throw new AssertionError("called");
                };
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DescentProbe.measure(weights, along, new NDList(), never))
                .withMessageContaining("[float64(12, 20)], but has []");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                DescentProbe.measure(
                                        weights, new NDList(direction.transpose()), along, never))
                .withMessageContaining("The batch's gradient")
                .withMessageContaining("float64(20, 12)");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                DescentProbe.measure(
                                        weights, along, new NDList(direction.zerosLike()), never))
                .withMessageContaining("direction is zero");
        NDList broken = new NDList(direction.div(0));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> DescentProbe.measure(weights, along, broken, never))
                .withMessageContaining("The direction: the norm is Infinity");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> DescentProbe.measure(new NDList(), new NDList(), new NDList(), never))
                .withMessageContaining("no weights");
        assertThatIllegalStateException()
                .isThrownBy(() -> DescentProbe.measure(weights, along, along, () -> broken))
                .withMessageContaining("product with the direction is Infinity");
        assertThatIllegalStateException()
                .isThrownBy(
                        () ->
                                DescentProbe.measure(
                                        weights,
                                        along,
                                        along,
                                        () -> new NDList(direction.transpose())))
                .withMessageContaining("returned [float64(20, 12)]");
    }
}
