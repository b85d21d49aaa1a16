package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;
import static io.github.djlspectral.torch.GraphConstants.times;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.pooling.Pool;
import java.util.function.BiFunction;
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
     * {@return the layer to [B, c s^2, H/s, W/s] that makes each s x s patch a pixel, its numbers
     * by channel, row and column: a permutation}
     *
     * @param size s, at least 2; height and width must be multiples
     */
    public static FixedImageIsometry spaceToDepth(int size) {
        requireAtLeast(2, "The side of a patch", size);
        UnaryOperator<Shape> outputs = s -> shape(s, s.get(1) * size * size, size);
        UnaryOperator<NDArray> map =
                x -> {
                    Shape s = x.getShape();
                    long rows = s.get(2) / size;
                    long columns = s.get(3) / size;
                    return x.reshape(s.get(0), s.get(1), rows, size, columns, size)
                            .transpose(0, 1, 3, 5, 2, 4)
                            .reshape(outputs.apply(s));
                };
        return new FixedImageIsometry("spaceToDepth(" + size + ")", 1, size, outputs, map);
    }

    /**
     * {@return the inverse of {@link #spaceToDepth}, to [B, c / s^2, H s, W s]}
     *
     * @param size s, at least 2; the number of channels must be a multiple of s^2
     */
    public static FixedImageIsometry depthToSpace(int size) {
        requireAtLeast(2, "The side of a patch", size);
        int square = Math.multiplyExact(size, size);
        UnaryOperator<Shape> outputs =
                s -> new Shape(s.get(0), s.get(1) / square, s.get(2) * size, s.get(3) * size);
        UnaryOperator<NDArray> map =
                x -> {
                    Shape s = x.getShape();
                    return x.reshape(s.get(0), s.get(1) / square, size, size, s.get(2), s.get(3))
                            .transpose(0, 1, 4, 2, 5, 3)
                            .reshape(outputs.apply(s));
                };
        return new FixedImageIsometry("depthToSpace(" + size + ")", square, 1, outputs, map);
    }

    /**
     * {@return maximum pooling over disjoint s x s windows, to [B, c, H/s, W/s]} Overlapping ones
     * would not be isometric.
     *
     * @param size s, at least 2; height and width must be multiples
     */
    public static FixedImageIsometry maxPooling(int size) {
        Shape none = new Shape(0, 0);
        return pooling("maxPooling", size, (x, s) -> Pool.maxPool2d(x, s, s, none, false));
    }

    /**
     * {@return scaled average pooling, to [B, c, H/s, W/s]: each disjoint s x s window becomes its
     * sum by s}
     *
     * @param size s, at least 2; height and width must be multiples
     */
    public static FixedImageIsometry scaledPooling(int size) {
        Shape none = new Shape(0, 0);
        BiFunction<NDArray, Shape, NDArray> map =
                (x, s) -> times(Pool.avgPool2d(x, s, s, none, false, true), size);
        return pooling("scaledPooling", size, map);
    }

    private static FixedImageIsometry pooling(
            String name, int size, BiFunction<NDArray, Shape, NDArray> map) {
        requireAtLeast(2, "The side of a window", size);
        UnaryOperator<Shape> outputs = s -> shape(s, s.get(1), size);
        Shape window = new Shape(size, size);
        return new FixedImageIsometry(
                name + "(" + size + ")", 1, size, outputs, x -> map.apply(x, window));
    }

    /**
     * {@return scaled global average pooling, to [B, c]: each channel becomes its sum by sqrt(H W)}
     */
    public static FixedImageIsometry scaledGlobalPooling() {
        UnaryOperator<NDArray> map =
                x -> {
                    double scale = 1 / Math.sqrt(x.getShape().slice(2).size());
                    return times(x.sum(new int[] {2, 3}), scale);
                };
        return new FixedImageIsometry("scaledGlobalPooling", 1, 1, s -> s.slice(0, 2), map);
    }

    /**
     * {@return the absolute value} After an {@link OrthogonalConvolution} it folds half of space
     * along each direction, which deep networks do not train with; see {@link #shiftedAbs}.
     */
    public static FixedImageIsometry abs() {
        return new FixedImageIsometry("abs", 1, 1, s -> s, FixedLayer::absolute);
    }

    /**
     * {@return {@code |z + t| - t}: the identity above -t, so that a large t folds little}
     *
     * @param shift t, finite
     */
    public static FixedImageIsometry shiftedAbs(float shift) {
        requireFinite("The shift", shift);
        UnaryOperator<NDArray> map = x -> absolute(x.add(shift)).sub(shift);
        return new FixedImageIsometry("shiftedAbs(" + shift + ")", 1, 1, s -> s, map);
    }

    /**
     * {@return MaxMin: of an even number of channels, 2i and 2i + 1 become their larger and their
     * smaller value} Anil, Lucas and Grosse, "Sorting out Lipschitz function approximation", ICML
     * 2019.
     */
    public static FixedImageIsometry maxMin() {
        UnaryOperator<NDArray> map =
                x -> {
                    Shape s = x.getShape();
                    NDArray pairs = x.reshape(s.get(0), s.get(1) / 2, 2, s.get(2), s.get(3));
                    NDArray first = pairs.get(":, :, 0");
                    NDArray second = pairs.get(":, :, 1");
                    // at a tie nothing is swapped, where the slopes of max and min are one half
                    NDArray rise = Activation.relu(second.sub(first));
                    NDList sorted = new NDList(first.add(rise), second.sub(rise));
                    return NDArrays.stack(sorted, 2).reshape(s);
                };
        return new FixedImageIsometry("maxMin", 2, 1, s -> s, map);
    }

    /**
     * {@return the concatenated ReLU, to [B, 2c, H, W]: relu(x) and then relu(-x) as more channels}
     * Shang et al., "Understanding and improving convolutional neural networks via concatenated
     * rectified linear units", ICML 2016.
     */
    public static FixedImageIsometry concatenatedRelu() {
        UnaryOperator<Shape> outputs = s -> shape(s, 2 * s.get(1), 1);
        return new FixedImageIsometry(
                "concatenatedRelu", 1, 1, outputs, FixedLayer::concatenatedRelu);
    }

    private static Shape shape(Shape image, long channels, long divisor) {
        return new Shape(image.get(0), channels, image.get(2) / divisor, image.get(3) / divisor);
    }

    @Override
    void check(Shape shape) {
        boolean legal =
                shape.dimension() == 4
                        && isMultiple(shape.get(1), channelMultiple)
                        && isMultiple(shape.get(2), sideMultiple)
                        && isMultiple(shape.get(3), sideMultiple);
        String rule =
                "%s takes images [batch, channels, height, width], channels a positive multiple of"
                        + " %s, height and width of %s, got %s";
        require(legal, rule, name, channelMultiple, sideMultiple, shape);
    }
}
