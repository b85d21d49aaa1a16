package io.github.djlspectral.layers.isometry.diagnostics;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.torch.TorchScript;

/**
 * A block's outputs at some inputs with the graph between them, for products with its Jacobian, row
 * by row of the batch. Gradients of parameters stay as they are. Arrays attach to a manager of its
 * own until it is closed.
 */
public final class Linearization implements AutoCloseable {

    static final TorchScript KERNELS =
            TorchScript.ofResources(Linearization.class, "jacobian.py", "diagnostics.py");

    final NDManager scratch;
    final NDArray inputs;
    final NDArray outputs;

    private Linearization(NDManager scratch, NDArray inputs, NDArray outputs) {
        this.scratch = scratch;
        this.inputs = inputs;
        this.outputs = outputs;
    }

    /**
     * Runs a block.
     *
     * @param block an initialised block [B, ..] to [B, ..]
     * @param manager the parent of the one that all arrays attach to
     * @param inputs the points [B, ..], copied
     * @param training whether as in training, rather than in evaluation mode
     * @return what the block is at these points
     * @throws IllegalArgumentException if the block records no graph
     */
    public static Linearization of(
            Block block, NDManager manager, NDArray inputs, boolean training) {
        NDManager scratch = manager.newSubManager();
        try {
            NDArray leaf = leaf(scratch, inputs);
            ParameterStore store = new ParameterStore(scratch, false);
            NDArray outputs =
                    TorchScript.withAutograd(
                            true, () -> forward(block, store, new NDList(leaf), training));
            return new Linearization(scratch, leaf, outputs);
        } catch (RuntimeException e) {
            scratch.close();
            throw e;
        }
    }

    /** The one result of a native function, without a graph. */
    static NDArray call(NDManager manager, String function, Object... arguments) {
        return KERNELS.call(manager, function, arguments).singletonOrThrow();
    }

    /** The one result of a native function, with a graph. */
    static NDArray graph(NDManager manager, String function, Object... arguments) {
        return KERNELS.callWithGradient(manager, function, arguments).singletonOrThrow();
    }

    /** A copy in the manager that a graph can begin at. */
    static NDArray leaf(NDManager manager, NDArray inputs) {
        NDArray leaf = inputs.duplicate();
        leaf.attach(manager);
        leaf.setRequiresGradient(true);
        return leaf;
    }

    static NDArray forward(Block block, ParameterStore store, NDList input, boolean training) {
        NDArray output = block.forward(store, input, training).singletonOrThrow();
        require(
                !KERNELS.callBoolean(output.getManager(), "is_inference", output),
                "In evaluation mode %s records no graph, as imported TorchScript does not. If it"
                        + " has neither dropout nor batch normalisation, measure a LambdaBlock"
                        + " that calls it with training true.",
                block.getClass().getSimpleName());
        return output;
    }

    /** {@return the points [B, ..], from which the graph begins} */
    public NDArray inputs() {
        return inputs;
    }

    /** {@return the block's outputs [B, ..] there} */
    public NDArray outputs() {
        return outputs;
    }

    /**
     * {@return {@code J^T u}, like the inputs; the caller closes it}
     *
     * @param u like the outputs
     */
    public NDArray vjp(NDArray u) {
        return graph(scratch, "vjp", outputs, inputs, u);
    }

    @Override
    public void close() {
        scratch.close();
    }
}
