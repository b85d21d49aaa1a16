package io.github.djlspectral.examples.descent;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * Measures the {@link LocalDescent} of an update direction in any network, by a central difference
 * of gradients along it:
 *
 * <pre>
 * {@code <D, H D> = <D, G(W + h D) - G(W - h D)> / (2 h)}
 * </pre>
 *
 * <p>In a training loop, between two steps:
 *
 * <pre>{@code
 * NDList weights = ..                       // the parameters' own arrays
 * Supplier<NDList> full = DescentProbe.gradients(weights, () -> backwardOver(manyBatches));
 * LocalDescent descent = DescentProbe.measure(weights, batchGradient, direction, full);
 * }</pre>
 */
public final class DescentProbe {

    // Relative spacing of numbers at 1.
    private static final double FLOAT32_EPSILON = Math.ulp(1f);
    private static final double FLOAT64_EPSILON = Math.ulp(1.0);

    private DescentProbe() {}

    /**
     * Measures a direction. The weights move by {@link #stepSize} along it and back, in place, and
     * are restored bit for bit, also if the function fails. Cost: three full gradients, a copy of
     * the weights and one of the gradients.
     *
     * @param weights W, the arrays to move, as many as the network reads; float32 or float64
     * @param batchGradient G~, what the direction was made from; shapes of the weights
     * @param direction D, shapes and types of the weights; they would become W - t D
     * @param fullGradient returns G at the present values of the weights, in their order, shapes
     *     and types, the same every time for the same weights (no dropout); the arrays are closed
     *     here; see {@link #gradients}
     * @return the local descent
     * @throws IllegalArgumentException if lists differ in length, shapes or types, or the weights
     *     or the direction contain NaN or infinity, or the direction is zero; nothing has moved
     * @throws IllegalStateException if the function returns a gradient of another shape or type,
     *     NaN or infinity; the weights are restored
     */
    public static LocalDescent measure(
            NDList weights, NDList batchGradient, NDList direction, Supplier<NDList> fullGradient) {
        requireLike("The batch's gradient", weights, batchGradient);
        double step = stepSize(weights, direction);
        return measure(weights, batchGradient, direction, fullGradient, step);
    }

    static LocalDescent measure(
            NDList weights,
            NDList batchGradient,
            NDList direction,
            Supplier<NDList> fullGradient,
            double step) {
        double batchSlope = LocalDescent.innerProduct(batchGradient, direction);
        try (WeightCopy origin = WeightCopy.of(weights)) {
            try {
                double slope = slope(weights, direction, fullGradient);
                origin.step(direction, -step);
                double ahead = slope(weights, direction, fullGradient);
                origin.step(direction, step);
                double behind = slope(weights, direction, fullGradient);
                return new LocalDescent(slope, batchSlope, (ahead - behind) / (2 * step));
            } finally {
                origin.restore();
            }
        }
    }

    /**
     * Returns the length h of the finite difference's step,
     *
     * <pre>
     * h = eps^(1/3) |W| / |D|,
     * </pre>
     *
     * <p>with Frobenius norms over all weights (|W| = 1 if they are all zero) and the spacing eps
     * of the least precise weight, 1.2e-7 in float32 and 2.2e-16 in float64.
     *
     * <p>It balances two errors. With r = h |D| / |W|, the relative length of the move, the
     * difference misses the third derivative, a relative r^2/6 for a loss that varies on the scale
     * of its weights; and the gradients' rounding, eps relative to |H| |W|, adds eps / r. The sum
     * is least, up to a factor near 1, at r = eps^(1/3), where both are about eps^(2/3): 2e-5 in
     * float32, 4e-11 in float64. Along a direction of small curvature the rounding counts for more.
     * A network that computes in bfloat16 has gradients rougher than its weights' type tells:
     * measure it in float32.
     *
     * @param weights W
     * @param direction D, shapes and types of the weights
     * @return h, positive
     * @throws IllegalArgumentException if the lists differ in length, shapes or types, contain NaN
     *     or infinity, or the direction is zero
     */
    public static double stepSize(NDList weights, NDList direction) {
        requireLike("The direction", weights, direction);
        double size = norm("The weights", weights);
        double length = norm("The direction", direction);
        if (length == 0) {
            throw new IllegalArgumentException("The direction is zero");
        }
        boolean single = weights.stream().anyMatch(w -> w.getDataType() == DataType.FLOAT32);
        double epsilon = single ? FLOAT32_EPSILON : FLOAT64_EPSILON;
        return Math.cbrt(epsilon) * (size == 0 ? 1 : size) / length;
    }

    /**
     * Makes a function that collects gradients of parameters, for {@link #measure}. It zeroes the
     * gradients attached to the weights before and after, so ask between a step and the next
     * backward pass.
     *
     * @param weights the parameters' own arrays
     * @param backward runs backward passes whose gradients add up to the full one, each in a
     *     gradient collector of its own
     * @return the function; its arrays attach to the manager of the first weight
     */
    public static Supplier<NDList> gradients(NDList weights, Runnable backward) {
        return () -> {
            take(weights).close();
            backward.run();
            return take(weights);
        };
    }

    private static NDList take(NDList weights) {
        return LocalDescent.KERNELS.call(weights.get(0).getManager(), "take_gradients", weights);
    }

    private static double slope(NDList weights, NDList direction, Supplier<NDList> fullGradient) {
        try (NDList gradient = fullGradient.get()) {
            requireLike(weights, gradient);
            double slope = LocalDescent.innerProduct(gradient, direction);
            if (!Double.isFinite(slope)) {
                throw new IllegalStateException(
                        "The full gradient's product with the direction is " + slope);
            }
            return slope;
        }
    }

    private static void requireLike(NDList weights, NDList gradient) {
        if (!matches(weights, gradient)) {
            throw new IllegalStateException(
                    "The function must return gradients like the weights, "
                            + describe(weights)
                            + ", but returned "
                            + describe(gradient));
        }
    }

    private static double norm(String name, NDList arrays) {
        double norm = Math.sqrt(LocalDescent.innerProduct(arrays, arrays));
        if (!Double.isFinite(norm)) {
            throw new IllegalArgumentException(name + ": the norm is " + norm);
        }
        return norm;
    }

    private static void requireLike(String name, NDList weights, NDList arrays) {
        if (weights.isEmpty()) {
            throw new IllegalArgumentException("There are no weights");
        }
        if (!matches(weights, arrays)) {
            throw new IllegalArgumentException(
                    name
                            + " must have the types and shapes of the weights, "
                            + describe(weights)
                            + ", but has "
                            + describe(arrays));
        }
    }

    private static boolean matches(NDList weights, NDList arrays) {
        return arrays.size() == weights.size()
                && IntStream.range(0, arrays.size())
                        .allMatch(i -> describe(arrays.get(i)).equals(describe(weights.get(i))));
    }

    private static String describe(NDList arrays) {
        return arrays.stream().map(DescentProbe::describe).toList().toString();
    }

    private static String describe(NDArray array) {
        return array.getDataType() + array.getShape().toString();
    }
}
