package io.github.djlspectral.examples.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.torch.Host;

/**
 * A GPT-2 on one device, without gradients: what validation and samples share.
 *
 * @param gpt2 the initialised model
 * @param manager a manager on the model's device
 */
record LanguageModel(Gpt2 gpt2, NDManager manager) {

    /** Returns the mean loss of a batch's inputs and targets in nats per token. */
    double loss(NDList batch) {
        ParameterStore store = new ParameterStore(manager, false);
        NDArray loss = gpt2.loss(store, batch.get(0), batch.get(1), false);
        return Host.read(loss, NDArray::getFloat);
    }
}
