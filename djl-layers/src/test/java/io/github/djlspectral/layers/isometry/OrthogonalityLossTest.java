package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.training.GradientCollector;
import ai.djl.training.initializer.NormalInitializer;
import ai.djl.training.loss.Loss;
import ai.djl.training.loss.SimpleCompositeLoss;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianSpectrum;
import io.github.djlspectral.layers.isometry.initializer.OrthogonalInitializer;
import io.github.djlspectral.layers.isometry.loss.OrthogonalityLoss;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OrthogonalityLossTest extends ManagedTest {

    private Parameter weight(long... shape) {
        Parameter weight =
                Parameter.builder()
                        .setName("weight")
                        .setType(Parameter.Type.WEIGHT)
                        .optShape(new Shape(shape))
                        .optInitializer(new NormalInitializer(0.5f))
                        .build();
        weight.initialize(manager, DataType.FLOAT64);
        weight.getArray().setRequiresGradient(true);
        return weight;
    }

    private NDArray offIdentity(NDArray gram) {
        int n = (int) gram.getShape().get(0);
        return gram.sub(manager.eye(n).toType(DataType.FLOAT64, false));
    }

    private NDArray gradient(OrthogonalityLoss loss, Parameter weight) {
        try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            collector.backward(loss.evaluate(manager));
        }
        return weight.getArray().getGradient();
    }

    /** The value, and the gradient 4 lambda (W W^T - I) W, or of the transpose. */
    @ParameterizedTest
    @CsvSource({"3, 7", "7, 3", "5, 5", "1, 1"})
    void theMatrixPenaltyIsThatOfTheSmallerGram(int m, int n) {
        Parameter weight = weight(m, n);
        NDArray w = weight.getArray();
        NDArray small = m <= n ? w : w.transpose();
        NDArray off = offIdentity(small.matMul(small.transpose()));
        OrthogonalityLoss loss = OrthogonalityLoss.ofMatrices(List.of(weight), 0.5f);
        double value = loss.evaluate(manager).getDouble();
        assertThat(value).isCloseTo(0.5 * off.square().sum().getDouble(), within(1e-12));
        NDArray expected = off.matMul(small).mul(2);
        NDArray found = gradient(loss, weight);
        NDArray error = found.sub(m <= n ? expected : expected.transpose());
        assertThat(error.abs().max().getDouble()).isLessThan(1e-12);
    }

    @Test
    void penaltiesAddUp() {
        Parameter one = weight(3, 4);
        Parameter two = weight(6, 2);
        double sum =
                OrthogonalityLoss.ofMatrices(List.of(one), 1).evaluate(manager).getDouble()
                        + OrthogonalityLoss.ofMatrices(List.of(two), 1)
                                .evaluate(manager)
                                .getDouble();
        OrthogonalityLoss both = OrthogonalityLoss.ofMatrices(List.of(one, two), 1);
        assertThat(both.evaluate(manager).getDouble()).isCloseTo(sum, within(1e-12));
        // and to a task's loss
        NDList x = new NDList(manager.zeros(new Shape(2, 2), DataType.FLOAT64));
        NDList y = new NDList(manager.ones(new Shape(2, 2), DataType.FLOAT64));
        Loss composite = new SimpleCompositeLoss().addLoss(Loss.l2Loss()).addLoss(both);
        assertThat(composite.evaluate(x, y).getDouble()).isCloseTo(sum + 0.5, within(1e-12));
    }

    @Test
    void penaltiesOfKernelsAddUp() {
        Parameter one = weight(2, 3, 3, 2);
        Parameter two = weight(3, 2, 1, 1);
        double sum = 0;
        for (Parameter kernel : List.of(one, two)) {
            sum +=
                    OrthogonalityLoss.ofConvolutions(List.of(kernel), 1)
                            .evaluate(manager)
                            .getDouble();
        }
        OrthogonalityLoss both = OrthogonalityLoss.ofConvolutions(List.of(one, two), 1);
        assertThat(both.evaluate(manager).getDouble()).isCloseTo(sum, within(1e-12 * sum));
    }

    /** N |K * K - delta|^2 = |J J^T - I|_F^2 on a torus of N places. */
    @ParameterizedTest
    @CsvSource({"2, 3, 3, 3", "4, 2, 3, 3", "3, 3, 2, 4", "2, 2, 1, 1"})
    void theConvolutionPenaltyIsThatOfItsJacobian(int m, int c, int h, int w) {
        Parameter kernel = weight(m, c, h, w);
        NDArray k = kernel.getArray().duplicate();
        Block circular =
                LambdaBlock.singleton(
                        x -> {
                            NDArray wide = x.concat(x.get(":, :, :" + (h - 1)), 2);
                            wide = wide.concat(wide.get(":, :, :, :" + (w - 1)), 3);
                            return Conv2d.conv2d(
                                            wide,
                                            k,
                                            null,
                                            new Shape(1, 1),
                                            new Shape(0, 0),
                                            new Shape(1, 1),
                                            1)
                                    .singletonOrThrow();
                        });
        NDArray point = manager.randomNormal(0, 1, new Shape(c, 6, 8), DataType.FLOAT64);
        NDArray j = JacobianSpectrum.jacobian(circular, manager, point);
        NDArray gram = m <= c ? j.matMul(j.transpose()) : j.transpose().matMul(j);
        double expected = offIdentity(gram).square().sum().getDouble() / 48;
        OrthogonalityLoss loss = OrthogonalityLoss.ofConvolutions(List.of(kernel), 1);
        assertThat(loss.evaluate(manager).getDouble())
                .isCloseTo(expected, within(1e-12 * (1 + expected)));
    }

    @Test
    void theConvolutionPenaltysGradientIsItsDerivative() {
        Parameter kernel = weight(2, 3, 3, 2);
        OrthogonalityLoss loss = OrthogonalityLoss.ofConvolutions(List.of(kernel), 1);
        NDArray direction =
                manager.randomNormal(0, 1, kernel.getArray().getShape(), DataType.FLOAT64);
        double slope = gradient(loss, kernel).mul(direction).sum().getDouble();
        NDArray origin = kernel.getArray().duplicate();
        double h = 1e-5;
        origin.add(direction.mul(h)).copyTo(kernel.getArray());
        double ahead = loss.evaluate(manager).getDouble();
        origin.sub(direction.mul(h)).copyTo(kernel.getArray());
        double behind = loss.evaluate(manager).getDouble();
        // central difference: h^2 and rounding / h
        assertThat(slope).isCloseTo((ahead - behind) / (2 * h), within(1e-7 * Math.abs(slope)));
    }

    /** Delta-orthogonal kernels are orthogonal convolutions, orthonormal flattened rows are not. */
    @Test
    void zeroForOrthogonalConvolutionsOnly() {
        Parameter kernel = weight(4, 6, 3, 3);
        OrthogonalityLoss loss = OrthogonalityLoss.ofConvolutions(List.of(kernel), 1);
        NDArray w =
                new OrthogonalInitializer().initialize(manager, new Shape(4, 6), DataType.FLOAT64);
        NDArray centre = manager.zeros(new Shape(9), DataType.FLOAT64);
        centre.setScalar(new NDIndex(4), 1);
        w.reshape(4, 6, 1).mul(centre).reshape(4, 6, 3, 3).copyTo(kernel.getArray());
        assertThat(loss.evaluate(manager).getDouble()).isLessThan(1e-28);
        new OrthogonalInitializer()
                .initialize(manager, new Shape(4, 6, 3, 3), DataType.FLOAT64)
                .copyTo(kernel.getArray());
        assertThat(loss.evaluate(manager).getDouble()).isGreaterThan(1);
    }

    @Test
    void nothingIsLeftBehind() {
        OrthogonalityLoss matrices = OrthogonalityLoss.ofMatrices(List.of(weight(3, 4)), 1);
        OrthogonalityLoss kernels =
                OrthogonalityLoss.ofConvolutions(List.of(weight(2, 2, 3, 3)), 1);
        int arrays = manager.getManagedArrays().size();
        for (int i = 0; i < 1000; i++) {
            matrices.evaluate(manager).close();
            kernels.evaluate(manager).close();
        }
        assertThat(manager.getManagedArrays()).hasSize(arrays);
    }

    @Test
    void badValuesAreNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> OrthogonalityLoss.ofMatrices(List.of(), 1))
                .withMessageContaining("no weights");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> OrthogonalityLoss.ofMatrices(List.of(weight(2, 2)), -1))
                .withMessageContaining("-1.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> OrthogonalityLoss.ofConvolutions(List.of(weight(2, 2)), 1))
                .withMessageContaining("4 dimensions, was (2, 2)");
        Parameter raw = Parameter.builder().setName("raw").setType(Parameter.Type.WEIGHT).build();
        assertThatIllegalStateException()
                .isThrownBy(() -> OrthogonalityLoss.ofMatrices(List.of(raw), 1).evaluate(manager))
                .withMessageContaining("raw");
    }
}
