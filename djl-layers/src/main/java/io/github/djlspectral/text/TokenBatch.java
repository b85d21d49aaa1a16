package io.github.djlspectral.text;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

/**
 * Windows of tokens with what comes next, both in row-major order; do not change the arrays.
 *
 * @param batchSize the number of windows, B
 * @param contextLength the number of tokens in each, T
 * @param inputs tokens [B * T]
 * @param targets for each input token the one that follows it [B * T]
 */
public record TokenBatch(int batchSize, int contextLength, long[] inputs, long[] targets) {

    /**
     * {@return the inputs and the targets, two arrays, int64 [B, T]}
     *
     * @param manager the manager that gets them
     */
    public NDList arrays(NDManager manager) {
        Shape shape = new Shape(batchSize, contextLength);
        return new NDList(manager.create(inputs, shape), manager.create(targets, shape));
    }
}
