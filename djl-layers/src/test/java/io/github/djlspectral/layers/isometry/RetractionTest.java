package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever moves a weight, the layer goes on with the nearest orthonormal matrix, or not at all.
 */
class RetractionTest extends RetractionCase {

    /** A matrix with orthonormal columns, by reflections, in float64. */
    private NDArray orthonormal(int n, int k) {
        NDArray q = manager.eye(n).toType(DataType.FLOAT64, false);
        for (int i = 0; i < k; i++) {
            NDArray v = manager.randomNormal(0, 1, new Shape(n, 1), DataType.FLOAT64);
            q = q.sub(v.matMul(v.transpose().matMul(q)).mul(2 / v.square().sum().getDouble()));
        }
        return q.get(":, :" + k);
    }

    private static List<Arguments> spectra() {
        List<Arguments> all = new ArrayList<>();
        int[][] shapes = {{1, 5}, {5, 1}, {8, 8}, {6, 20}, {20, 6}, {130, 65}};
        double[][] ranges = {{0.99, 1.01}, {0.3, 2.5}, {1.7, 1.8}, {5, 40}, {1e-3, 1}, {-12, -10}};
        for (int[] shape : shapes) {
            for (double[] range : ranges) {
                for (DataType type : new DataType[] {DataType.FLOAT32, DataType.FLOAT64}) {
                    all.add(Arguments.of(shape[0], shape[1], range[0], range[1], type));
                }
            }
        }
        return all;
    }

    /** U diag(s) V^T has the nearest U V^T. A negative range stands for powers of ten. */
    @ParameterizedTest
    @MethodSource("spectra")
    void theNearestMatrixIsKnownFromTheFactors(
            int rows, int columns, double low, double high, DataType type) {
        int k = Math.min(rows, columns);
        NDArray s = manager.linspace(0, 1, Math.max(2, k)).toType(DataType.FLOAT64, false);
        s = s.get(":" + k).mul(high - low).add(low);
        if (low < 0) {
            s = s.sub(low).mul(0.3).add(1).mul(Math.pow(10, low));
        }
        NDArray u = orthonormal(rows, k);
        NDArray vt = orthonormal(columns, k).transpose();
        NDArray moved = u.mul(s).matMul(vt).toType(type, false);
        NDArray nearest = u.matMul(vt);
        double condition = s.max().getDouble() / s.min().getDouble();
        double tolerance = (type == DataType.FLOAT32 ? 1e-6 : 1e-14) * (4 + condition) * 2;

        OrthogonalLinear linear = linear(rows, columns, type);
        moved.copyTo(weight(linear));
        NDArray asked = linear.effectiveWeight(manager).toType(DataType.FLOAT64, false);
        assertThat(asked.sub(nearest).abs().max().getDouble()).isLessThan(tolerance);
        assertThat(weight(linear)).isEqualTo(moved); // asking changes nothing
        pass(linear, columns, true);
        NDArray trained = weight(linear).toType(DataType.FLOAT64, false);
        assertThat(trained.sub(nearest).abs().max().getDouble()).isLessThan(tolerance);
    }

    /** Gram matrices of these under- or overflow, or lose digits; the nearest matrix does not. */
    @ParameterizedTest
    @ValueSource(doubles = {1e-33, 1e-22, 1e-21, 1e-20, 1e-19, 1e18, 1e30, 1e-250, 1e-154, 1e250})
    void noScaleIsTooSmallOrTooLarge(double scale) {
        DataType type = Math.abs(Math.log10(scale)) < 38 ? DataType.FLOAT32 : DataType.FLOAT64;
        NDArray u = orthonormal(6, 6);
        NDArray vt = orthonormal(9, 6).transpose();
        NDArray s = manager.create(new double[] {1, 0.9, 0.8, 0.7, 0.6, 0.5}).mul(scale);
        OrthogonalLinear linear = linear(6, 9, type);
        u.mul(s).matMul(vt).toType(type, false).copyTo(weight(linear));
        NDArray w = linear.effectiveWeight(manager).toType(DataType.FLOAT64, false);
        double error = w.sub(u.matMul(vt)).abs().max().getDouble();
        assertThat(error).isLessThan(type == DataType.FLOAT32 ? 1e-6 : 1e-14);
        pass(linear, 9, true);
        assertThat(weight(linear).toType(DataType.FLOAT64, false)).isEqualTo(w);
    }

    /** Where steps do not get there, float32 would lose as many digits as there are in 1e4. */
    @Test
    void nearlyFlatMatricesAreDecomposedInFloat64() {
        NDArray s = manager.linspace(-4, 0, 12).toType(DataType.FLOAT64, false);
        NDArray scales = manager.create(10.0).pow(s);
        OrthogonalLinear linear = linear(12, 12, DataType.FLOAT32);
        NDArray moved = orthonormal(12, 12).mul(scales).matMul(orthonormal(12, 12));
        moved.toType(DataType.FLOAT32, false).copyTo(weight(linear));
        NDArray expected = nearest(weight(linear));
        NDArray w = linear.effectiveWeight(manager).toType(DataType.FLOAT64, false);
        assertThat(w.sub(expected).abs().max().getDouble()).isLessThan(1e-7);
    }

