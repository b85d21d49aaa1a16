package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.initializer.Initializer;
import ai.djl.training.initializer.NormalInitializer;
import ai.djl.training.initializer.XavierInitializer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever moves a weight, the layer goes on with the nearest orthonormal matrix, or not at all.
 */
class RetractionTest {

    private NDManager manager;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager("PyTorch");
        Engine.getEngine("PyTorch").setRandomSeed(3);
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    private OrthogonalLinear linear(int rows, int columns, DataType type) {
        OrthogonalLinear linear = OrthogonalLinear.builder().setUnits(rows).build();
        linear.initialize(manager, type, new Shape(1, columns));
        return linear;
    }

    private static NDArray weight(Block linear) {
        return linear.getParameters().get("weight").getArray();
    }

    private NDArray pass(Block block, int columns, boolean training) {
        DataType type = weight(block).getDataType();
        NDArray x = manager.ones(new Shape(2, columns), type);
        ParameterStore store = new ParameterStore(manager, false);
        return block.forward(store, new NDList(x), training).singletonOrThrow();
    }

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
    void inferenceNeverChangesAWeightAndRepeatsToTheBit() {
        OrthogonalLinear linear = linear(12, 12, DataType.FLOAT32);
        weight(linear).muli(1.5f).addi(manager.randomNormal(new Shape(12, 12)).mul(0.3f));
        NDArray moved = weight(linear).duplicate();
        NDArray first = pass(linear, 12, false);
        int arrays = weight(linear).getManager().getManagedArrays().size();
        for (int i = 0; i < 20; i++) {
            try (NDArray again = pass(linear, 12, false)) {
                assertThat(again).isEqualTo(first);
            }
        }
        assertThat(weight(linear)).isEqualTo(moved);
        assertThat(weight(linear).getManager().getManagedArrays().size() - arrays)
                .isLessThan(3 * 20);
        NDArray norm = first.sub(linear.getParameters().get("bias").getArray()).norm(new int[] {1});
        assertThat((double) norm.getFloat(0)).isCloseTo(Math.sqrt(12), within(1e-5));
        weight(linear).muli(-1); // moved again: the answer follows
        assertThat(pass(linear, 12, false).add(first).abs().max().getFloat()).isLessThan(1e-5f);
        pass(linear, 12, true);
        assertThat(weight(linear)).isNotEqualTo(moved.neg());
        assertThat(pass(linear, 12, false).add(first).abs().max().getFloat()).isLessThan(1e-5f);
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

    /** DJL's idiom: one initializer for all weights of a network. */
    @ParameterizedTest
    @EnumSource(Parametrization.class)
    void anInitializerOfOneOwnGivesItsNearestOrthonormalMatrix(Parametrization way) {
        for (Initializer given : List.of(new XavierInitializer(), new NormalInitializer(0.01f))) {
            for (int units : new int[] {5, 9, 14}) {
                OrthogonalLinear linear =
                        OrthogonalLinear.builder().setUnits(units).optParametrization(way).build();
                linear.setInitializer(given, Parameter.Type.WEIGHT);
                linear.initialize(manager, DataType.FLOAT32, new Shape(1, 9));
                NDArray w = linear.effectiveWeight(manager);
                NDArray gram = units > 9 ? w.transpose().matMul(w) : w.matMul(w.transpose());
                assertThat(IsometryCatalogue.offIdentity(gram)).isLessThan(3e-6);
            }
        }
        OrthogonalLinear linear =
                OrthogonalLinear.builder().setUnits(5).optParametrization(way).build();
        linear.setInitializer(Initializer.ONES, Parameter.Type.WEIGHT);
        if (way == Parametrization.RETRACTION || way == Parametrization.INITIAL) {
            assertThatThrownBy(() -> linear.initialize(manager, DataType.FLOAT32, new Shape(1, 9)))
                    .hasStackTraceContaining("choose another initializer");
        }
    }

    @ParameterizedTest
    @EnumSource(Parametrization.class)
    void convolutionsStayOrthogonalUnderAnInitializerOfOneOwn(Parametrization way) {
        OrthogonalConvolution layer =
                OrthogonalConvolution.builder()
                        .setFilters(4)
                        .setChannels(4)
                        .setKernel(3)
                        .optParametrization(way)
                        .build();
        layer.setInitializer(new XavierInitializer(), Parameter.Type.WEIGHT);
        layer.initialize(manager, DataType.FLOAT64, new Shape(1, 4, 6, 6));
        NDArray x = manager.randomNormal(0, 1, new Shape(1, 4, 6, 6), DataType.FLOAT64);
        NDArray y =
                layer.forward(new ParameterStore(manager, false), new NDList(x), false)
                        .singletonOrThrow();
        double ratio = y.norm().getDouble() / x.norm().getDouble();
        assertThat(ratio).isCloseTo(1, within(1e-10));
    }
}
