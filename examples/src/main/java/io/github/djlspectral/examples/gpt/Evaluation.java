package io.github.djlspectral.examples.gpt;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.text.TokenBatches;
import io.github.djlspectral.torch.Host;
import java.util.function.BooleanSupplier;

/** The mean loss over batches that are spread evenly over a validation split. */
final class Evaluation {

    private final TokenBatches batches;
    private final long count;

    /**
     * Chooses the batches.
     *
     * @param batches the whole split
     * @param count the number of batches to use; all of them if there are fewer
     */
    Evaluation(TokenBatches batches, long count) {
        this.batches = batches;
        this.count = Math.min(count, batches.count());
    }

    /** A mean loss in nats per token, and the number of tokens predicted. */
    record Result(double loss, long tokens) {}

    /**
     * Measures a model without gradients, or returns null if asked to stop meanwhile.
     *
     * @param gpt2 the initialised model
     * @param manager a manager on the model's device
     */
    Result run(Gpt2 gpt2, NDManager manager, BooleanSupplier stop) {
        double sum = 0;
        long tokens = 0;
        for (long i = 0; i < count; i++) {
            if (stop.getAsBoolean()) {
                return null;
            }
            try (NDManager scratch = manager.newSubManager()) {
                NDList batch = batches.batch(i * batches.count() / count, scratch);
                ParameterStore store = new ParameterStore(manager, false);
                NDArray loss = gpt2.loss(store, batch.get(0), batch.get(1), false);
                sum += (double) Host.read(loss, NDArray::getFloat) * batch.head().size();
                tokens += batch.head().size();
            }
        }
        return new Result(sum / tokens, tokens);
    }
}