    @Test
    void hugeWeightsAreToldApart() {
        OrthogonalLinear linear = linear(4, 4, DataType.FLOAT32);
        NDArray identity = manager.eye(4);
        for (NDArray nearest : List.of(identity, identity.flip(0), identity)) {
            nearest.mul(3e38f).copyTo(weight(linear));
            assertThat(linear.effectiveWeight(manager)).isEqualTo(nearest);
        }
    }

    /** The nearest matrix by Newton's iteration for the polar factor, (X + X^(-T)) / 2. */
    private static NDArray nearest(NDArray w) {
        NDArray x = w.toType(DataType.FLOAT64, true);
        for (int i = 0; i < 30; i++) {
            x = x.add(x.inverse().transpose()).mul(0.5);
        }
        return x;
    }

    @ParameterizedTest
    @ValueSource(floats = {0.002f, 0.05f})
    void largeStepsOfAdamEndAtTheNearestMatrix(float rate) {
        int n = 64;
        try (Model model = Model.newInstance("fold", "PyTorch")) {
            ResidualFold fold = ResidualFold.builder().setWidth(n).optInitialBias(0).build();
            model.setBlock(fold);
            Optimizer adam = Optimizer.adam().optLearningRateTracker(Tracker.fixed(rate)).build();
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(Loss.l2Loss()).optOptimizer(adam);
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(1, n));
                NDArray x = manager.randomNormal(new Shape(32, n));
                for (int i = 0; i < 60; i++) {
                    try (GradientCollector collector = trainer.newGradientCollector()) {
                        NDList y = trainer.forward(new NDList(x));
                        collector.backward(trainer.getLoss().evaluate(new NDList(x.abs()), y));
                    }
                    trainer.step();
                    NDArray moved = weight(fold).duplicate();
                    NDArray w = fold.effectiveWeight(manager);
                    assertThat(IsometryCatalogue.offIdentity(w.matMul(w.transpose())))
                            .isLessThan(8e-6); // 1e-6 sqrt(64)
                    NDArray difference = w.toType(DataType.FLOAT64, true).sub(nearest(moved));
                    assertThat(difference.abs().max().getDouble()).isLessThan(1e-4);
                }
            }
        }
    }

    @Test
    void aMoveOfAnyRowIsSeen() {
        int n = 64;
        OrthogonalLinear linear = linear(n, n, DataType.FLOAT32);
        for (int row = 0; row < n; row++) {
            NDArray w = weight(linear);
            w.set(new NDIndex(row), w.get(row).mul(1.001f));
            pass(linear, n, true);
            double length = w.get(row).norm().getFloat();
            assertThat(length).as("row " + row).isCloseTo(1, within(2e-6));
        }
    }

    @Test
    void whatIsOrthonormalWithinRoundingStaysAsItIs() {
        OrthogonalLinear linear = linear(20, 20, DataType.FLOAT32);
        NDArray w = weight(linear);
        w.muli(1 + 1e-6f);
        NDArray before = w.duplicate();
        pass(linear, 20, true);
        assertThat(linear.effectiveWeight(manager)).isEqualTo(before);
        assertThat(w).isEqualTo(before);
        w.muli(1 + 1e-5f);
        pass(linear, 20, true);
        assertThat(IsometryCatalogue.offIdentity(w.matMul(w.transpose()))).isLessThan(4e-6);
    }

    @Test
    void inferenceSeesEntriesChangePlaces() {
        OrthogonalLinear linear = linear(2, 2, DataType.FLOAT64);
        int arrays = weight(linear).getManager().getManagedArrays().size();
        linear.effectiveWeight(manager).close();
        assertThat(weight(linear).getManager().getManagedArrays()).hasSize(arrays); // no copy kept
        NDArray w = manager.create(new double[] {1, -2, 5, 3}, new Shape(2, 2)); // sums are exact
        for (NDArray m : List.of(w, w.transpose(), w, w.flip(0), w, w.flip(1), w, w.neg())) {
            m.copyTo(weight(linear));
            NDArray error = linear.effectiveWeight(manager).sub(nearest(m));
            assertThat(error.abs().max().getDouble()).isLessThan(1e-11);
        }
    }

    private static Stream<Arguments> hopeless() {
        return Stream.of(0f, Float.NaN, Float.POSITIVE_INFINITY)
                .flatMap(v -> Stream.of(Arguments.of(v, true), Arguments.of(v, false)));
    }

    @ParameterizedTest
    @MethodSource("hopeless")
    void whereNoMatrixIsNearestAnExceptionNamesTheParameter(float value, boolean training) {
        OrthogonalLinear linear = linear(6, 6, DataType.FLOAT32);
        NDArray before = weight(linear).duplicate();
        weight(linear).set(new NDIndex(2), value); // a row
        NDArray moved = weight(linear).duplicate();
        for (int i = 0; i < 2; i++) {
            assertThatIllegalStateException()
                    .isThrownBy(() -> pass(linear, 6, training))
                    .withMessageContaining("weight (6, 6)")
                    .withMessageContaining("lower the learning rate");
        }
        assertThat(weight(linear).contentEquals(moved)).isEqualTo(value == value);
        before.copyTo(weight(linear));
        assertThat(pass(linear, 6, training).isNaN().any().getBoolean()).isFalse();
    }
}
