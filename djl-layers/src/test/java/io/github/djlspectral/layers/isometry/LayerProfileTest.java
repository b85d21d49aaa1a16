package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.initializer.NormalInitializer;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianSpectrum;
import io.github.djlspectral.layers.isometry.diagnostics.LayerProfile;
import io.github.djlspectral.layers.isometry.diagnostics.Spread;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LayerProfileTest extends ManagedTest {

    /** Keeps the factor open, as the backward pass needs it. */
    private Block times(double factor) {
        NDArray open = manager.create(factor);
        return LambdaBlock.singleton(x -> x.mul(open));
    }

    /** x -> 2x -> 6x -> -3x, whose gradients are known. */
    @Test
    void gradientRatiosOfKnownLayers() {
        SequentialBlock inner = new SequentialBlock().add(times(3)).add(times(-0.5));
        SequentialBlock network = new SequentialBlock().add(times(2)).add(inner);
        List<LayerProfile> profiles = LayerProfile.of(network, manager, normal(5, 4), 1);
        assertThat(profiles)
                .extracting(LayerProfile::name)
                .containsExactly(
                        "01LambdaBlock",
                        "02SequentialBlock/01LambdaBlock",
                        "02SequentialBlock/02LambdaBlock");
        double[] expected = {3, 1.5, 0.5};
        for (int i = 0; i < 3; i++) {
            Spread ratio = profiles.get(i).gradientRatio();
            assertThat(ratio.min()).isCloseTo(expected[i], within(1e-14));
            assertThat(ratio.max()).isCloseTo(expected[i], within(1e-14));
            assertThat(profiles.get(i).foldRate()).isEmpty();
        }
    }

    /** One row of a square: the ratio at each point is that of its own side. */
    @Test
    void rowsOfTheBatchAreMeasuredApart() {
        SequentialBlock network = new SequentialBlock();
        network.addSingleton(NDArray::square).add(times(0.5));
        NDArray x = manager.create(new double[] {1, 2, 4, 9}, new Shape(4, 1));
        NDArray g = manager.create(new double[] {1, -1, 5, 2}, new Shape(4, 1));
        Spread ratio = LayerProfile.of(network, manager, x, g).get(0).gradientRatio();
        assertThat(ratio).isEqualTo(new Spread(1, 3, 4, 9));
    }

    /** A bias on the identity's rows counts what lies beyond it. */
    @Test
    void foldRatesCountWhatIsReflected() {
        // pre-activations of the batch: x + bias in every row
        NDArray x = manager.create(new double[] {-2, -1, 0.5, 3, 1.5, 1.25}, new Shape(3, 2));
        Fold residual = ResidualFold.builder().setWidth(2).optInitialBias(-1).build();
        Fold absolute = AbsFold.builder().setWidth(2).optInitialBias(1.5f).build();
        Fold slopes =
                TwoSlopeFold.builder().setWidth(2).setSlopes(0.1, 1).optInitialBias(1).build();
        assertThat(rate(residual, x)).isEqualTo(3.0 / 6); // x > 1
        assertThat(rate(absolute, x)).isEqualTo(1.0 / 6); // x < -1.5
        assertThat(rate(slopes, x)).isEqualTo(1.0 / 6); // x < -1, which -1 is not
    }

    /** A fold counts what comes to it, not what comes to the network. */
    @Test
    void aFoldsRateIsThatOfItsOwnInput() {
        Fold fold = AbsFold.builder().setWidth(3).build();
        SequentialBlock network = new SequentialBlock().add(times(-1)).add(fold);
        network.initialize(manager, DataType.FLOAT64, new Shape(1, 3));
        NDArray x = fold.effectiveWeight(manager).sum(new int[] {0}, true); // W x = 1
        assertThat(LayerProfile.of(network, manager, x, 1).get(1).foldRate()).hasValue(1);
    }

    private double rate(Fold fold, NDArray x) {
        SequentialBlock network = new SequentialBlock().add(fold);
        network.initialize(manager, DataType.FLOAT64, new Shape(1, 2));
        manager.eye(2)
                .toType(DataType.FLOAT64, false)
                .copyTo(fold.getParameters().get("weight").getArray());
        return LayerProfile.of(network, manager, x, 1).get(0).foldRate().getAsDouble();
    }

    /** The reflected share is the trace of the Jacobian of a residual fold: n - 2 m rate. */
    @Test
    void foldRateAndJacobianAgree() {
        ResidualFold fold = ResidualFold.builder().setWidth(12).optRows(7).build();
        SequentialBlock network = new SequentialBlock().add(fold);
        network.initialize(manager, DataType.FLOAT64, new Shape(1, 12));
        for (int i = 0; i < 5; i++) {
            NDArray x = normal(1, 12).mul(2);
            double rate = LayerProfile.of(network, manager, x, 1).get(0).foldRate().getAsDouble();
            NDArray j = JacobianSpectrum.jacobian(network, manager, x.get(0));
            double trace = j.mul(manager.eye(12).toType(DataType.FLOAT64, false)).sum().getDouble();
            assertThat(trace).isCloseTo(12 - 2 * 7 * rate, within(1e-12));
        }
    }

    /** For convolutions too, over the places where the kernel lies within the image. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void foldRateAndJacobianOfAConvolutionAgree(int stride) {
        ConvolutionFold fold =
                ConvolutionFold.builder()
                        .setChannels(3)
                        .setKernel(2)
                        .optStride(stride)
                        .optInitialBias(-0.5f)
                        .build();
        SequentialBlock network = new SequentialBlock().add(fold);
        network.initialize(manager, DataType.FLOAT64, new Shape(1, 3, 4, 4));
        NDArray x = normal(1, 3, 4, 4);
        double rate = LayerProfile.of(network, manager, x, 1).get(0).foldRate().getAsDouble();
        int rows = 3 * (stride == 1 ? 9 : 4);
        assertThat(rate).isBetween(0.1, 0.6);
        NDArray j = JacobianSpectrum.jacobian(network, manager, x.get(0));
        double trace = j.mul(manager.eye(48).toType(DataType.FLOAT64, false)).sum().getDouble();
        assertThat(trace).isCloseTo(48 - 2 * rows * rate, within(1e-12));
    }

    /** Depth 200, width 64: exact families keep every gradient's length, He-ReLU loses it. */
    @Test
    void gradientsThroughTwoHundredLayers() {
        SequentialBlock folds = new SequentialBlock();
        SequentialBlock plain = new SequentialBlock();
        for (int i = 0; i < 200; i++) {
            folds.add(ResidualFold.builder().setWidth(64).optInitialBias(0).build());
            Linear linear = Linear.builder().setUnits(64).build();
            linear.setInitializer(
                    new NormalInitializer((float) Math.sqrt(2.0 / 64)), Parameter.Type.WEIGHT);
            plain.add(linear).add(Activation::relu);
        }
        NDArray x = manager.randomNormal(new Shape(16, 64));
        for (SequentialBlock network : List.of(folds, plain)) {
            network.initialize(manager, DataType.FLOAT32, new Shape(1, 64));
        }
        for (LayerProfile profile : LayerProfile.of(folds, manager, x, 1)) {
            // 200 layers of a few float32 roundings
            assertThat(profile.gradientRatio().min()).isCloseTo(1, within(1e-4));
            assertThat(profile.gradientRatio().max()).isCloseTo(1, within(1e-4));
            assertThat(profile.foldRate().getAsDouble()).isBetween(0.2, 0.8);
        }
        Spread he = LayerProfile.of(plain, manager, x, 1).get(0).gradientRatio();
        assertThat(he.median()).isLessThan(0.5);
    }

    @Test
    void nothingIsLeftBehind() {
        SequentialBlock network = new SequentialBlock();
        network.add(
                AbsFold.builder().setWidth(4).optParametrization(Parametrization.CAYLEY).build());
        network.add(ResidualFold.builder().setWidth(4).build());
        network.initialize(manager, DataType.FLOAT32, new Shape(1, 4));
        NDArray x = manager.randomNormal(new Shape(3, 4));
        int arrays = manager.getManagedArrays().size();
        for (int i = 0; i < 1000; i++) {
            LayerProfile.of(network, manager, x, 1);
        }
        assertThat(manager.getManagedArrays()).hasSize(arrays);
    }

    @Test
    void badValuesAreNamed() {
        SequentialBlock empty = new SequentialBlock();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LayerProfile.of(empty, manager, normal(2, 2), 1))
                .withMessageContaining("no layers");
        SequentialBlock identity = new SequentialBlock().add(times(1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LayerProfile.of(identity, manager, normal(2, 2), normal(2, 3)))
                .withMessageContaining("(2, 2), has (2, 3)");
    }
}
