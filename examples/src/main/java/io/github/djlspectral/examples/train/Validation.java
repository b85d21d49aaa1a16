package io.github.djlspectral.examples.train;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.github.djlspectral.text.TokenBatches;
import java.util.function.BooleanSupplier;

/** The mean loss over batches that are spread evenly over a validation split. */
final class Validation {

    private final TokenBatches batches;
    private final long count;

    /**
     * Chooses the batches.
     *
     * @param batches the whole split
     * @param count the number of batches to use; all of them if there are fewer
     */
    Validation(TokenBatches batches, long count) {
        this.batches = batches;
        this.count = Math.min(count, batches.count());
    }

    /**
     * A mean loss.
     *
     * @param loss nats per token
     * @param tokens the number of tokens predicted
     */
    record Result(double loss, long tokens) {}

    /** Measures a model. */
    Result run(LanguageModel model) {
        return run(model, () -> false);
    }

    /** Measures a model, or returns null if asked to stop meanwhile. */
    Result run(LanguageModel model, BooleanSupplier stop) {
        double sum = 0;
        long tokens = 0;
        for (long i = 0; i < count; i++) {
            if (stop.getAsBoolean()) {
                return null;
            }
            try (NDManager scratch = model.manager().newSubManager()) {
                NDList batch = batches.batch(i * batches.count() / count, scratch);
                sum += model.loss(batch) * batch.head().size();
                tokens += batch.head().size();
            }
        }
        return new Result(sum / tokens, tokens);
    }
}
