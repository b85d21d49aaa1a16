package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import io.github.djlspectral.torch.GraphConstants;
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
     * Returns GroupSort: each group of neighbours is sorted, ascending. Anil, Lucas and Grosse,
     * "Sorting out Lipschitz function approximation", ICML 2019.
     *
     * @param size the size of a group, at least 2; the width must be a multiple
     * @return the layer, p = n
     * @throws IllegalArgumentException if the size is less than 2
     */
    public static FixedIsometry groupSort(int size) {
        requireAtLeastTwo("The size of a group", size);
        return new FixedIsometry(
                "groupSort(" + size + ")",
                size,
                n -> n,
                x -> grouped(x, size).sort(2).reshape(x.getShape()));
    }

    /**
     * Returns AbsSort: each pair (x, y) of neighbours becomes (max(|x|, |y|), min(|x|, |y|)), four
     * folds in a plane, more than there are dimensions.
     *
     * @return the layer, p = n; the width must be even
     */
    public static FixedIsometry absSort() {
        return new FixedIsometry(
                "absSort",
                2,
                n -> n,
                x -> {
                    NDArray descending = absolute(grouped(x, 2)).neg().sort(2).neg();
                    return descending.reshape(x.getShape());
                });
    }

    /**
     * Returns the absolute value of each coordinate: half of space is folded along each, so use few
     * in a row; {@link #shiftedAbs} folds less.
     *
     * @return the layer, p = n
     */
    public static FixedIsometry abs() {
        return elementwise("abs", FixedLayer::absolute);
    }

    /**
     * Returns {@code |z + s| - s}: the identity above -s, a reflection below.
     *
     * @param shift s, finite; about 2 pre-activations' standard deviations, or more, fold little
     * @return the layer, p = n
     * @throws IllegalArgumentException if the shift is not finite
     */
    public static FixedIsometry shiftedAbs(double shift) {
        requireFinite("The shift", shift);
        return elementwise("shiftedAbs(" + shift + ")", x -> absolute(x.add(shift)).sub(shift));
    }

    /**
     * Returns a triangle wave of slopes 1 and -1: z for {@code |z| < period / 4}, and period.
     *
     * @param period finite, above 0
     * @return the layer, p = n
     * @throws IllegalArgumentException if the period is not finite or not above 0
     */
    public static FixedIsometry sawtooth(double period) {
        requireFinite("The period", period);
        if (period <= 0) {
            throw new IllegalArgumentException("The period must be above 0, was " + period);
        }
        double quarter = period / 4;
        return elementwise(
                "sawtooth(" + period + ")",
                x -> {
                    NDArray shifted = x.add(quarter);
                    NDArray waves = shifted.stopGradient().div(period).round().mul(period);
                    return absolute(shifted.sub(waves)).sub(quarter);
                });
    }

    private static FixedIsometry elementwise(String name, UnaryOperator<NDArray> map) {
        return new FixedIsometry(name, 1, n -> n, map);
    }

    /**
     * Returns the Householder activation: each pair z of neighbours with {@code n . z > 0}, {@code
     * n = (sin(t/2), -cos(t/2))}, is reflected to {@code (I - 2 n n^T) z}. At t = pi/2 it sorts the
     * pair. Singla, Singla and Feizi, "Improved deterministic l2 robustness", ICLR 2022. {@link
     * HouseholderActivation} learns its angles.
     *
     * @param angle t in radians, finite
     * @return the layer, p = n; the width must be even
     * @throws IllegalArgumentException if the angle is not finite
     */
    public static FixedIsometry householder(double angle) {
        requireFinite("The angle", angle);
        double sine = Math.sin(angle / 2);
        double cosine = Math.cos(angle / 2);
        return new FixedIsometry(
                "householder(" + angle + ")",
                2,
                n -> n,
                x -> {
                    NDArray pairs = grouped(x, 2);
                    NDArray first = pairs.get(":, :, 0");
                    NDArray second = pairs.get(":, :, 1");
                    NDArray height =
                            Activation.relu(
                                    GraphConstants.times(first, sine)
                                            .sub(GraphConstants.times(second, cosine)));
                    NDList reflected =
                            new NDList(
                                    first.sub(GraphConstants.times(height, 2 * sine)),
                                    second.add(GraphConstants.times(height, 2 * cosine)));
                    return NDArrays.stack(reflected, 2).reshape(x.getShape());
                });
    }

    /**
     * Returns the concatenated ReLU, (relu(x), relu(-x)). Shang et al., "Understanding and
     * improving convolutional neural networks via concatenated rectified linear units", ICML 2016.
     *
     * @return the layer, p = 2n
     */
    public static FixedIsometry concatenatedRelu() {
        return new FixedIsometry("concatenatedRelu", 1, n -> 2 * n, FixedLayer::concatenatedRelu);
    }

    /**
     * {@return the layer that keeps the first p coordinates}
     *
     * @param width p, at least 1
     * @throws IllegalArgumentException if the width is less than 1
     */
    public static FixedIsometry truncation(int width) {
        if (width < 1) {
            throw new IllegalArgumentException("The width must be at least 1, was " + width);
        }
        return new FixedIsometry(
                "truncation(" + width + ")",
                1,
                n -> {
                    if (n < width) {
                        throw new IllegalArgumentException(
                                "truncation(%s) needs a width of at least that, got %s"
                                        .formatted(width, n));
                    }
                    return width;
                },
                x -> x.get(":, :" + width));
    }

    /**
     * Returns scaled average pooling: each group of k neighbours becomes its sum by sqrt(k).
     *
     * @param size k, at least 2; the width must be a multiple
     * @return the layer, p = n / k
     * @throws IllegalArgumentException if the size is less than 2
     */
    public static FixedIsometry scaledPooling(int size) {
        requireAtLeastTwo("The size of a group", size);
        return new FixedIsometry(
                "scaledPooling(" + size + ")",
                size,
                n -> n / size,
                x ->
                        GraphConstants.times(
                                grouped(x, size).sum(new int[] {2}), 1 / Math.sqrt(size)));
    }

    /**
     * Returns maximum pooling over groups of neighbours.
     *
     * @param size the size of a group, at least 2; the width must be a multiple
     * @return the layer, p = n / size
     * @throws IllegalArgumentException if the size is less than 2
     */
    public static FixedIsometry maxPooling(int size) {
        requireAtLeastTwo("The size of a group", size);
        return new FixedIsometry(
                "maxPooling(" + size + ")",
                size,
                n -> n / size,
                x -> grouped(x, size).topK(1, 2).get(0).squeeze(2));
    }

    private static NDArray grouped(NDArray x, int size) {
        Shape shape = x.getShape(); // of an empty batch, so that -1 would not do
        return x.reshape(shape.get(0), shape.get(1) / size, size);
    }

    @Override
    void check(Shape shape) {
        if (shape.dimension() != 2 || shape.get(1) < 1 || shape.get(1) % multiple != 0) {
            throw new IllegalArgumentException(
                    "%s takes activations [batch, n], n a positive multiple of %s, got %s"
                            .formatted(name, multiple, shape));
        }
    }
}
