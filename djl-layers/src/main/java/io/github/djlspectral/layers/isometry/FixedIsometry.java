package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import java.util.function.IntUnaryOperator;
import java.util.function.UnaryOperator;

/**
 * Layers [B, n] to [B, p] without parameters whose Jacobian J is orthogonal almost everywhere (p =
 * n), isometric ({@code J^T J = I}, p > n) or co-isometric ({@code J J^T = I}, p &lt; n: gradients
 * keep their length, signals need not).
 */
public final class FixedIsometry extends AbstractBlock {

    private static final byte VERSION = 1;

    private final String name;
    private final int multiple;
    private final IntUnaryOperator outputs;
    private final UnaryOperator<NDArray> map;

    private FixedIsometry(
            String name, int multiple, IntUnaryOperator outputs, UnaryOperator<NDArray> map) {
        super(VERSION);
        this.name = name;
        this.multiple = multiple;
        this.outputs = outputs;
        this.map = map;
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
                    NDArray pairs = grouped(x, 2).abs();
                    NDArray first = pairs.get(":, :, 0");
                    NDArray second = pairs.get(":, :, 1");
                    NDList sorted =
                            new NDList(
                                    NDArrays.maximum(first, second),
                                    NDArrays.minimum(first, second));
                    return NDArrays.stack(sorted, 2).reshape(x.getShape());
                });
    }

    /**
     * Returns the concatenated ReLU, (relu(x), relu(-x)). Shang et al., "Understanding and
     * improving convolutional neural networks via concatenated rectified linear units", ICML 2016.
     *
     * @return the layer, p = 2n
     */
    public static FixedIsometry concatenatedRelu() {
        return new FixedIsometry(
                "concatenatedRelu",
                1,
                n -> 2 * n,
                x -> NDArrays.maximum(x, 0).concat(NDArrays.maximum(x.neg(), 0), 1));
    }

    /**
     * Returns the layer that keeps the first p coordinates.
     *
     * @param width p, at least 1
     * @return the layer
     * @throws IllegalArgumentException if the width is less than 1
     */
    public static FixedIsometry truncation(int width) {
        if (width < 1) {
            throw new IllegalArgumentException("The width must be at least 1, was " + width);
        }
        return new FixedIsometry(
                "truncation(" + width + ")",
                1,
                n -> Math.min(n, width),
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
                x -> grouped(x, size).sum(new int[] {2}).div(Math.sqrt(size)));
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
                x -> grouped(x, size).max(new int[] {2}));
    }

    private static void requireAtLeastTwo(String what, int value) {
        if (value < 2) {
            throw new IllegalArgumentException(what + " must be at least 2, was " + value);
        }
    }

    private static NDArray grouped(NDArray x, int size) {
        return x.reshape(x.getShape().get(0), -1, size);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore parameterStore,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray x = inputs.singletonOrThrow();
        requireActivations(x.getShape());
        return new NDList(map.apply(x));
    }

    private void requireActivations(Shape shape) {
        if (shape.dimension() != 2 || shape.get(1) < 1 || shape.get(1) % multiple != 0) {
            throw new IllegalArgumentException(
                    name
                            + " takes activations [batch, n], n a positive multiple of "
                            + multiple
                            + ", got "
                            + shape);
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        requireActivations(inputShapes[0]);
        int width = Math.toIntExact(inputShapes[0].get(1));
        return new Shape[] {new Shape(inputShapes[0].get(0), outputs.applyAsInt(width))};
    }

    @Override
    public String toString() {
        return name;
    }
}
