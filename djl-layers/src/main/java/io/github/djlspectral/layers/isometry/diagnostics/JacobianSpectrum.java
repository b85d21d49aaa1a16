package io.github.djlspectral.layers.isometry.diagnostics;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import io.github.djlspectral.torch.Host;

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

    /** The point as a batch of one. */
    private static NDArray point(NDManager scratch, NDArray input) {
        boolean scalar = input.getShape().dimension() < 1;
        require(!scalar, "The input must be one point [n] or [..], was ()");
        NDArray point = input.duplicate();
        point.attach(scratch);
        NDArray sum = point.toType(DataType.FLOAT64, true).sum();
        require(
                Double.isFinite(Host.read(sum, NDArray::getDouble)),
                "The input must be finite, but is not");
        return point.expandDims(0);
    }

    private static Shape outputShape(Block block, NDManager scratch, NDArray point) {
        try (Linearization linear = Linearization.of(block, scratch, point, false)) {
            return linear.outputs.getShape();
        }
    }
}
