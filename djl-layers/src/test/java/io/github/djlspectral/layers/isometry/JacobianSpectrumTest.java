package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.norm.Dropout;
import ai.djl.training.GradientCollector;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianDeviation;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianSpectrum;
import io.github.djlspectral.layers.isometry.diagnostics.LayerProfile;
import io.github.djlspectral.layers.isometry.diagnostics.Shattering;
import io.github.djlspectral.layers.isometry.diagnostics.Spread;
import io.github.djlspectral.layers.isometry.initializer.OrthogonalInitializer;
import io.github.djlspectral.layers.isometry.loss.JacobianLoss;
import io.github.djlspectral.torch.TorchScript;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class JacobianSpectrumTest extends ManagedTest {

    /** U diag(s) V^T of random orthogonal factors. */
    private NDArray withSpectrum(int p, int n, double[] s) {
        OrthogonalInitializer orthogonal = new OrthogonalInitializer();
        NDArray u = orthogonal.initialize(manager, new Shape(s.length, p), DataType.FLOAT64);
        NDArray v = orthogonal.initialize(manager, new Shape(s.length, n), DataType.FLOAT64);
        NDArray values = manager.create(s).reshape(-1, 1);
        return u.transpose().matMul(v.mul(values));
    }

    private static double[] geometric(int k, double smallest) {
        double[] s = new double[k];
        Arrays.setAll(s, i -> Math.pow(smallest, i / (k - 1.0)));
        return s;
    }

    @ParameterizedTest
    @CsvSource({"64, 64, 1e-8", "20, 257, 1e-3", "257, 20, 1e-3"})
    void singularValuesAreKnown(int p, int n, double smallest) {
        double[] s = geometric(Math.min(p, n), smallest);
        NDArray a = withSpectrum(p, n, s);
        double[] found =
                JacobianSpectrum.singularValues(linear(a), manager, normal(n)).toDoubleArray();
        assertThat(found).containsExactly(s, within(1e-12));
    }

    @Test
    void aConstantHasNone() {
        Block constant = LambdaBlock.singleton(x -> manager.ones(x.getShape(), x.getDataType()));
        assertThat(JacobianSpectrum.jacobian(constant, manager, normal(4)).abs().max().getDouble())
                .isZero();
    }

    /** A network that has diverged is reported, not thrown at. */
    @Test
    void notFiniteGivesNotANumber() {
        Block block = linear(normal(5, 4).div(0));
        NDArray point = normal(4);
        double[] all = JacobianSpectrum.singularValues(block, manager, point).toDoubleArray();
        assertThat(all).containsOnly(Double.NaN).hasSize(4);
        NDArray j = JacobianSpectrum.jacobian(block, manager, point);
        assertThat(JacobianDeviation.of(j).partial()).isNaN();
        assertThat(Spread.of(1, Double.NaN, 3).min()).isNaN();
        assertThat(Spread.of(4, 1, 3, 2)).isEqualTo(new Spread(1, 2.5, 2.5, 4));
    }

    /** A point of any shape: a circular 1 x 1 convolution is its matrix at every place. */
    @Test
    void imagesAreFlattened() {
        Conv2d conv = Conv2d.builder().setFilters(2).setKernelShape(new Shape(1, 1)).build();
        Block network = new SequentialBlock().add(conv).add(Blocks.identityBlock());
        network.initialize(manager, DataType.FLOAT64, new Shape(1, 3, 4, 5));
        NDArray kernel = network.getParameters().get("01Conv2d_weight").getArray().reshape(2, 3);
        NDArray j = JacobianSpectrum.jacobian(network, manager, normal(3, 4, 5));
        assertThat(j.getShape()).isEqualTo(new Shape(40, 60));
        // entry (channel o, place q), (channel i, place q') is kernel[o, i] if q = q'
        NDArray places = manager.eye(20).toType(DataType.FLOAT64, false).reshape(1, 20, 1, 20);
        NDArray expected = kernel.reshape(2, 1, 3, 1).mul(places).reshape(40, 60);
        assertThat(j.sub(expected).abs().max().getDouble()).isLessThan(1e-15);
    }

    /** More outputs than rows at once. */
    @Test
    void tallJacobiansComeInPieces() {
        NDArray a = normal(600, 3);
        NDArray j = JacobianSpectrum.jacobian(linear(a), manager, normal(3));
        assertThat(j.sub(a).abs().max().getDouble()).isZero();
    }

    @Test
    void gradientsOfParametersStay() {
        ResidualFold fold = ResidualFold.builder().setWidth(8).optInitialBias(0).build();
        fold.initialize(manager, DataType.FLOAT64, new Shape(1, 8));
        for (Parameter parameter : fold.getParameters().values()) {
            parameter.getArray().setRequiresGradient(true);
        }
        NDArray weight = fold.getParameters().get("weight").getArray();
        // no gradient is a float32 array of zeros
        assertThat(weight.getGradient().getDataType()).isEqualTo(DataType.FLOAT32);
        JacobianSpectrum.jacobian(fold, manager, normal(8));
        assertThat(weight.getGradient().getDataType()).isEqualTo(DataType.FLOAT32);
        assertThat(weight.getGradient().toFloatArray()).containsOnly(0);
    }

    /** A feedforward layer of ReLU and an orthogonal matrix is a partial isometry; two are not. */
    @Test
    void deviationsTellThePartialIsometries() {
        Block one = relu(new SequentialBlock());
        Block two = relu(relu(new SequentialBlock()));
        one.initialize(manager, DataType.FLOAT64, new Shape(1, 16));
        two.initialize(manager, DataType.FLOAT64, new Shape(1, 16));
        NDArray point = normal(16);
        JacobianDeviation single =
                JacobianDeviation.of(JacobianSpectrum.jacobian(one, manager, point));
        assertThat(single.partial()).isLessThan(1e-13);
        assertThat(single.columns()).isGreaterThan(0.3);
        assertThat(single.rows()).isCloseTo(1, within(1e-13)); // rows of zeros
        JacobianDeviation both =
                JacobianDeviation.of(JacobianSpectrum.jacobian(two, manager, point));
        assertThat(both.partial()).isGreaterThan(1e-2);
        // 3 x 2 by hand: J^T J = diag(1, 4), J J^T = diag(1, 4, 0), J J^T J - J = diag(0, 6)
        NDArray j = manager.create(new double[] {1, 0, 0, 2, 0, 0}, new Shape(3, 2));
        assertThat(JacobianDeviation.of(j)).isEqualTo(new JacobianDeviation(3, 3, 6));
    }

    private static SequentialBlock relu(SequentialBlock network) {
        Linear linear = Linear.builder().setUnits(16).build();
        linear.setInitializer(new OrthogonalInitializer(), Parameter.Type.WEIGHT);
        return network.add(linear).add(Activation::relu);
    }

    @Test
    void nothingIsLeftBehind() {
        ResidualFold fold = ResidualFold.builder().setWidth(4).optInitialBias(0).build();
        fold.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
        NDArray point = manager.randomNormal(new Shape(4));
        int arrays = manager.getManagedArrays().size();
        for (int i = 0; i < 300; i++) {
            NDArray j = JacobianSpectrum.jacobian(fold, manager, point);
            JacobianDeviation.of(j);
            j.close();
            JacobianSpectrum.singularValues(fold, manager, point).close();
        }
        assertThat(manager.getManagedArrays()).hasSize(arrays);
    }

    /** Running statistics stay, nothing is dropped, and only the engine's own generator draws. */
    @Test
    void networksAreMeasuredInEvaluation() {
        BatchNorm norm = BatchNorm.builder().build();
        SequentialBlock network =
                new SequentialBlock()
                        .add(ResidualFold.builder().setWidth(6).build())
                        .add(norm)
                        .add(Dropout.builder().optRate(0.9f).build());
        network.initialize(manager, DataType.FLOAT64, new Shape(1, 6));
        NDArray mean = norm.getParameters().get("runningMean").getArray();
        NDArray before = mean.duplicate();
        double scale = 1 / Math.sqrt(1 + 1e-5);
        Engine.getEngine("PyTorch").setRandomSeed(3);
        float expected = manager.randomNormal(new Shape(1)).getFloat();
        Engine.getEngine("PyTorch").setRandomSeed(3);
        for (double s :
                JacobianSpectrum.singularValues(network, manager, normal(6)).toDoubleArray()) {
            assertThat(s).isCloseTo(scale, within(1e-12));
        }
        NDArray points = normal(4, 6);
        LayerProfile.of(network, manager, points, 1);
        Shattering.jacobianCosine(network, manager, points, 0.1, 2, 1);
        Shattering.distanceRatio(network, manager, points);
        JacobianLoss.backward(network, 1, 1).estimate(points, 2, 1);
        JacobianLoss.finiteDifference(network, 0.1, 1, 1).estimate(points, 2, 1);
        assertThat(mean).isEqualTo(before);
        Engine.getEngine("PyTorch").setRandomSeed(3);
        JacobianSpectrum.jacobian(network, manager, points.get(1));
        assertThat(manager.randomNormal(new Shape(1)).getFloat()).isEqualTo(expected);
    }

    /** One gradient collector may be open in a process. */
    @Test
    void anotherThreadMayTrain() {
        Block fold = ResidualFold.builder().setWidth(6).build();
        fold.initialize(manager, DataType.FLOAT64, new Shape(1, 6));
        NDArray points = normal(4, 6);
        NDArray alone = JacobianSpectrum.singularValues(fold, manager, points.get(0));
        try (GradientCollector collector =
                CompletableFuture.supplyAsync(Engine.getEngine("PyTorch")::newGradientCollector)
                        .join()) {
            assertThat(collector).isNotNull();
            NDArray beside =
                    TorchScript.withAutograd(
                            false,
                            () -> JacobianSpectrum.singularValues(fold, manager, points.get(0)));
            assertThat(beside).isEqualTo(alone);
            TorchScript.withAutograd(
                    false,
                    () -> LayerProfile.of(new SequentialBlock().add(fold), manager, points, 1));
            TorchScript.withAutograd(
                    false,
                    () -> JacobianLoss.finiteDifference(fold, 0.1, 1, 1).estimate(points, 2, 1));
        }
    }

    @Test
    void outputsWithoutAGraphAreRefused() {
        Block block =
                LambdaBlock.singleton(
                        x ->
                                OrthogonalWeight.KERNELS
                                        .call(manager, "linear", x, new NDList(x))
                                        .singletonOrThrow());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> JacobianSpectrum.jacobian(block, manager, normal(3)))
                .withMessageContaining("LambdaBlock records no graph");
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () ->
                                LayerProfile.of(
                                        new SequentialBlock().add(block), manager, normal(2, 3), 1))
                .withMessageContaining("LambdaBlock records no graph");
    }

    @Test
    void badValuesAreNamed() {
        NDArray nan = normal(3);
        nan.setScalar(new NDIndex(1), Double.NaN);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> JacobianSpectrum.jacobian(linear(manager.eye(3)), manager, nan))
                .withMessageContaining("input must be finite");
        Block identity = Blocks.identityBlock();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> JacobianSpectrum.jacobian(identity, manager, manager.create(1f)))
                .withMessageContaining("was ()");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> JacobianDeviation.of(normal(3)))
                .withMessageContaining("[p, n], was (3)");
    }
}
