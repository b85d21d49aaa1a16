package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.convolutional.Conv2d;
import io.github.djlspectral.layers.isometry.initializer.OrthogonalInitializer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class OrthogonalKernelTest {

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    private static NDArray draw(OrthogonalKernel kernel, NDManager manager, DataType type) {
        for (Parameter parameter : kernel.parameters()) {
            parameter.initialize(manager, type);
        }
        return kernel.copy(manager);
    }

    /** Squares of the difference of a kernel's correlation with itself from a delta. */
    private static double offDelta(NDArray kernel) {
        long k = kernel.getShape().get(2);
        Shape padding = new Shape(k - 1, k - 1);
        NDArray correlation =
                Conv2d.conv2d(kernel, kernel, null, new Shape(1, 1), padding).singletonOrThrow();
        int filters = (int) kernel.getShape().get(0);
        NDArray eye = kernel.getManager().eye(filters).toType(DataType.FLOAT64, false);
        NDIndex centre = new NDIndex(":, :, {}, {}", k - 1, k - 1);
        correlation.set(centre, correlation.get(centre).sub(eye));
        return correlation.square().sum().getDouble();
    }

    /** Each shift of a filter is orthogonal to each filter: K correlated with itself is a delta. */
    @ParameterizedTest
    @CsvSource({"1,1,1", "2,2,2", "3,3,3", "6,6,5", "4,6,3", "1,2,3", "1,6,2", "5,5,4"})
    void correlatesWithItselfToADelta(int filters, int channels, int size) {
        for (Parametrization way : Parametrization.values()) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                OrthogonalKernel kernel = OrthogonalKernel.circular(way, filters, channels, size);
                NDArray k = draw(kernel, manager, DataType.FLOAT64);
                assertThat(k.getShape()).isEqualTo(new Shape(filters, channels, size, size));
                assertThat(offDelta(k)).as("%s", way).isLessThan(1e-25);
                // no shifted matrix: every place of the kernel is used
                assertThat(k.square().sum(new int[] {0, 1}).min().getDouble()).isGreaterThan(1e-9);
            }
        }
    }

    /** An orthogonal matrix that is merely reshaped is no orthogonal convolution. */
    @Test
    void aReshapedMatrixIsNotOne() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray k =
                    new OrthogonalInitializer()
                            .initialize(manager, new Shape(6, 6, 3, 3), DataType.FLOAT64);
            assertThat(offDelta(k)).isGreaterThan(1);
        }
    }

    /** With more filters the transposed, mirrored kernel is orthogonal. */
    @Test
    void moreFiltersThanChannelsMakeOrthonormalColumns() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            OrthogonalKernel kernel =
                    OrthogonalKernel.circular(Parametrization.RETRACTION, 6, 2, 3);
            NDArray k = draw(kernel, manager, DataType.FLOAT64);
            assertThat(k.getShape()).isEqualTo(new Shape(6, 2, 3, 3));
            assertThat(offDelta(k.transpose(1, 0, 2, 3))).isLessThan(1e-25);
        }
    }

    @ParameterizedTest
    @EnumSource(Parametrization.class)
    void nothingIsLeftBehind(Parametrization way) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            OrthogonalKernel kernel = OrthogonalKernel.ofPatches(way, 20, 3, 2);
            draw(kernel, manager, DataType.FLOAT32).close();
            int before = manager.getManagedArrays().size();
            for (int i = 0; i < 10; i++) {
                kernel.copy(manager).close();
            }
            assertThat(manager.getManagedArrays()).hasSize(before);
        }
    }

    @Test
    void oneChannelCanOnlyShift() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> OrthogonalKernel.circular(Parametrization.CAYLEY, 1, 1, 3))
                .withMessageContaining("size 3 for 1 channel can only shift");
    }
}
