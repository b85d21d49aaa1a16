package io.github.djlspectral.layers.isometry;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;

/** The Jacobian of a block at a point, and its singular values. */
public final class JacobianSpectrum {

    private JacobianSpectrum() {}

    /**
     * Returns all singular values of d output / d input at one point.
     *
     * @param block an initialised block [B, n] to [B, p] that treats the rows of a batch
     *     independently; it is called as in training
     * @param manager the manager of the result
     * @param input the point, [n], float32 or float64 as the block's parameters
     * @return the min(n, p) singular values, descending
     * @throws IllegalArgumentException if the input is not a vector or the output not a matrix
     */
    public static NDArray singularValues(Block block, NDManager manager, NDArray input) {
        try (NDArray jacobian = jacobian(block, manager, input)) {
            return OrthogonalWeight.KERNELS
                    .call(manager, "singular_values", jacobian)
                    .singletonOrThrow();
        }
    }

    /**
     * Returns d output / d input at one point, by one forward and one backward pass over a batch of
     * p copies of it. Gradients of the block's parameters are changed.
     *
     * @param block as for {@link #singularValues}
     * @param manager the manager of the result
     * @param input the point, [n]
     * @return the Jacobian, [p, n]
     * @throws IllegalArgumentException if the input is not a vector or the output not a matrix
     */
    public static NDArray jacobian(Block block, NDManager manager, NDArray input) {
        Shape shape = input.getShape();
        if (shape.dimension() != 1) {
            throw new IllegalArgumentException("The input must be one point [n], was " + shape);
        }
        try (NDManager scratch = manager.newSubManager()) {
            ParameterStore store = new ParameterStore(scratch, false);
            NDArray point = input.duplicate();
            point.attach(scratch);
            NDArray one = point.expandDims(0);
            Shape output =
                    block.forward(store, new NDList(one), false).singletonOrThrow().getShape();
            if (output.dimension() != 2) {
                throw new IllegalArgumentException(
                        "The block's output must be [batch, p], was " + output);
            }
            int p = Math.toIntExact(output.get(1));
            NDArray copies = one.repeat(0, p);
            copies.setRequiresGradient(true);
            NDArray diagonal = scratch.eye(p).toType(input.getDataType(), false);
            try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
                NDArray outputs = block.forward(store, new NDList(copies), true).singletonOrThrow();
                // output i of copy i: its gradient is row i
                collector.backward(outputs.mul(diagonal).sum());
            }
            NDArray jacobian = copies.getGradient().duplicate();
            jacobian.attach(manager);
            return jacobian;
        }
    }
}
