package io.github.djlspectral.layers.isometry.diagnostics;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.Host;

/**
 * How far a Jacobian J [p, n] is from the kinds of isometry, each the largest magnitude of an
 * entry: all three are 0 for an orthogonal matrix.
 *
 * @param columns of {@code J^T J - I}, 0 if J is isometric (only if p at least n)
 * @param rows of {@code J J^T - I}, 0 if J is co-isometric (only if p at most n): gradients keep
 *     their length
 * @param partial of {@code J J^T J - J}, 0 if J is a partial isometry, whose singular values are 0
 *     or 1
 */
public record JacobianDeviation(double columns, double rows, double partial) {

    /**
     * {@return the deviations of a Jacobian, in float64} Cost: three products of matrices.
     *
     * @param jacobian [p, n], as from {@link JacobianSpectrum#jacobian}; float32 or float64
     */
    public static JacobianDeviation of(NDArray jacobian) {
        Shape shape = jacobian.getShape();
        require(shape.dimension() == 2, "A Jacobian must be [p, n], was %s", shape);
        try (NDArray found = Linearization.call(jacobian.getManager(), "deviations", jacobian)) {
            double[] values = Host.read(found, NDArray::toDoubleArray);
            return new JacobianDeviation(values[0], values[1], values[2]);
        }
    }
}
