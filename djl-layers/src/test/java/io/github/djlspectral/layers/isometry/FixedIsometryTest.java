package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.isometry.IsometryCatalogue.offIdentity;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianSpectrum;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class FixedIsometryTest {

    static Stream<FixedIsometry> layers() {
        return Stream.of(
                FixedIsometry.abs(),
                FixedIsometry.shiftedAbs(0.5),
                FixedIsometry.sawtooth(1.5),
                FixedIsometry.maxMin(),
                FixedIsometry.groupSort(2),
                FixedIsometry.groupSort(4),
                FixedIsometry.absSort(),
                FixedIsometry.concatenatedRelu(),
                FixedIsometry.scaledPooling(4),
                FixedIsometry.maxPooling(4));
    }

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    private static NDArray forward(FixedIsometry layer, NDArray x) {
        ParameterStore store = new ParameterStore(x.getManager(), false);
        return layer.forward(store, new NDList(x), true).singletonOrThrow();
    }

    /** J^T J = I where the output is not narrower, J J^T = I where it is not wider. */
    @ParameterizedTest
    @MethodSource("layers")
    void theJacobianIsIsometric(FixedIsometry layer) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (int n : new int[] {4, 16, 64}) {
                NDArray point = manager.randomNormal(0, 1, new Shape(n), DataType.FLOAT64);
                NDArray j = JacobianSpectrum.jacobian(layer, manager, point);
                int p = (int) j.getShape().get(0);
                assertThat(layer.getOutputShapes(new Shape[] {new Shape(1, n)})[0])
                        .isEqualTo(new Shape(1, p));
                if (p >= n) {
                    assertThat(offIdentity(j.transpose().matMul(j))).isLessThan(1e-13 * n);
                }
                if (p <= n) {
                    assertThat(offIdentity(j.matMul(j.transpose()))).isLessThan(1e-13 * n);
                }
            }
        }
    }

    /** What a backward pass needs must not be memory of Java's, which may be gone by then. */
    @ParameterizedTest
    @MethodSource("layers")
    void gradientsSurviveGarbageCollection(FixedIsometry layer) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray x = manager.randomNormal(new Shape(1, 64));
            x.setRequiresGradient(true);
            NDArray j = JacobianSpectrum.jacobian(layer, manager, x.get(0).stopGradient());
            try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
                NDArray y = forward(layer, x);
                System.gc();
                for (int i = 0; i < 2000; i++) {
                    manager.create(new float[] {7, 7}).close(); // takes freed memory
                }
                collector.backward(y.sum());
            }
            NDArray expected = j.sum(new int[] {0});
            assertThat(x.getGradient().squeeze(0).sub(expected).abs().max().getFloat())
                    .isLessThan(1e-6f);
        }
    }

    @Test
    void valuesByHand() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray x = manager.create(new float[] {3, -4, 1, -2}, new Shape(1, 4));
            check(FixedIsometry.groupSort(2), x, -4, 3, -2, 1);
            check(FixedIsometry.groupSort(4), x, -4, -2, 1, 3);
            check(FixedIsometry.absSort(), x, 4, 3, 2, 1);
            check(FixedIsometry.concatenatedRelu(), x, 3, 0, 1, 0, 0, 4, 0, 2);
            check(FixedIsometry.scaledPooling(4), x, -1);
            check(FixedIsometry.maxPooling(2), x, 3, 1);
        }
    }

    private static void check(FixedIsometry layer, NDArray x, float... expected) {
        assertThat(forward(layer, x).toFloatArray()).as(layer.toString()).containsExactly(expected);
    }

    /** Through non-increasing widths a gradient keeps its length: J J^T = I. */
    @Test
    void compositionsOfCoIsometriesAreCoIsometries() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SequentialBlock network = new SequentialBlock();
            network.add(AbsFold.builder().setWidth(64).build());
            network.add(FixedIsometry.groupSort(8));
            network.add(FixedIsometry.maxPooling(2));
            network.add(ResidualFold.builder().setWidth(32).optInitialBias(0).build());
            network.add(OrthogonalLinear.builder().setUnits(20).build());
            network.add(FixedIsometry.scaledPooling(5));
            network.initialize(manager, DataType.FLOAT64, new Shape(1, 64));
            NDArray point = manager.randomNormal(0, 1, new Shape(64), DataType.FLOAT64);
            NDArray j = JacobianSpectrum.jacobian(network, manager, point);
            assertThat(j.getShape()).isEqualTo(new Shape(4, 64));
            assertThat(offIdentity(j.matMul(j.transpose()))).isLessThan(1e-13 * 64);
            // expanding first and contracting then is not isometric
            SequentialBlock broken = new SequentialBlock();
            broken.add(FixedIsometry.concatenatedRelu());
            broken.add(OrthogonalLinear.builder().setUnits(64).build());
            broken.initialize(manager, DataType.FLOAT64, new Shape(1, 64));
            NDArray k = JacobianSpectrum.jacobian(broken, manager, point);
            assertThat(offIdentity(k.matMul(k.transpose()))).isGreaterThan(0.3);
        }
    }

    @Test
    void badValuesAreNamed() {
        List<Runnable> calls =
                List.of(
                        () -> FixedIsometry.groupSort(1),
                        () -> FixedIsometry.maxPooling(0),
                        () -> FixedIsometry.scaledPooling(-1));
        for (Runnable call : calls) {
            assertThatIllegalArgumentException()
                    .isThrownBy(call::run)
                    .withMessageContaining("must be at least");
        }
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            assertThatIllegalArgumentException()
                    .isThrownBy(
                            () -> forward(FixedIsometry.absSort(), manager.ones(new Shape(2, 5))))
                    .withMessageContaining("multiple of 2, got (2, 5)");
        }
    }
}
