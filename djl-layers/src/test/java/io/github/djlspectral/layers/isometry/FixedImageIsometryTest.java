package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.isometry.ImageJacobian.flat;
import static io.github.djlspectral.layers.isometry.ImageJacobian.point;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.deviation;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.forward;
import static io.github.djlspectral.layers.isometry.IsometryCatalogue.tolerance;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.nn.pooling.Pool;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class FixedImageIsometryTest {

    static Stream<FixedIsometry> layers() {
        return Stream.of(
                FixedIsometry.spaceToDepth(2),
                FixedIsometry.depthToSpace(2),
                FixedIsometry.maxPooling2d(2),
                FixedIsometry.maxPooling2d(3),
                FixedIsometry.scaledPooling2d(3),
                FixedIsometry.scaledGlobalPooling(),
                FixedIsometry.abs().onChannels(),
                FixedIsometry.shiftedAbs(0.5).onChannels(),
                FixedIsometry.maxMin().onChannels(),
                FixedIsometry.groupSort(2).onChannels(),
                FixedIsometry.maxPooling(2).onChannels(),
                FixedIsometry.concatenatedRelu().onChannels());
    }

    @BeforeEach
    void seed() {
        Engine.getEngine("PyTorch").setRandomSeed(1);
    }

    @ParameterizedTest
    @MethodSource("layers")
    void theJacobianIsIsometric(FixedIsometry layer) {
        Shape image = new Shape(4, 6, 12);
        for (DataType type : new DataType[] {DataType.FLOAT64, DataType.FLOAT32}) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                Block flat = flat(layer, manager, type, image);
                NDArray point = point(manager, type, image);
                for (NDArray at : new NDArray[] {point, point.mul(0)}) { // 0: kinks and ties
                    assertThat(deviation(flat, manager, at))
                            .isLessThan(tolerance(type, image.size()));
                }
                NDArray x = point.reshape(image).expandDims(0).repeat(0, 2);
                assertThat(layer.getOutputShapes(new Shape[] {x.getShape()})[0])
                        .isEqualTo(forward(layer, x).getShape());
            }
        }
    }

    @Test
    void valuesByHand() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            float[] values = {1, -2, 3, 4, -5, 6, 0.5f, -8};
            NDArray x = manager.create(values, new Shape(1, 2, 2, 2));
            check(FixedIsometry.spaceToDepth(2), x, values);
            check(FixedIsometry.maxPooling2d(2), x, 4, 6);
            check(FixedIsometry.scaledPooling2d(2), x, 3, -3.25f);
            check(FixedIsometry.scaledGlobalPooling(), x, 3, -3.25f);
            check(FixedIsometry.abs(), x, 1, 2, 3, 4, 5, 6, 0.5f, 8);
            check(FixedIsometry.shiftedAbs(1), x, 1, 0, 3, 4, 3, 6, 0.5f, 6);
            check(FixedIsometry.maxMin().onChannels(), x, 1, 6, 3, 4, -5, -2, 0.5f, -8);
            float[] both = {1, 0, 3, 4, 0, 6, 0.5f, 0, 0, 2, 0, 0, 5, 0, 0, 8};
            check(FixedIsometry.concatenatedRelu().onChannels(), x, both);
            NDArray wide = manager.arange(8f).reshape(1, 1, 2, 4);
            check(FixedIsometry.spaceToDepth(2), wide, 0, 2, 1, 3, 4, 6, 5, 7);
            NDArray deep = forward(FixedIsometry.spaceToDepth(2), wide);
            assertThat(deep.getShape()).isEqualTo(new Shape(1, 4, 1, 2));
            assertThat(forward(FixedIsometry.depthToSpace(2), deep)).isEqualTo(wide);
        }
    }

    private static void check(FixedIsometry layer, NDArray x, float... expected) {
        assertThat(forward(layer, x).toFloatArray()).as(layer.toString()).containsExactly(expected);
    }

    /** Space to depth and a convolution of size 1 are the convolution at a stride. */
    @Test
    void spaceToDepthOrdersAsAStridedKernel() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray x = manager.randomNormal(0, 1, new Shape(2, 3, 4, 6), DataType.FLOAT64);
            OrthogonalConvolution strided =
                    OrthogonalConvolution.builder()
                            .setChannels(3)
                            .setFilters(12)
                            .setKernel(2)
                            .optStride(2)
                            .build();
            strided.initialize(manager, DataType.FLOAT64, x.getShape());
            NDArray matrix = strided.effectiveKernel(manager).reshape(12, 12, 1, 1);
            NDArray deep = forward(FixedIsometry.spaceToDepth(2), x);
            NDArray expected = Conv2d.conv2d(deep, matrix).singletonOrThrow();
            assertThat(forward(strided, x).sub(expected).abs().max().getDouble()).isLessThan(1e-13);
        }
    }

    /** Windows that overlap share a largest value: two outputs with the same gradient. */
    @Test
    void overlappingWindowsAreNotIsometric() {
        Shape image = new Shape(2, 7, 7);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Block pooling = Pool.maxPool2dBlock(new Shape(3, 3), new Shape(2, 2));
            Block flat = flat(pooling, manager, DataType.FLOAT64, image);
            double deviation = deviation(flat, manager, point(manager, DataType.FLOAT64, image));
            assertThat(deviation).isEqualTo(1);
        }
    }

    /**
     * Any order of square and expanding blocks, or of square and contracting ones; a float64
     * Jacobian of at most a few hundred rows.
     */
    @Property(tries = 20)
    void compositionsAreIsometricToo(
            @ForAll @IntRange(min = 1, max = 10) int depth,
            @ForAll boolean expanding,
            @ForAll @IntRange(min = 0, max = 1000) int seed) {
        Engine.getEngine("PyTorch").setRandomSeed(seed);
        Random random = new Random(seed);
        Shape image = new Shape(4, 4, 4);
        SequentialBlock network = new SequentialBlock();
        Shape shape = new Shape(1).addAll(image);
        for (int i = 0; i < depth; i++) {
            List<Block> choice = square(shape);
            if (expanding && shape.size() < 128) {
                choice.addAll(expanding(shape));
            } else if (!expanding) {
                choice.addAll(contracting(shape));
            }
            Block next = choice.get(random.nextInt(choice.size()));
            network.add(next);
            shape = next.getOutputShapes(new Shape[] {shape})[0];
        }
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            Block flat = flat(network, manager, DataType.FLOAT64, image);
            NDArray point = point(manager, DataType.FLOAT64, image);
            assertThat(deviation(flat, manager, point)).isLessThan(1e-13 * 64 * depth);
        }
    }

    private static int channels(Shape shape) {
        return (int) shape.get(1);
    }

    private static OrthogonalConvolution convolution(Shape shape, int filters, int k, int stride) {
        return OrthogonalConvolution.builder()
                .setChannels(channels(shape))
                .setFilters(filters)
                .setKernel(k)
                .optStride(stride)
                .build();
    }

    private static List<Block> square(Shape shape) {
        int c = channels(shape);
        int largest = (int) Math.min(c == 1 ? 1 : 3, shape.get(2));
        List<Block> blocks = new ArrayList<>();
        for (int k = 1; k <= largest; k++) {
            for (int stride = 1; stride < 3; stride++) {
                blocks.add(
                        ConvolutionFold.builder()
                                .setChannels(c)
                                .setKernel(k)
                                .optStride(stride)
                                .optFilters(stride == 1 ? c : (c + 1) / 2)
                                .optInitialBias(0)
                                .build());
            }
            blocks.add(convolution(shape, c, k, 1));
        }
        blocks.add(FixedIsometry.abs());
        blocks.add(FixedIsometry.shiftedAbs(0.3f));
        if (c % 2 == 0) {
            blocks.add(FixedIsometry.maxMin().onChannels());
        }
        if (c % 4 == 0) {
            blocks.add(FixedIsometry.depthToSpace(2));
        }
        if (shape.get(2) % 2 == 0) {
            blocks.add(FixedIsometry.spaceToDepth(2));
            blocks.add(convolution(shape, 4 * c, 2, 2));
        }
        return blocks;
    }

    private static List<Block> expanding(Shape shape) {
        int c = channels(shape);
        List<Block> blocks = new ArrayList<>();
        blocks.add(FixedIsometry.concatenatedRelu().onChannels());
        blocks.add(convolution(shape, c + 1, (int) Math.min(3, shape.get(2)), 1));
        if (shape.get(2) % 2 == 0) {
            blocks.add(convolution(shape, 5 * c, 2, 2));
        }
        return blocks;
    }

    private static List<Block> contracting(Shape shape) {
        int c = channels(shape);
        List<Block> blocks = new ArrayList<>();
        if (c > 1) {
            blocks.add(convolution(shape, c - 1, (int) Math.min(3, shape.get(2)), 1));
        }
        if (shape.get(2) % 2 == 0) {
            blocks.add(FixedIsometry.maxPooling2d(2));
            blocks.add(FixedIsometry.scaledPooling2d(2));
            blocks.add(convolution(shape, c, 2, 2));
        }
        return blocks;
    }

    @Test
    void badValuesAreNamed() {
        List<ThrowingCallable> sizes =
                List.of(
                        () -> FixedIsometry.spaceToDepth(1),
                        () -> FixedIsometry.depthToSpace(0),
                        () -> FixedIsometry.maxPooling2d(-1),
                        () -> FixedIsometry.scaledPooling2d(1));
        sizes.forEach(call -> refused(call, "must be at least 2, was"));
        refused(() -> FixedIsometry.shiftedAbs(Float.NaN), "finite, was NaN");
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray odd = manager.ones(new Shape(2, 3, 4, 5));
            Map<FixedIsometry, String> multiples =
                    Map.of(
                            FixedIsometry.spaceToDepth(2), "height and width of 2, got",
                            FixedIsometry.maxPooling2d(2), "height and width of 2, got",
                            FixedIsometry.scaledPooling2d(4), "height and width of 4, got",
                            FixedIsometry.depthToSpace(2), "channels a positive multiple of 4",
                            FixedIsometry.maxMin().onChannels(),
                                    "channels a positive multiple of 2");
            multiples.forEach((layer, text) -> refused(() -> forward(layer, odd), text));
            refused(
                    () -> forward(FixedIsometry.abs().onChannels(), manager.ones(new Shape(2, 3))),
                    "takes images [batch, channels, height, width]");
        }
    }

    private static void refused(ThrowingCallable call, String text) {
        assertThatIllegalArgumentException().isThrownBy(call).withMessageContaining(text);
    }
}
