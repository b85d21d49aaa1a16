package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;
import static io.github.djlspectral.layers.Require.requirePositive;
import static io.github.djlspectral.torch.GraphConstants.times;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.pooling.Pool;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.SelfDescribingBlock;
import java.util.function.BiFunction;
import java.util.function.IntUnaryOperator;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * Layers without parameters whose Jacobian J is orthogonal almost everywhere, isometric ({@code J^T
 * J = I}, where the output has more numbers) or co-isometric ({@code J J^T = I}, where it has
 * fewer: gradients keep their length, signals need not). On a kink, as at inputs of 0, the
 * derivative is that of one of its sides, so it is isometric even there.
 *
 * <p>They map the last axis of [.., n], or with {@link #onChannels} the channels of images [B, n,
 * H, W]; the last four are of images only. Isometry alone does not make a deep network train: what
 * {@link Fold} says of the rate of folds holds for those that fold half of space, such as {@link
 * #abs}, {@link #absSort} and {@link #groupSort}.
 */
public final class FixedIsometry extends SelfDescribingBlock implements IsometricLayer {

    private static final Shape NONE = new Shape(0, 0);

    private final String name;
    private final UnaryOperator<Shape> outputs; // which refuses what the layer cannot take
    private final UnaryOperator<NDArray> map;
    private final Supplier<FixedIsometry> channels; // the same on channels; null: it is

    private FixedIsometry(
            String name,
            UnaryOperator<Shape> outputs,
            UnaryOperator<NDArray> map,
            Supplier<FixedIsometry> channels) {
        super("function", name);
        this.name = name;
        this.outputs = outputs;
        this.map = map;
        this.channels = channels;
    }

    private static FixedIsometry images(
            String name,
            int c,
            int side,
            UnaryOperator<Shape> outputs,
            UnaryOperator<NDArray> map) {
        return new FixedIsometry(
                name, s -> outputs.apply(requireImages(name, s, c, side)), map, null);
    }

    private static Shape requireImages(String name, Shape shape, int channels, int side) {
        boolean legal =
                shape.dimension() == 4
                        && isMultiple(shape.get(1), channels)
                        && isMultiple(shape.get(2), side)
                        && isMultiple(shape.get(3), side);
        String rule =
                "%s takes images [batch, channels, height, width], channels a positive multiple of"
                        + " %s, height and width of %s, got %s";
        require(legal, rule, name, channels, side, shape);
        return shape;
    }

    private static boolean isMultiple(long value, int of) {
        return value > 0 && value % of == 0;
    }

    /** A function of so many features, which it gets as axis 1 of three. */
    private static FixedIsometry features(
            String name, int multiple, IntUnaryOperator widths, UnaryOperator<NDArray> map) {
        UnaryOperator<Shape> outputs =
                s -> {
                    int last = s.dimension() - 1;
                    String rule =
                            "%s takes activations [.., n], n a positive multiple of %s, got %s";
                    require(last > 0 && isMultiple(s.get(last), multiple), rule, name, multiple, s);
                    return resized(s, last, widths);
                };
        String images = name + " on channels";
        UnaryOperator<Shape> deep = s -> resized(requireImages(images, s, multiple, 1), 1, widths);
        return new FixedIsometry(
                name,
                outputs,
                x -> along(x, x.getShape().dimension() - 1, map, outputs),
                () -> new FixedIsometry(images, deep, x -> along(x, 1, map, deep), null));
    }

    private static Shape resized(Shape s, int axis, IntUnaryOperator widths) {
        int width = widths.applyAsInt(Math.toIntExact(s.get(axis)));
        return s.slice(0, axis).add(width).addAll(s.slice(axis + 1));
    }

    private static NDArray along(
            NDArray x, int axis, UnaryOperator<NDArray> map, UnaryOperator<Shape> outputs) {
        Shape s = x.getShape(); // of an empty batch, so that -1 would not do
        long inner = s.slice(axis + 1).size();
        return map.apply(x.reshape(s.slice(0, axis).size(), s.get(axis), inner))
                .reshape(outputs.apply(s));
    }

    /**
     * {@return the same on the channels of images [B, n, H, W]} Those of images stay as they are.
     */
    public FixedIsometry onChannels() {
        return channels == null ? this : channels.get();
    }

    /**
     * {@return GroupSort, p = n: each group of neighbours is sorted, ascending} Anil, Lucas and
     * Grosse, "Sorting out Lipschitz function approximation", ICML 2019.
     *
     * @param size the size of a group, at least 2; the width must be a multiple
     */
    public static FixedIsometry groupSort(int size) {
        requireAtLeast(2, "The size of a group", size);
        UnaryOperator<NDArray> map = x -> grouped(x, size).sort(2).reshape(x.getShape());
        return features("groupSort(" + size + ")", size, n -> n, map);
    }

    /**
     * {@return MaxMin, p = n, even: 2i and 2i + 1 become their larger and smaller value; as above}
     */
    public static FixedIsometry maxMin() {
        UnaryOperator<NDArray> map =
                x -> {
                    NDArray pairs = grouped(x, 2);
                    NDArray first = pairs.get(":, :, 0");
                    NDArray second = pairs.get(":, :, 1");
                    // at a tie nothing is swapped, where the slopes of max and min are one half
                    NDArray rise = Activation.relu(second.sub(first));
                    NDList sorted = new NDList(first.add(rise), second.sub(rise));
                    return NDArrays.stack(sorted, 2).reshape(x.getShape());
                };
        return features("maxMin", 2, n -> n, map);
    }

    /**
     * {@return AbsSort, p = n, an even number: each pair (x, y) of neighbours becomes (max(|x|,
     * |y|), min(|x|, |y|))} Four folds in a plane, more than there are dimensions.
     */
    public static FixedIsometry absSort() {
        UnaryOperator<NDArray> map =
                x -> absolute(grouped(x, 2)).neg().sort(2).neg().reshape(x.getShape());
        return features("absSort", 2, n -> n, map);
    }

    /**
     * {@return the absolute value of each coordinate, p = n} Half of space is folded along each, so
     * use few in a row; {@link #shiftedAbs} folds less.
     */
    public static FixedIsometry abs() {
        return features("abs", 1, n -> n, FixedIsometry::absolute);
    }

    /**
     * {@return {@code |z + s| - s}, p = n: the identity above -s, a reflection below}
     *
     * @param shift s, finite; about 2 pre-activations' standard deviations, or more, fold little
     */
    public static FixedIsometry shiftedAbs(double shift) {
        require(Double.isFinite(shift), "The shift must be finite, was %s", shift);
        UnaryOperator<NDArray> map = x -> absolute(x.add(shift)).sub(shift);
        return features("shiftedAbs(" + shift + ")", 1, n -> n, map);
    }

    /**
     * {@return a triangle wave of slopes 1 and -1, p = n: z for {@code |z| < period / 4}, and
     * period}
     *
     * @param period finite, above 0
     */
    public static FixedIsometry sawtooth(double period) {
        requirePositive("The period", period);
        double quarter = period / 4;
        UnaryOperator<NDArray> map =
                x -> {
                    NDArray shifted = x.add(quarter);
                    NDArray waves = shifted.stopGradient().div(period).round().mul(period);
                    return absolute(shifted.sub(waves)).sub(quarter);
                };
        return features("sawtooth(" + period + ")", 1, n -> n, map);
    }

    /**
     * {@return the concatenated ReLU, (relu(x), relu(-x)), p = 2n} Shang et al., "Understanding and
     * improving convolutional neural networks via concatenated rectified linear units", ICML 2016.
     */
    public static FixedIsometry concatenatedRelu() {
        return features("concatenatedRelu", 1, n -> 2 * n, FixedIsometry::concatenated);
    }

    /**
     * {@return scaled average pooling, p = n / k: each group of k neighbours becomes its sum by
     * sqrt(k)}
     *
     * @param size k, at least 2; the width must be a multiple
     */
    public static FixedIsometry scaledPooling(int size) {
        requireAtLeast(2, "The size of a group", size);
        UnaryOperator<NDArray> map =
                x -> times(grouped(x, size).sum(new int[] {2}), 1 / Math.sqrt(size));
        return features("scaledPooling(" + size + ")", size, n -> n / size, map);
    }

    /**
     * {@return maximum pooling over groups of neighbours, p = n / size}
     *
     * @param size the size of a group, at least 2; the width must be a multiple
     */
    public static FixedIsometry maxPooling(int size) {
        requireAtLeast(2, "The size of a group", size);
        UnaryOperator<NDArray> map = x -> grouped(x, size).topK(1, 2).get(0).squeeze(2);
        return features("maxPooling(" + size + ")", size, n -> n / size, map);
    }

    /**
     * {@return the layer to [B, c s^2, H/s, W/s] that makes each s x s patch a pixel, its numbers
     * by channel, row and column: a permutation}
     *
     * @param size s, at least 2; height and width must be multiples
     */
    public static FixedIsometry spaceToDepth(int size) {
        requireAtLeast(2, "The side of a patch", size);
        UnaryOperator<Shape> outputs = s -> shape(s, s.get(1) * size * size, size);
        UnaryOperator<NDArray> map =
                x -> {
                    Shape s = x.getShape();
                    Shape o = outputs.apply(s);
                    return x.reshape(s.get(0), s.get(1), o.get(2), size, o.get(3), size)
                            .transpose(0, 1, 3, 5, 2, 4)
                            .reshape(o);
                };
        return images("spaceToDepth(" + size + ")", 1, size, outputs, map);
    }

    /**
     * {@return the inverse of {@link #spaceToDepth}, to [B, c / s^2, H s, W s]}
     *
     * @param size s, at least 2; the number of channels must be a multiple of s^2
     */
    public static FixedIsometry depthToSpace(int size) {
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
        return images("depthToSpace(" + size + ")", square, 1, outputs, map);
    }

    /**
     * {@return maximum pooling over disjoint s x s windows of images, to [B, c, H/s, W/s]}
     * Overlapping ones would not be isometric.
     *
     * @param size s, at least 2; height and width must be multiples
     */
    public static FixedIsometry maxPooling2d(int size) {
        return pooling("maxPooling2d", size, (x, s) -> Pool.maxPool2d(x, s, s, NONE, false));
    }

    /**
     * {@return scaled average pooling of images, to [B, c, H/s, W/s]: each disjoint s x s window
     * becomes its sum by s}
     *
     * @param size s, at least 2; height and width must be multiples
     */
    public static FixedIsometry scaledPooling2d(int size) {
        BiFunction<NDArray, Shape, NDArray> map =
                (x, s) -> times(Pool.avgPool2d(x, s, s, NONE, false, true), size);
        return pooling("scaledPooling2d", size, map);
    }

    private static FixedIsometry pooling(
            String name, int size, BiFunction<NDArray, Shape, NDArray> map) {
        requireAtLeast(2, "The side of a window", size);
        UnaryOperator<NDArray> windows = x -> map.apply(x, new Shape(size, size));
        return images(name + "(" + size + ")", 1, size, s -> shape(s, s.get(1), size), windows);
    }

    /** {@return global pooling of images, to [B, c]: the sum of each channel by sqrt(H W)} */
    public static FixedIsometry scaledGlobalPooling() {
        UnaryOperator<NDArray> map =
                x -> times(x.sum(new int[] {2, 3}), 1 / Math.sqrt(x.getShape().slice(2).size()));
        return images("scaledGlobalPooling", 1, 1, s -> s.slice(0, 2), map);
    }

    private static Shape shape(Shape image, long channels, long divisor) {
        return new Shape(image.get(0), channels, image.get(2) / divisor, image.get(3) / divisor);
    }

    private static NDArray grouped(NDArray x, int size) {
        Shape shape = x.getShape();
        return x.reshape(shape.get(0), shape.get(1) / size, size, shape.get(2));
    }

    /** |x| with the slope 1 at 0, where that of {@link NDArray#abs} is 0. */
    private static NDArray absolute(NDArray x) {
        NDArray negative = Activation.relu(x.neg());
        return negative.add(negative).add(x);
    }

    /** (relu(x), relu(-x)) along axis 1, with one of the slopes 1 at 0 too. */
    private static NDArray concatenated(NDArray x) {
        NDArray positive = Activation.relu(x);
        return positive.concat(positive.sub(x), 1);
    }

    @Override
    protected NDList forwardOne(ParameterStore store, NDArray x, boolean training) {
        outputs.apply(x.getShape());
        return new NDList(apply(x));
    }

    /** Keeps what lies between input and output, which a graph holds itself, from the caller. */
    private NDArray apply(NDArray x) {
        try (NDManager scratch = x.getManager().newSubManager()) {
            NDArray view = x.reshape(x.getShape());
            view.attach(scratch);
            NDArray y = map.apply(view);
            y.attach(x.getManager());
            return y;
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {outputs.apply(inputShapes[0])};
    }

    @Override
    public Block materialise(NDManager manager) {
        return this;
    }

    @Override
    public String toString() {
        return name;
    }
}
