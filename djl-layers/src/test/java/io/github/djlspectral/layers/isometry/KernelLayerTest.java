package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.isometry.ImageJacobian.flat;
import static io.github.djlspectral.layers.isometry.ImageJacobian.point;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.deviation;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.forward;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.tolerance;
import static io.github.djlspectral.layers.isometry.KernelLayers.fold;
import static io.github.djlspectral.layers.isometry.KernelLayers.layers;
import static io.github.djlspectral.layers.isometry.KernelLayers.linear;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import io.github.djlspectral.layers.isometry.diagnostics.JacobianSpectrum;
import io.github.djlspectral.layers.isometry.initializer.DeltaOrthogonalInitializer;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class KernelLayerTest {

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 6})
    void theJacobianIsOrthogonal(int c) {
        Shape image = new Shape(c, 8, 6);
        for (DataType type : new DataType[] {DataType.FLOAT64, DataType.FLOAT32}) {
            for (KernelLayer layer : layers(c)) {
                try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                    Block flat = flat(layer, manager, type, image);
                    NDArray point = point(manager, type, image);
                    assertThat(deviation(flat, manager, point))
                            .as("%s, %s", layer, type)
                            .isLessThan(tolerance(type, image.size()));
                    NDArray x = point.reshape(image).expandDims(0);
                    assertThat(layer.getOutputShapes(new Shape[] {x.getShape()})[0])
                            .isEqualTo(forward(layer, x).getShape());
                }
            }
        }
    }

    static Stream<Block> kinked() {
        return Stream.of(
                fold(4, 3).build(),
                fold(4, 2).optFilters(3).optStride(2).build(),
                after(FixedIsometry.abs()),
                after(FixedIsometry.shiftedAbs(0.5f)),
                after(FixedIsometry.maxMin().onChannels()),
                after(FixedIsometry.maxPooling2d(2)),
                after(FixedIsometry.concatenatedRelu().onChannels()));
    }

    private static Block after(FixedIsometry activation) {
        return new SequentialBlock().add(linear(4, 4, 3).build()).add(activation);
    }

    /** A millionth beside a kink, found by bisection, the Jacobians differ and are orthogonal. */
    @ParameterizedTest
    @MethodSource("kinked")
    void theJacobianIsOrthogonalBesideAKink(Block layer) {
        Shape image = new Shape(4, 4, 6);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Block flat = flat(layer, manager, DataType.FLOAT64, image);
            NDArray from = point(manager, DataType.FLOAT64, image);
            NDArray to = point(manager, DataType.FLOAT64, image);
            while (from.sub(to).norm().getDouble() > 1e-6) {
                NDArray middle = from.add(to).div(2);
                if (difference(flat, manager, from, middle) > 0.1) {
                    to = middle;
                } else {
                    from = middle;
                }
            }
            // a row is another one, or reflected, at one of them only
            assertThat(difference(flat, manager, from, to)).isGreaterThan(0.1);
            double tolerance = tolerance(DataType.FLOAT64, image.size());
            assertThat(deviation(flat, manager, from)).isLessThan(tolerance);
            assertThat(deviation(flat, manager, to)).isLessThan(tolerance);
        }
    }

    /** The Frobenius norm, at least 1 if there is a kink between the points. */
    private static double difference(Block flat, NDManager manager, NDArray a, NDArray b) {
        NDArray first = JacobianSpectrum.jacobian(flat, manager, a);
        return first.sub(JacobianSpectrum.jacobian(flat, manager, b)).norm().getDouble();
    }

    /** The formula, by stock operations: the transpose from the Jacobian of the linear part. */
    @Test
    void theFoldIsItsFormula() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            ConvolutionFold layer = fold(3, 2).optFilters(2).optStride(2).build();
            layer.initialize(manager, DataType.FLOAT64, new Shape(1, 3, 5, 6));
            NDArray kernel = layer.effectiveKernel(manager);
            NDArray x = manager.randomNormal(0, 1, new Shape(1, 3, 5, 6), DataType.FLOAT64);
            NDArray z =
                    Conv2d.conv2d(x, kernel, null, new Shape(2, 2)).singletonOrThrow().sub(0.1f);
            NDArray expected = x.duplicate();
            for (int f = 0; f < 2; f++) {
                for (int i = 0; i < 2; i++) {
                    for (int j = 0; j < 3; j++) {
                        double fired = Math.max(0, z.getDouble(0, f, i, j));
                        String place =
                                String.format(
                                        Locale.ROOT,
                                        "0, :, %d:%d, %d:%d",
                                        2 * i,
                                        2 * i + 2,
                                        2 * j,
                                        2 * j + 2);
                        NDArray reflected = expected.get(place).sub(kernel.get(f).mul(2 * fired));
                        expected.set(new NDIndex(place), reflected);
                    }
                }
            }
            assertThat(forward(layer, x).sub(expected).abs().max().getDouble()).isLessThan(1e-8);
        }
    }

    /** Depth 200, float32: every singular value within 1e-4 of 1, and so the gradient's norm. */
    @ParameterizedTest
    @ValueSource(strings = {"fold", "convolution"})
    void twoHundredLayersKeepEverySingularValue(String family) {
        Shape image = new Shape(8, 4, 4);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            SequentialBlock network = new SequentialBlock();
            for (int i = 0; i < 200; i++) {
                if (family.equals("fold")) {
                    network.add(fold(8, 2 + i % 2).build());
                } else {
                    network.add(linear(8, 8, 3).build());
                    network.add(FixedIsometry.shiftedAbs(1));
                }
            }
            Block flat = flat(network, manager, DataType.FLOAT32, image);
            NDArray point = point(manager, DataType.FLOAT32, image);
            NDArray j = JacobianSpectrum.jacobian(flat, manager, point);
            float[] s = JacobianSpectrum.singularValues(flat, manager, point).toFloatArray();
            assertThat(s).hasSize(128);
            assertThat(s[0]).isCloseTo(1, within(1e-4f));
            assertThat(s[127]).isCloseTo(1, within(1e-4f));
            NDArray gradient = manager.randomNormal(new Shape(1, 128));
            double norm = gradient.matMul(j).norm().getFloat() / gradient.norm().getFloat();
            assertThat(norm).isCloseTo(1, within(5e-4));
        }
    }

    /** What must fail the check does: zeros around the image, and 1.9 in place of 2. */
    @Test
    void theCheckSeesWhatIsNotIsometric() {
        Shape image = new Shape(6, 8, 8);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            OrthogonalConvolution torus = linear(6, 6, 3).build();
            torus.initialize(manager, DataType.FLOAT64, new Shape(1, 6, 8, 8));
            Block padded =
                    Conv2d.builder()
                            .setFilters(6)
                            .setKernelShape(new Shape(3, 3))
                            .optPadding(new Shape(1, 1))
                            .optBias(false)
                            .build();
            padded.getParameters().get("weight").setArray(torus.effectiveKernel(manager));
            Block flat = flat(padded, manager, DataType.FLOAT64, image);
            NDArray point = point(manager, DataType.FLOAT64, image);
            assertThat(deviation(flat, manager, point)).isBetween(0.3, 1.0);

            ConvolutionFold fold = fold(6, 3).optParametrization(Parametrization.INITIAL).build();
            Block folded = flat(fold, manager, DataType.FLOAT64, image);
            fold.getParameters().get("kernel").getArray().muli(Math.sqrt(0.95));
            assertThat(deviation(folded, manager, point)).isBetween(0.03, 0.2);
        }
    }

    /** With zeros around the image a delta-orthogonal kernel is exact. */
    @ParameterizedTest
    @ValueSource(ints = {3, 6, 9})
    void deltaOrthogonalKernelsAreExactWithZeroPadding(int filters) {
        Shape image = new Shape(6, 5, 4);
        for (DataType type : new DataType[] {DataType.FLOAT64, DataType.FLOAT32}) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                Conv2d convolution =
                        Conv2d.builder()
                                .setKernelShape(new Shape(3, 5))
                                .setFilters(filters)
                                .optPadding(new Shape(1, 2))
                                .build();
                convolution.setInitializer(new DeltaOrthogonalInitializer(), Parameter.Type.WEIGHT);
                Block flat = flat(convolution, manager, type, image);
                NDArray point = point(manager, type, image);
                assertThat(deviation(flat, manager, point))
                        .isLessThan(tolerance(type, image.size()));
            }
        }
    }

    @Test
    void badValuesAreNamed() {
        Map<String, ThrowingCallable> calls =
                Map.of(
                        "channels must be at least 1, was 0",
                                () -> ConvolutionFold.builder().setKernel(3).build(),
                        "size of the kernel must be at least 1, was 0", () -> fold(4, 0).build(),
                        "filters must be in [1, 4], more are not orthonormal, was 5",
                                () -> fold(4, 3).optFilters(5).build(),
                        "filters must be at least 1, was 0", () -> fold(4, 3).optFilters(0),
                        "filters must be at least 1, was -1", () -> linear(4, -1, 3).build(),
                        "stride must be at least 1, was 0", () -> fold(4, 3).optStride(0).build(),
                        "must be 1 or the size of the kernel, 3, was 2",
                                () -> linear(4, 4, 3).optStride(2).build(),
                        "bias must be finite, was NaN",
                                () -> fold(4, 3).optInitialBias(Float.NaN).build(),
                        "can only shift", () -> fold(1, 2).build());
        calls.forEach((text, call) -> refused(call, text));
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            ConvolutionFold fold = fold(4, 5).build();
            fold.initialize(manager, DataType.FLOAT32, new Shape(1, 4, 5, 5));
            refused(
                    () -> forward(fold, manager.ones(new Shape(1, 4, 6, 4))),
                    "5 x 5, must not be larger than the image, which is 6 x 4");
            refused(
                    () -> forward(fold, manager.ones(new Shape(1, 3, 6, 6))),
                    "must be [batch, 4, height, width], were (1, 3, 6, 6)");
            OrthogonalConvolution patches = linear(4, 4, 2).optStride(2).build();
            patches.initialize(manager, DataType.FLOAT32, new Shape(1, 4, 4, 4));
            refused(
                    () -> forward(patches, manager.ones(new Shape(1, 4, 4, 5))),
                    "multiples of the stride 2, were 4 x 5");
            refused(
                    () ->
                            new DeltaOrthogonalInitializer()
                                    .initialize(manager, new Shape(4, 4, 2, 3), DataType.FLOAT32),
                    "odd height and width");
        }
    }

    private static void refused(ThrowingCallable call, String text) {
        assertThatIllegalArgumentException().isThrownBy(call).withMessageContaining(text);
    }
}
