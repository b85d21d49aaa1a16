package io.github.djlspectral.layers.flow;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.Host;
import io.github.djlspectral.torch.TorchScript;

/** The native functions of the flow and the checks of what goes into them. */
final class FlowKernels {

    static final TorchScript NATIVE = TorchScript.ofResources(FlowKernels.class, "flow.py");

    // Of float32 tokens, and of weights computed in float32.
    private static final double UNIT_TOLERANCE = 1e-4;

    private FlowKernels() {}

    /** Requires unit vectors [n, d]. */
    static void requireTokens(NDArray tokens) {
        Shape shape = tokens.getShape();
        boolean legal = shape.dimension() == 2 && shape.get(0) >= 1 && shape.get(1) >= 2;
        require(legal, "Tokens must be [n, d] with n at least 1 and d at least 2, were %s", shape);
        try (NDArray exact = tokens.toType(DataType.FLOAT64, true);
                NDArray lengths = exact.norm(new int[] {1})) {
            double[] values = Host.read(lengths, NDArray::toDoubleArray);
            for (int i = 0; i < values.length; i++) {
                boolean unit = Math.abs(values[i] - 1) <= UNIT_TOLERANCE;
                require(unit, "Token %s must have length 1, has %s", i, values[i]);
            }
        }
    }

    /** Requires finite symmetric matrices [heads, d, d]. */
    static void requireWeights(NDArray weights, long d) {
        Shape shape = weights.getShape();
        boolean legal = shape.dimension() == 3 && shape.get(0) >= 1;
        legal = legal && shape.slice(1).equals(new Shape(d, d));
        String rule = "Weights must be [heads, %s, %s] with at least one head, were %s";
        require(legal, rule, d, d, shape);
        try (NDArray exact = weights.toType(DataType.FLOAT64, true);
                NDArray transposed = exact.transpose(0, 2, 1);
                NDArray difference = exact.sub(transposed);
                NDArray magnitude = difference.abs();
                NDArray largest = magnitude.max()) {
            double most = Host.read(largest, NDArray::getDouble);
            rule = "Weights must be finite and symmetric, differ from their transpose by %s";
            require(most <= UNIT_TOLERANCE, rule, most); // NaN is not
        }
    }
}
