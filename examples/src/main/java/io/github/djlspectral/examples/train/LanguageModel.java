package io.github.djlspectral.examples.train;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.text.TokenBatch;

/**
 * A GPT-2 on one device, without gradients: what validation and samples share.
 *
 * @param gpt2 the initialised model
 * @param manager a manager on the model's device
 */
record LanguageModel(Gpt2 gpt2, NDManager manager) {

    /** Returns the mean loss of a batch in nats per token. */
    double loss(TokenBatch batch) {
        try (NDManager scratch = manager.newSubManager()) {
            NDList arrays = batch.arrays(scratch);
            return gpt2.loss(store(scratch), arrays.get(0), arrays.get(1), false).getFloat();
        }
    }

    private static ParameterStore store(NDManager scratch) {
        return new ParameterStore(scratch, false);
    }
}
