package io.github.djlspectral.layers.isometry;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.torch.TorchScript;
import java.util.function.Supplier;

/**
 * A block's outputs at some inputs with the graph between them, for products with its Jacobian, row
 * by row of the batch. Gradients of parameters stay as they are. Arrays attach to a manager of its
 * own until it is closed.
 */
final class Linearization implements AutoCloseable {

    static final TorchScript KERNELS =
            TorchScript.ofResources(Linearization.class, "diagnostics.py");

    private final NDManager scratch;
    private final NDArray inputs;
    private final NDArray outputs;
    private NDList transposed;

    private Linearization(NDManager scratch, NDArray inputs, NDArray outputs) {
        this.scratch = scratch;
        this.inputs = inputs;
        this.outputs = outputs;
    }

    /** Runs the block on copies of the inputs [B, ..], as in training. */
    static Linearization of(Block block, NDManager manager, NDArray inputs) {
        NDManager scratch = manager.newSubManager();
        try {
            NDArray leaf = leaf(scratch, inputs);
            ParameterStore store = new ParameterStore(scratch, false);
            NDArray outputs =
                    withAutograd(
                            scratch,
                            () -> block.forward(store, new NDList(leaf), true).singletonOrThrow());
            return new Linearization(scratch, leaf, outputs);
        } catch (RuntimeException e) {
            scratch.close();
            throw e;
        }
    }

    /** A copy in the manager that a graph can begin at. */
    static NDArray leaf(NDManager manager, NDArray inputs) {
        NDArray leaf = inputs.duplicate();
        leaf.attach(manager);
        leaf.setRequiresGradient(true);
        return leaf;
    }

    /** Runs the body with autograd on, whether the thread is collecting gradients or not. */
    static <T> T withAutograd(NDManager manager, Supplier<T> body) {
        if (isAutogradOn(manager)) {
            return body.get();
        }
        GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector();
        try {
            return body.get();
        } finally {
            collector.close();
        }
    }

    private static boolean isAutogradOn(NDManager manager) {
        try (NDArray any = manager.create(1f);
                NDArray on =
                        KERNELS.callWithGradient(manager, "is_autograd_on", any)
                                .singletonOrThrow()) {
            return on.getBoolean();
        }
    }

    NDArray inputs() {
        return inputs;
    }

    NDArray outputs() {
        return outputs;
    }

    NDManager manager() {
        return scratch;
    }

    /** {@code J^T u}, u and the result like outputs and inputs. The caller closes the result. */
    NDArray vjp(NDArray u) {
        return product(outputs, inputs, u);
    }

    /** {@code J v}. The first call costs a backward pass more. The caller closes the result. */
    NDArray jvp(NDArray v) {
        if (transposed == null) {
            transposed = KERNELS.callWithGradient(scratch, "transposed", outputs, inputs);
        }
        return product(transposed.get(1), transposed.get(0), v);
    }

    private NDArray product(NDArray of, NDArray by, NDArray vector) {
        return KERNELS.callWithGradient(scratch, "vjp", of, by, vector).singletonOrThrow();
    }

    @Override
    public void close() {
        scratch.close();
    }
}
