package io.github.djlspectral.examples.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.examples.data.TokenBatch;
import io.github.djlspectral.layers.gpt.Gpt2;
import java.util.Arrays;

/**
 * A GPT-2 on one device, without gradients: what validation, samples and generation share.
 *
 * @param gpt2 the initialised model
 * @param contextLength the most tokens it can look back on
 * @param manager a manager on the model's device
 */
record LanguageModel(Gpt2 gpt2, int contextLength, NDManager manager) {

    /** Returns the mean loss of a batch in nats per token. */
    double loss(TokenBatch batch) {
        try (NDManager scratch = manager.newSubManager()) {
            Shape shape = new Shape(batch.batchSize(), batch.contextLength());
            NDArray inputs = scratch.create(batch.inputs(), shape);
            NDArray targets = scratch.create(batch.targets(), shape);
            return gpt2.loss(store(scratch), inputs, targets, false).getFloat();
        }
    }

    /**
     * Returns the logits of the token that follows [V].
     *
     * @param tokens what came before, at least one; only the last {@code contextLength} count
     */
    float[] nextLogits(int[] tokens) {
        int from = Math.max(0, tokens.length - contextLength);
        long[] window = Arrays.stream(tokens, from, tokens.length).asLongStream().toArray();
        try (NDManager scratch = manager.newSubManager()) {
            NDArray inputs = scratch.create(window, new Shape(1, window.length));
            NDList output = gpt2.forward(store(scratch), new NDList(inputs), false);
            return output.singletonOrThrow().get(0).get(window.length - 1).toFloatArray();
        }
    }

    private static ParameterStore store(NDManager scratch) {
        return new ParameterStore(scratch, false);
    }
}
