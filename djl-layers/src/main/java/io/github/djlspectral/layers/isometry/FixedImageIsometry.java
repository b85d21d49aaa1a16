package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.pooling.Pool;
import io.github.djlspectral.torch.GraphConstants;
import java.util.function.UnaryOperator;

/**
 * Layers on images [B, c, H, W] without parameters whose Jacobian J is orthogonal almost
 * everywhere, isometric ({@code J^T J = I}, where the output has more numbers) or co-isometric
 * ({@code J J^T = I}, where it has fewer: gradients keep their length, signals need not).
 */
public final class FixedImageIsometry extends FixedLayer {

    private final int channelMultiple;
    private final int sideMultiple;

    private FixedImageIsometry(
            String name,
            int channelMultiple,
            int sideMultiple,
            UnaryOperator<Shape> outputs,
            UnaryOperator<NDArray> map) {
        super(name, outputs, map);
        this.channelMultiple = channelMultiple;
        this.sideMultiple = sideMultiple;
    }

    /**
     * Returns the layer that makes each s x s patch a pixel, its numbers by channel, row and
     * column: a permutation.
     *
     * @param size s, at least 2; height and width must be multiples
     * @return the layer, to [B, c s^2, H/s, W/s]
     * @throws IllegalArgumentException if the size is less than 2
     */
    public static FixedImageIsometry spaceToDepth(int size) {
        requireAtLeastTwo("The side of a patch", size);
        UnaryOperator<Shape> outputs = s -> shape(s, s.get(1) * size * size, size);
        return new FixedImageIsometry(
                "spaceToDepth(" + size + ")",
                1,
                size,
                outputs,
                x -> {
                    Shape s = x.getShape();
                    Shape patches =
                            new Shape(
                                    s.get(0),
                                    s.get(1),
                                    s.get(2) / size,
                                    size,
                                    s.get(3) / size,
                                    size);
                    return x.reshape(patches).transpose(0, 1, 3, 5, 2, 4).reshape(outputs.apply(s));
                });
    }

    /**
     * Returns the inverse of {@link #spaceToDepth}.
     *
     * @param size s, at least 2; the number of channels must be a multiple of s^2
     * @return the layer, to [B, c / s^2, H s, W s]
     * @throws IllegalArgumentException if the size is less than 2
     */
    public static FixedImageIsometry depthToSpace(int size) {
        requireAtLeastTwo("The side of a patch", size);
        int square = Math.multiplyExact(size, size);
        UnaryOperator<Shape> outputs =
                s -> new Shape(s.get(0), s.get(1) / square, s.get(2) * size, s.get(3) * size);
        return new FixedImageIsometry(
                "depthToSpace(" + size + ")",
                square,
                1,
                outputs,
                x -> {
                    Shape s = x.getShape();
                    Shape patches =
                            new Shape(s.get(0), s.get(1) / square, size, size, s.get(2), s.get(3));
                    return x.reshape(patches).transpose(0, 1, 4, 2, 5, 3).reshape(outputs.apply(s));
                });
    }

    /**
     * Returns maximum pooling over disjoint s x s windows; overlapping ones would not be isometric.
     *
     * @param size s, at least 2; height and width must be multiples
     * @return the layer, to [B, c, H/s, W/s]
     * @throws IllegalArgumentException if the size is less than 2
     */
    public static FixedImageIsometry maxPooling(int size) {
        requireAtLeastTwo("The side of a window", size);
        Shape window = new Shape(size, size);
        return new FixedImageIsometry(
                "maxPooling(" + size + ")",
                1,
                size,
                s -> shape(s, s.get(1), size),
                x -> Pool.maxPool2d(x, window, window, new Shape(0, 0), false));
    }

    /**
     * Returns scaled average pooling: each disjoint s x s window becomes its sum by s.
     *
     * @param size s, at least 2; height and width must be multiples
     * @return the layer, to [B, c, H/s, W/s]
     * @throws IllegalArgumentException if the size is less than 2
     */
    public static FixedImageIsometry scaledPooling(int size) {
        requireAtLeastTwo("The side of a window", size);
        Shape window = new Shape(size, size);
        return new FixedImageIsometry(
                "scaledPooling(" + size + ")",
                1,
                size,
                s -> shape(s, s.get(1), size),
                x ->
                        GraphConstants.times(
                                Pool.avgPool2d(x, window, window, new Shape(0, 0), false, true),
                                size));
    }

