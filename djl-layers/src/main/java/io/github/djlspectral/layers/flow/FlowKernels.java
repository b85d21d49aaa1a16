package io.github.djlspectral.layers.flow;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.TorchScript;

/** The native functions of the flow and the checks of what goes into them. */
final class FlowKernels {

    static final TorchScript NATIVE = TorchScript.ofResources(FlowKernels.class, "flow.py");

    // Of float32 tokens, and of weights computed in float32.
    private static final double UNIT_TOLERANCE = 1e-4;

    private FlowKernels() {}

    /**
     * Requires unit vectors [n, d].
     *
     * @throws IllegalArgumentException if the shape is another or a token is not of length 1
     */
    static void requireTokens(NDArray tokens) {
        Shape shape = tokens.getShape();
        if (shape.dimension() != 2 || shape.get(0) < 1 || shape.get(1) < 2) {
            throw new IllegalArgumentException(
                    "Tokens must be [n, d] with n at least 1 and d at least 2, were " + shape);
        }
        try (NDArray exact = tokens.toType(DataType.FLOAT64, true);
                NDArray lengths = exact.norm(new int[] {1})) {
            double[] values = lengths.toDoubleArray();
            for (int i = 0; i < values.length; i++) {
                if (!(Math.abs(values[i] - 1) <= UNIT_TOLERANCE)) {
                    throw new IllegalArgumentException(
                            "Token " + i + " must have length 1, has " + values[i]);
                }
            }
        }
    }

    /**
     * Requires finite symmetric matrices [heads, d, d].
     *
     * @throws IllegalArgumentException naming what is wrong
     */
    static void requireWeights(NDArray weights, long dimension) {
        Shape shape = weights.getShape();
        if (shape.dimension() != 3
                || shape.get(0) < 1
                || shape.get(1) != dimension
                || shape.get(2) != dimension) {
            throw new IllegalArgumentException(
                    "Weights must be [heads, %s, %s] with at least one head, were %s"
                            .formatted(dimension, dimension, shape));
        }
        try (NDArray exact = weights.toType(DataType.FLOAT64, true);
                NDArray transposed = exact.transpose(0, 2, 1);
                NDArray difference = exact.sub(transposed);
                NDArray magnitude = difference.abs();
                NDArray largest = magnitude.max()) {
            double asymmetry = largest.getDouble();
            if (!(asymmetry <= UNIT_TOLERANCE)) { // NaN too
                throw new IllegalArgumentException(
                        "Weights must be finite and symmetric, differ from their transpose by "
                                + asymmetry);
            }
        }
    }

    static void requirePositive(String what, double value) {
        if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(what + " must be positive and finite, was " + value);
        }
    }

    static void requireAtLeast(int least, String what, int value) {
        if (value < least) {
            throw new IllegalArgumentException(
                    what + " must be at least " + least + ", was " + value);
        }
    }
}
