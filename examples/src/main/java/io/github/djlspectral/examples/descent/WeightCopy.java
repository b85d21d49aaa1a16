package io.github.djlspectral.examples.descent;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;

/**
 * The values of weights at one moment, and the way back to them, bit for bit.
 *
 * @param weights the weights, which live on
 * @param values what they were
 */
public record WeightCopy(NDList weights, NDList values) implements AutoCloseable {

    /**
     * Copies weights as they are now. Cost: their size in memory, until this is closed.
     *
     * @param weights the arrays to copy
     * @return the copy, in the manager of the first of them
     */
    public static WeightCopy of(NDList weights) {
        return new WeightCopy(
                weights, LocalDescent.KERNELS.call(manager(weights), "copies", weights));
    }

    /** Sets the weights to their values at that moment. */
    public void restore() {
        LocalDescent.KERNELS.call(manager(weights), "restore", weights, values);
    }

    /**
     * Sets the weights to {@code value - rate * direction}.
     *
     * @param directions shapes and types of the weights
     * @param rate the length of the step
     */
    public void step(NDList directions, double rate) {
        LocalDescent.KERNELS.call(manager(weights), "move", weights, values, directions, -rate);
    }

    private static NDManager manager(NDList weights) {
        return weights.get(0).getManager();
    }

    @Override
    public void close() {
        values.close();
    }
}
