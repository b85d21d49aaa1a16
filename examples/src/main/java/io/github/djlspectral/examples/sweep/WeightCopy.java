package io.github.djlspectral.examples.sweep;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.djlspectral.torch.TorchScript;

/**
 * The values of weights at one moment, and the way back to them, bit for bit.
 *
 * @param weights the weights, which live on
 * @param values what they were
 */
record WeightCopy(NDList weights, NDList values) implements AutoCloseable {

    private static final TorchScript KERNELS =
            TorchScript.ofResources(WeightCopy.class, "weights.py");

    /** Copies weights as they are now. Cost: their size in memory, until this is closed. */
    static WeightCopy of(NDList weights) {
        return new WeightCopy(weights, KERNELS.call(manager(weights), "copies", weights));
    }

    /** Sets the weights to their values at that moment. */
    void restore() {
        KERNELS.call(manager(weights), "restore", weights, values);
    }

    /**
     * Sets the weights to {@code value - rate * direction}.
     *
     * @param directions shapes and types of the weights
     */
    void step(NDList directions, double rate) {
        KERNELS.call(manager(weights), "move", weights, values, directions, rate);
    }

    private static NDManager manager(NDList weights) {
        return weights.get(0).getManager();
    }

    @Override
    public void close() {
        values.close();
    }
}
