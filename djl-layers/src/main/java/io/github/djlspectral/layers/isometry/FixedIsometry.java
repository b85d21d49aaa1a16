package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;
import static io.github.djlspectral.layers.Require.requirePositive;
import static io.github.djlspectral.torch.GraphConstants.times;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import java.util.function.IntUnaryOperator;
import java.util.function.UnaryOperator;

/**
 * Layers [B, n] to [B, p] without parameters whose Jacobian J is orthogonal almost everywhere (p =
 * n), isometric ({@code J^T J = I}, p > n) or co-isometric ({@code J J^T = I}, p &lt; n: gradients
 * keep their length, signals need not). On a kink, as at inputs of 0, the derivative is that of one
 * of its sides, so it is isometric even there. Isometry alone does not make a deep network train:
 * what {@link Fold} says of the rate of folds holds for those that fold half of space, such as
 * {@link #abs}, {@link #absSort} and {@link #groupSort}.
 */
public final class FixedIsometry extends FixedLayer {

    private final int multiple;

    private FixedIsometry(
            String name, int multiple, IntUnaryOperator outputs, UnaryOperator<NDArray> map) {
        super(name, s -> new Shape(s.get(0), outputs.applyAsInt(Math.toIntExact(s.get(1)))), map);
        this.multiple = multiple;
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
        return new FixedIsometry("groupSort(" + size + ")", size, n -> n, map);
    }

    /**
     * {@return AbsSort, p = n, an even number: each pair (x, y) of neighbours becomes (max(|x|,
     * |y|), min(|x|, |y|))} Four folds in a plane, more than there are dimensions.
     */
    public static FixedIsometry absSort() {
        UnaryOperator<NDArray> map =
                x -> absolute(grouped(x, 2)).neg().sort(2).neg().reshape(x.getShape());
        return new FixedIsometry("absSort", 2, n -> n, map);
    }

    /**
     * {@return the absolute value of each coordinate, p = n} Half of space is folded along each, so
     * use few in a row; {@link #shiftedAbs} folds less.
     */
    public static FixedIsometry abs() {
        return new FixedIsometry("abs", 1, n -> n, FixedLayer::absolute);
    }

    /**
     * {@return {@code |z + s| - s}, p = n: the identity above -s, a reflection below}
     *
     * @param shift s, finite; about 2 pre-activations' standard deviations, or more, fold little
     */
    public static FixedIsometry shiftedAbs(double shift) {
        requireFinite("The shift", shift);
        UnaryOperator<NDArray> map = x -> absolute(x.add(shift)).sub(shift);
        return new FixedIsometry("shiftedAbs(" + shift + ")", 1, n -> n, map);
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
        return new FixedIsometry("sawtooth(" + period + ")", 1, n -> n, map);
    }

    /**
     * {@return the Householder activation, p = n, an even number: each pair z of neighbours with
     * {@code n . z > 0}, {@code n = (sin(t/2), -cos(t/2))}, is reflected to {@code (I - 2 n n^T)
     * z}} At t = pi/2 it sorts the pair. Singla, Singla and Feizi, "Improved deterministic l2
     * robustness", ICLR 2022. {@link HouseholderActivation} learns its angles.
     *
     * @param angle t in radians, finite
     */
    public static FixedIsometry householder(double angle) {
        requireFinite("The angle", angle);
        double sine = Math.sin(angle / 2);
        double cosine = Math.cos(angle / 2);
        UnaryOperator<NDArray> map =
                x -> {
                    NDArray pairs = grouped(x, 2);
                    NDArray first = pairs.get(":, :, 0");
                    NDArray second = pairs.get(":, :, 1");
                    NDArray height = Activation.relu(times(first, sine).sub(times(second, cosine)));
                    NDArray u = first.sub(times(height, 2 * sine));
                    NDArray v = second.add(times(height, 2 * cosine));
                    return NDArrays.stack(new NDList(u, v), 2).reshape(x.getShape());
                };
        return new FixedIsometry("householder(" + angle + ")", 2, n -> n, map);
    }

    /**
     * {@return the concatenated ReLU, (relu(x), relu(-x)), p = 2n} Shang et al., "Understanding and
     * improving convolutional neural networks via concatenated rectified linear units", ICML 2016.
     */
    public static FixedIsometry concatenatedRelu() {
        return new FixedIsometry("concatenatedRelu", 1, n -> 2 * n, FixedLayer::concatenatedRelu);
    }

    /**
     * {@return the layer that keeps the first p coordinates}
     *
     * @param width p, at least 1
     */
    public static FixedIsometry truncation(int width) {
        requireAtLeast(1, "The width", width);
        String name = "truncation(" + width + ")";
        IntUnaryOperator outputs =
                n -> {
                    require(n >= width, "%s needs a width of at least that, got %s", name, n);
                    return width;
                };
        return new FixedIsometry(name, 1, outputs, x -> x.get(":, :" + width));
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
        return new FixedIsometry("scaledPooling(" + size + ")", size, n -> n / size, map);
    }

    /**
     * {@return maximum pooling over groups of neighbours, p = n / size}
     *
     * @param size the size of a group, at least 2; the width must be a multiple
     */
    public static FixedIsometry maxPooling(int size) {
        requireAtLeast(2, "The size of a group", size);
        UnaryOperator<NDArray> map = x -> grouped(x, size).topK(1, 2).get(0).squeeze(2);
        return new FixedIsometry("maxPooling(" + size + ")", size, n -> n / size, map);
    }

    private static NDArray grouped(NDArray x, int size) {
        Shape shape = x.getShape(); // of an empty batch, so that -1 would not do
        return x.reshape(shape.get(0), shape.get(1) / size, size);
    }

    @Override
    void check(Shape shape) {
        boolean legal = shape.dimension() == 2 && isMultiple(shape.get(1), multiple);
        String rule = "%s takes activations [batch, n], n a positive multiple of %s, got %s";
        require(legal, rule, name, multiple, shape);
    }
}
