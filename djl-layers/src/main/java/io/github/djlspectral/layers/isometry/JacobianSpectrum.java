package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;

/**
 * The Jacobian of a block at a point, and its singular values. Points and outputs of any shape are
 * flattened: n and p are the numbers of their entries. Blocks must treat the rows of a batch
 * independently; they are called in evaluation mode, so dropout is off, batch normalisation does as
 * it has learned, and nothing changes. Other threads may train meanwhile, though not what is
 * measured.
 */
public final class JacobianSpectrum {

    // As many copies of the point are run at once.
    private static final int ROWS_AT_ONCE = 256;

    private JacobianSpectrum() {}

    /**
     * The largest and the smallest singular value of a Jacobian, and how well they are known: a
     * singular value lies within the residual of each, up to rounding. All are NaN if the Jacobian
     * is not finite.
     *
     * @param largest the largest, from below
     * @param largestResidual its residual
     * @param smallest the smallest of the min(n, p), from above
     * @param smallestResidual its residual
     * @param steps the steps taken, each a product with J and one with its transpose
     */
    public record Extremes(
            double largest,
            double largestResidual,
            double smallest,
            double smallestResidual,
            int steps) {}

    /**
     * {@return the min(n, p) singular values of d output / d input at one point, descending; all
     * NaN if an entry of the Jacobian is NaN or infinite} Cost: {@link #jacobian}, and a singular
     * value decomposition.
     *
     * @param block an initialised block [B, ..] to [B, ..]
     * @param manager the manager of the result
     * @param input the point, without a batch dimension, float32 or float64 as the block's
     *     parameters
     * @throws IllegalArgumentException if the input is a scalar or not finite
     */
    public static NDArray singularValues(Block block, NDManager manager, NDArray input) {
        try (NDArray jacobian = jacobian(block, manager, input)) {
            return Linearization.call(manager, "singular_values", jacobian);
        }
    }

    /**
     * {@return the Jacobian [p, n], d output / d input at one point} Cost: p forward and backward
     * passes of one point, {@value #ROWS_AT_ONCE} at once.
     *
     * @param block as for {@link #singularValues}
     * @param manager the manager of the result
     * @param input the point
     * @throws IllegalArgumentException if the input is a scalar or not finite
     */
    public static NDArray jacobian(Block block, NDManager manager, NDArray input) {
        try (NDManager scratch = manager.newSubManager()) {
            NDArray point = point(scratch, input);
            Shape output = outputShape(block, scratch, point);
            int p = Math.toIntExact(output.size());
            int passes = (p + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;
            // All passes have the same shape, as another would round otherwise: beside a kink the
            // copies of the point would come to lie on both sides.
            int size = (p + passes - 1) / passes;
            NDList rows = new NDList();
            for (int from = 0; from < p; from += size) {
                rows.add(rows(block, scratch, point, from, size));
            }
            NDArray jacobian = NDArrays.concat(rows, 0).get(":" + p);
            jacobian.attach(manager);
            return jacobian;
        }
    }

    /** Rows from one on, output i of copy i by its input; those beyond the last are zero. */
    private static NDArray rows(Block block, NDManager scratch, NDArray point, int from, int size) {
        try (NDArray copies = point.repeat(0, size);
                Linearization linear = Linearization.of(block, scratch, copies, false)) {
            Shape shape = linear.outputs.getShape();
            int p = Math.toIntExact(shape.size() / size);
            NDArray selected =
                    linear.scratch
                            .arange(from, from + size)
                            .oneHot(p + size, point.getDataType())
                            .get(":, :" + p)
                            .reshape(shape);
            NDArray rows = linear.vjp(selected).reshape(size, -1);
            rows.attach(scratch);
            return rows;
        }
    }

    /**
     * {@return the extreme singular values at one point without forming the Jacobian, by the
     * bidiagonalization of Golub and Kahan ("Calculating the singular values and pseudo-inverse of
     * a matrix", 1965) with full reorthogonalization} At most min(n, p) or 300 steps.
     *
     * @param block as for {@link #singularValues}; twice differentiable to autograd
     * @param manager the manager whose device is used
     * @param input the point
     * @throws IllegalArgumentException if the input is a scalar or not finite
     * @see #extremes(Block, NDManager, NDArray, int, long)
     */
    public static Extremes extremes(Block block, NDManager manager, NDArray input) {
        return extremes(block, manager, input, 300, 1);
    }

    /**
     * {@return the extreme singular values at one point, after at most so many steps} It stops when
     * the residuals of both fall below 4e-6 (float32) or 1e-12 (float64) of the largest: at once if
     * the Jacobian is orthogonal. The largest takes few steps. The smallest takes up to min(n, p)
     * where small singular values lie close together relative to the largest, as those of a random
     * matrix do; until then it is but an upper bound.
     *
     * <p>Cost: a forward pass, two backward passes, and two backward passes for each step; memory 8
     * (n + p) bytes for each step.
     *
     * @param block as for {@link #singularValues}; twice differentiable to autograd
     * @param manager the manager whose device is used
     * @param input the point
     * @param maxSteps the most steps, at least 1; min(n, p) always suffice
     * @param seed of the random start
     * @throws IllegalArgumentException if the input is a scalar or not finite or {@code maxSteps}
     *     less than 1
     */
    public static Extremes extremes(
            Block block, NDManager manager, NDArray input, int maxSteps, long seed) {
        requireAtLeast(1, "maxSteps", maxSteps);
        try (NDManager scratch = manager.newSubManager();
                Linearization linear =
                        Linearization.of(block, scratch, point(scratch, input), false)) {
            double tolerance = input.getDataType() == DataType.FLOAT64 ? 1e-12 : 4e-6;
            return new Bidiagonalization(linear, tolerance, seed).run(maxSteps);
        }
    }

    /** The point as a batch of one. */
    private static NDArray point(NDManager scratch, NDArray input) {
        boolean scalar = input.getShape().dimension() < 1;
        require(!scalar, "The input must be one point [n] or [..], was ()");
        NDArray point = input.duplicate();
        point.attach(scratch);
        double sum = point.toType(DataType.FLOAT64, true).sum().getDouble();
        require(Double.isFinite(sum), "The input must be finite, but is not");
        return point.expandDims(0);
    }

    private static Shape outputShape(Block block, NDManager scratch, NDArray point) {
        try (Linearization linear = Linearization.of(block, scratch, point, false)) {
            return linear.outputs.getShape();
        }
    }
}