    /**
     * Returns scaled global average pooling: each channel becomes its sum by sqrt(H W).
     *
     * @return the layer, to [B, c]
     */
    public static FixedImageIsometry scaledGlobalPooling() {
        return new FixedImageIsometry(
                "scaledGlobalPooling",
                1,
                1,
                s -> s.slice(0, 2),
                x ->
                        GraphConstants.times(
                                x.sum(new int[] {2, 3}),
                                1 / Math.sqrt(x.getShape().slice(2).size())));
    }

    /**
     * Returns the absolute value. After an {@link OrthogonalConvolution} it folds half of space
     * along each direction, which deep networks do not train with; see {@link #shiftedAbs}.
     *
     * @return the layer, of the same shape
     */
    public static FixedImageIsometry abs() {
        return new FixedImageIsometry("abs", 1, 1, UnaryOperator.identity(), FixedLayer::absolute);
    }

    /**
     * Returns {@code |z + t| - t}: the identity above -t, so that a large t folds little.
     *
     * @param shift t, finite
     * @return the layer, of the same shape
     * @throws IllegalArgumentException if the shift is not finite
     */
    public static FixedImageIsometry shiftedAbs(float shift) {
        requireFinite("The shift", shift);
        return new FixedImageIsometry(
                "shiftedAbs(" + shift + ")",
                1,
                1,
                UnaryOperator.identity(),
                x -> absolute(x.add(shift)).sub(shift));
    }

    /**
     * Returns MaxMin: the channels 2i and 2i + 1 become their larger and their smaller value. Anil,
     * Lucas and Grosse, "Sorting out Lipschitz function approximation", ICML 2019.
     *
     * @return the layer, of the same shape; the number of channels must be even
     */
    public static FixedImageIsometry maxMin() {
        return new FixedImageIsometry(
                "maxMin",
                2,
                1,
                UnaryOperator.identity(),
                x -> {
                    Shape s = x.getShape();
                    NDArray pairs = x.reshape(s.get(0), s.get(1) / 2, 2, s.get(2), s.get(3));
                    NDArray first = pairs.get(":, :, 0");
                    NDArray second = pairs.get(":, :, 1");
                    // at a tie nothing is swapped, where the slopes of max and min are one half
                    NDArray rise = Activation.relu(second.sub(first));
                    NDList sorted = new NDList(first.add(rise), second.sub(rise));
                    return NDArrays.stack(sorted, 2).reshape(s);
                });
    }

    /**
     * Returns the concatenated ReLU, relu(x) and then relu(-x) as more channels. Shang et al.,
     * "Understanding and improving convolutional neural networks via concatenated rectified linear
     * units", ICML 2016.
     *
     * @return the layer, to [B, 2c, H, W]
     */
    public static FixedImageIsometry concatenatedRelu() {
        return new FixedImageIsometry(
                "concatenatedRelu",
                1,
                1,
                s -> shape(s, 2 * s.get(1), 1),
                FixedLayer::concatenatedRelu);
    }

    private static Shape shape(Shape image, long channels, long divisor) {
        return new Shape(image.get(0), channels, image.get(2) / divisor, image.get(3) / divisor);
    }

    @Override
    void check(Shape shape) {
        if (shape.dimension() != 4
                || !isMultiple(shape.get(1), channelMultiple)
                || !isMultiple(shape.get(2), sideMultiple)
                || !isMultiple(shape.get(3), sideMultiple)) {
            throw new IllegalArgumentException(
                    ("%s takes images [batch, channels, height, width], channels a "
                                    + "positive multiple of %s, height and width of %s, got %s")
                            .formatted(name, channelMultiple, sideMultiple, shape));
        }
    }

    private static boolean isMultiple(long value, int of) {
        return value > 0 && value % of == 0;
    }
}
