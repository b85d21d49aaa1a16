package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.GradientCollector;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianSpectrum;
import io.github.djlspectral.layers.isometry.diagnostics.SeededNormals;
import io.github.djlspectral.layers.isometry.loss.JacobianLoss;
import java.util.Arrays;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JacobianLossTest extends ManagedTest {

    private static JacobianLoss loss(String kind, Block block, long seed) {
        return switch (kind) {
            case "backward" -> JacobianLoss.backward(block, 1, seed);
            case "gram" -> JacobianLoss.gram(block, 1, seed);
            default -> JacobianLoss.finiteDifference(block, 1e-4, 1, seed);
        };
    }

    /** Folds whose weights are off, and stock layers; every parameter asks for its gradient. */
    private Block network(String kind) {
        SequentialBlock network = new SequentialBlock();
        for (int i = 0; i < 2; i++) {
            switch (kind) {
                case "relu" ->
                        network.add(Linear.builder().setUnits(6).build()).add(Activation::relu);
                case "tanh" ->
                        network.add(Linear.builder().setUnits(6).build()).add(Activation::tanh);
                case "cayley" -> // an isometry alone has no penalty to differentiate
                        network.add(fold(Parametrization.CAYLEY))
                                .add(Linear.builder().setUnits(6).build());
                default -> network.add(fold(Parametrization.INITIAL));
            }
        }
        network.initialize(manager, DataType.FLOAT64, new Shape(1, 6));
        for (Parameter parameter : network.getParameters().values()) {
            NDArray array = parameter.getArray();
            if (parameter.getType() == Parameter.Type.WEIGHT) {
                array.addi(normal(6, 6).mul(0.1));
            }
            if (parameter.getName().endsWith("skew")) {
                array.addi(normal(36).mul(0.3));
            }
            array.setRequiresGradient(true);
        }
        return network;
    }

    private static Block fold(Parametrization parametrization) {
        return ResidualFold.builder()
                .setWidth(6)
                .optInitialBias(0.1f)
                .optParametrization(parametrization)
                .build();
    }

    private double value(Supplier<NDArray> evaluation) {
        try (NDArray value = evaluation.get()) {
            return value.getDouble();
        }
    }

    /** Second derivatives, through native functions too, against a central difference. */
    @ParameterizedTest
    @CsvSource({
        "backward, fold", "backward, cayley", "backward, relu", "backward, tanh",
        "gram, fold", "gram, cayley", "gram, relu", "gram, tanh",
        "difference, fold", "difference, cayley", "difference, relu"
    })
    void theGradientIsTheDerivative(String kind, String layers) {
        Block network = network(layers);
        NDArray x = normal(5, 6);
        try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            collector.backward(loss(kind, network, 7).evaluate(x));
        }
        for (Parameter parameter : network.getParameters().values()) {
            NDArray array = parameter.getArray();
            NDArray direction = manager.randomNormal(0, 1, array.getShape(), DataType.FLOAT64);
            double slope = array.getGradient().mul(direction).sum().getDouble();
            checkSlope(parameter.getName(), kind, slope, network, x, array, direction);
        }
    }

    /** The derivative of the penalty by an array, along a direction, by a central difference. */
    private void checkSlope(
            String name,
            String kind,
            double slope,
            Block network,
            NDArray x,
            NDArray array,
            NDArray direction) {
        NDArray origin = array.duplicate();
        double h = kind.equals("difference") ? 1e-5 : 1e-6;
        origin.add(direction.mul(h)).copyTo(array);
        double ahead = value(() -> loss(kind, network, 7).evaluate(x));
        origin.sub(direction.mul(h)).copyTo(array);
        double behind = value(() -> loss(kind, network, 7).evaluate(x));
        origin.copyTo(array);
        // the finite difference by x is known to 1e-12 only, and is divided by h here
        double tolerance = (kind.equals("difference") ? 1e-6 : 1e-7) * (1 + Math.abs(slope));
        assertThat(slope).as(name).isCloseTo((ahead - behind) / (2 * h), within(tolerance));
    }

    /** Second derivatives of every layer of the package, by a scale of each of its inputs. */
    @ParameterizedTest
    @ValueSource(strings = {"backward", "gram", "difference"})
    void everyLayerIsTwiceDifferentiable(String kind) {
        IsometryCatalogue.layers(16).forEach((name, layer) -> check(kind, name, layer, 16));
        for (Persistence persistence : Persistence.values()) {
            PersistentFold.Builder builder = PersistentFold.builder().setWidth(8);
            Block fold = builder.setDirections(3).optPersistence(persistence).build();
            check(kind, persistence.toString(), fold, 8);
        }
        Block convolution = ConvolutionFold.builder().setChannels(2).setKernel(2).build();
        check(kind, "convolution", convolution, 2, 4, 4);
        Block circular =
                OrthogonalConvolution.builder().setChannels(2).setFilters(2).setKernel(3).build();
        check(kind, "circular convolution", circular, 2, 4, 4);
    }

    private void check(String kind, String name, Block layer, long... shape) {
        NDArray scales = manager.randomUniform(0.5f, 1.5f, new Shape(shape), DataType.FLOAT64);
        scales.setRequiresGradient(true);
        Block network =
                new SequentialBlock().addSingleton(x -> x.mul(scales.expandDims(0))).add(layer);
        network.initialize(manager, DataType.FLOAT64, new Shape(1).addAll(new Shape(shape)));
        NDArray x =
                manager.randomNormal(0, 1, new Shape(3).addAll(new Shape(shape)), DataType.FLOAT64);
        try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            collector.backward(loss(kind, network, 7).evaluate(x));
        }
        // along the gradient itself, so that the slope is its length
        double slope = Math.sqrt(scales.getGradient().square().sum().getDouble());
        assertThat(slope).as(name).isGreaterThan(1e-3);
        NDArray direction = scales.getGradient().div(slope);
        checkSlope(name, kind, slope, network, x, scales, direction);
    }

    /** |J^T J - I|_F^2 for a known J, the mean of many draws within 4 standard errors. */
    @ParameterizedTest
    @CsvSource({"6, 6", "3, 6", "9, 6"})
    void theGramEstimateIsUnbiased(int p, int n) {
        NDArray a = normal(p, n).mul(0.5);
        NDArray gram = a.transpose().matMul(a).sub(manager.eye(n).toType(DataType.FLOAT64, false));
        double exact = gram.square().sum().getDouble();
        JacobianLoss.Estimate found =
                JacobianLoss.gram(linear(a), 1, 1).estimate(normal(20, n), 500, 3);
        assertThat(found.standardError()).isBetween(1e-6, 0.05 * exact);
        assertThat(found.mean()).isCloseTo(exact, within(4 * found.standardError()));
    }

    /** For singular values s1, s2 in the plane the mean is an integral over the angle. */
    @ParameterizedTest
    @ValueSource(strings = {"backward", "difference"})
    void theLengthEstimatesAreUnbiased(String kind) {
        double s1 = 1.7;
        double s2 = 0.4;
        double exact = 0;
        int angles = 10_000;
        for (int i = 0; i < angles; i++) {
            double t = 2 * Math.PI * (i + 0.5) / angles;
            double length = Math.hypot(s1 * Math.cos(t), s2 * Math.sin(t));
            exact += (length - 1) * (length - 1) / angles;
        }
        NDArray a = manager.create(new double[] {s1, 0, 0, s2}, new Shape(2, 2));
        JacobianLoss.Estimate found = loss(kind, linear(a), 1).estimate(normal(20, 2), 500, 3);
        assertThat(found.standardError()).isBetween(1e-6, 0.02 * exact);
        assertThat(found.mean()).isCloseTo(exact, within(4 * found.standardError()));
    }

    /** Both along the same direction, as no kink lies within 1e-4. */
    @Test
    void theFiniteDifferenceIsTheForwardProduct() {
        Block network = network("fold");
        NDArray x = normal(4, 6);
        double difference = value(() -> loss("difference", network, 11).evaluate(x));
        NDArray v = new SeededNormals(11).next(manager, new Shape(4, 6), x);
        double forward = 0;
        for (int i = 0; i < 4; i++) {
            NDArray pushed = JacobianSpectrum.jacobian(network, manager, x.get(i)).matMul(v.get(i));
            double stretch = pushed.norm().getDouble() / v.get(i).norm().getDouble() - 1;
            forward += stretch * stretch / 4;
        }
        assertThat(forward).isGreaterThan(1e-4);
        assertThat(difference).isCloseTo(forward, within(1e-4 * forward));
    }

    @ParameterizedTest
    @CsvSource({"backward, 1e-28", "gram, 1e-26", "difference, 1e-22"})
    void zeroWhereTheJacobianIsOrthogonal(String kind, double tolerance) {
        Block fold = AbsFold.builder().setWidth(8).build();
        fold.initialize(manager, DataType.FLOAT64, new Shape(1, 8));
        NDArray x = normal(10, 8);
        assertThat(value(() -> loss(kind, fold, 1).evaluate(x))).isLessThan(tolerance);
    }

    /** A gradient of zeros, not NaN, where nothing fires. */
    @ParameterizedTest
    @ValueSource(strings = {"backward", "gram", "difference"})
    void aDeadNetworkHasAFinitePenalty(String kind) {
        NDArray a = manager.zeros(new Shape(3, 3), DataType.FLOAT64);
        a.setRequiresGradient(true);
        NDArray x = normal(2, 3);
        try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            NDArray penalty = loss(kind, linear(a), 1).evaluate(x);
            assertThat(penalty.getDouble()).isBetween(0.5, 20.0);
            collector.backward(penalty);
        }
        assertThat(a.getGradient().toDoubleArray()).containsOnly(0);
    }

    /** Images, float32, and on a thread where no gradient is collected. */
    @ParameterizedTest
    @ValueSource(strings = {"backward", "gram", "difference"})
    void pointsOfAnyShape(String kind) {
        NDArray factor = manager.create(1.5f);
        Block scaled = LambdaBlock.singleton(x -> x.mul(factor));
        NDArray x = manager.randomNormal(new Shape(3, 2, 4, 4));
        NDList none = new NDList();
        JacobianLoss loss = JacobianLoss.backward(scaled, 2, 1);
        if (kind.equals("gram")) {
            loss = JacobianLoss.gram(scaled, 2, 1);
        } else if (kind.equals("difference")) {
            loss = JacobianLoss.finiteDifference(scaled, 0.1, 2, 1);
        }
        double expected = 2 * 0.25; // (1.5 - 1)^2
        if (kind.equals("gram")) {
            NDArray v = new SeededNormals(1).next(manager, x.getShape(), x);
            expected = 2 * 1.25 * 1.25 * v.square().sum().getFloat() / 3;
        }
        assertThat((double) loss.evaluate(new NDList(x), none).getFloat())
                .isCloseTo(expected, within(1e-4 * expected));
    }

    /** The draws of an estimate are those of as many evaluations. */
    @Test
    void theErrorIsThatOfTheMeanOfTheDraws() {
        NDArray x = normal(3, 4);
        JacobianLoss loss = JacobianLoss.backward(linear(normal(4, 4)), 1, 5);
        double[] v =
                IntStream.range(0, 3).mapToDouble(i -> value(() -> loss.evaluate(x))).toArray();
        double mean = (v[0] + v[1] + v[2]) / 3;
        double squares = Arrays.stream(v).map(a -> (a - mean) * (a - mean)).sum();
        JacobianLoss.Estimate found = loss.estimate(x, 3, 5);
        assertThat(found.mean()).isCloseTo(mean, within(1e-12));
        assertThat(found.standardError()).isCloseTo(Math.sqrt(squares / 6), within(1e-12));
    }

    /** The step is the one that rounding has left, so that the identity has no penalty. */
    @Test
    void theRoundingOfAStepIsNoPenalty() {
        NDArray x = normal(4, 5).toType(DataType.FLOAT32, false);
        JacobianLoss loss = JacobianLoss.finiteDifference(Blocks.identityBlock(), 1e-6, 1, 1);
        assertThat(loss.evaluate(x).getFloat()).isLessThan(1e-12f);
    }

    /**
     * The same seed gives the same directions, evaluation after evaluation; estimates use others.
     */
    @Test
    void directionsComeFromTheSeed() {
        Block network = network("relu");
        NDArray x = normal(4, 6);
        JacobianLoss one = loss("backward", network, 5);
        JacobianLoss two = loss("backward", network, 5);
        double first = value(() -> one.evaluate(x));
        one.estimate(x, 2, 9);
        double second = value(() -> one.evaluate(x));
        assertThat(second).isNotEqualTo(first);
        assertThat(value(() -> two.evaluate(x))).isEqualTo(first);
        assertThat(value(() -> two.evaluate(x))).isEqualTo(second);
        assertThat(value(() -> loss("backward", network, 6).evaluate(x))).isNotEqualTo(first);
    }

    /** What the graph keeps must not lie in Java buffers: they go before the backward pass. */
    @ParameterizedTest
    @ValueSource(strings = {"backward", "gram", "difference"})
    void theGradientSurvivesAGarbageCollection(String kind) {
        Block network = network("fold");
        NDArray x = normal(5, 6);
        NDArray weight = network.getParameters().valueAt(0).getArray();
        double[] expected = gradient(kind, network, x, weight, false);
        for (int i = 0; i < 5; i++) {
            // gradients add up: rounding
            assertThat(gradient(kind, network, x, weight, true))
                    .containsExactly(expected, within(1e-11));
        }
    }

    private double[] gradient(
            String kind, Block network, NDArray x, NDArray weight, boolean collect) {
        NDArray before = weight.getGradient().toType(DataType.FLOAT64, false).duplicate();
        try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            NDArray penalty = loss(kind, network, 7).evaluate(x);
            if (collect) {
                System.gc();
                // what was freed is taken by others
                for (int i = 0; i < 1000; i++) {
                    manager.ones(new Shape(1 + i % 60), DataType.FLOAT64).close();
                }
            }
            collector.backward(penalty);
        }
        return weight.getGradient().sub(before).toDoubleArray();
    }

    @Test
    void gradientsReachOnlyThroughTheLoss() {
        Block network = network("fold");
        NDArray weight = network.getParameters().valueAt(0).getArray();
        loss("gram", network, 1).evaluate(normal(4, 6)).close();
        // zeros in float32: there is none
        assertThat(weight.getGradient().toFloatArray()).containsOnly(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"backward", "gram", "difference"})
    void nothingIsLeftBehind(String kind) {
        Block network = network("fold");
        NDArray x = normal(2, 6);
        JacobianLoss loss = loss(kind, network, 1);
        int arrays = manager.getManagedArrays().size();
        for (int i = 0; i < 1000; i++) {
            loss.evaluate(x).close();
        }
        assertThat(manager.getManagedArrays()).hasSize(arrays);
    }

    @Test
    void badValuesAreNamed() {
        Block block = linear(normal(2, 2));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> JacobianLoss.backward(block, Float.NaN, 1))
                .withMessageContaining("NaN");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> JacobianLoss.finiteDifference(block, 0, 1, 1))
                .withMessageContaining("was 0.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> JacobianLoss.gram(block, 1, 1).estimate(normal(2, 2), 1, 1))
                .withMessageContaining("was 1");
    }
}
