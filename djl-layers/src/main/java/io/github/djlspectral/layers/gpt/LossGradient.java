package io.github.djlspectral.layers.gpt;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import io.github.djlspectral.torch.GraphConstants;
import io.github.djlspectral.torch.Host;

/**
 * Adds up gradients of a {@link Gpt2}'s loss: by {@link Gpt2Backpropagation} where that is
 * possible, and by autograd elsewhere.
 *
 * <pre>{@code
 * try (LossGradient gradient = new LossGradient(gpt2, trainer, batchSize, length)) {
 *     for (..) {
 *         double loss = gradient.add(new NDList(tokens, targets), 1);
 *         trainer.step();
 *     }
 * }
 * }</pre>
 */
public final class LossGradient implements AutoCloseable {

    private final Gpt2 gpt2;
    private final Trainer trainer;
    private final ParameterStore parameters;
    private final Gpt2Backpropagation backpropagation;

    /**
     * Reserves the memory.
     *
     * @param gpt2 the trainer's model, initialised
     * @param trainer the trainer, of one device
     * @param batchSize the most sequences in a batch, at least 1
     * @param length the most tokens in a sequence, in [1, context length]
     * @throws IllegalArgumentException if a number is out of its range
     */
    public LossGradient(Gpt2 gpt2, Trainer trainer, int batchSize, int length) {
        this.gpt2 = gpt2;
        this.trainer = trainer;
        NDManager manager = trainer.getManager();
        parameters = new ParameterStore(manager, false);
        backpropagation =
                Gpt2Backpropagation.supports(gpt2, manager.getDevice())
                        ? new Gpt2Backpropagation(gpt2, manager, batchSize, length)
                        : null;
    }

    /**
     * Adds the gradient of a batch's mean loss, times a factor, to those attached to the weights.
     * On a GPU the loss is all that is waited for, if the batch is one of {@link
     * io.github.djlspectral.torch.Host#create}, as those of {@code TokenBatches} are; others are
     * read to be checked.
     *
     * @param batch the tokens and for each the one that follows, both int64 [b, t]
     * @param factor the factor: 1 / k for the mean of k batches
     * @return the mean loss, without the factor, in nats per token
     * @throws IllegalArgumentException if a shape, type or value is not as described
     */
    public double add(NDList batch, double factor) {
        NDArray tokens = batch.get(0);
        NDArray targets = batch.get(1);
        if (backpropagation != null) {
            return backpropagation.accumulate(parameters, tokens, targets, factor);
        }
        try (GradientCollector collector = trainer.newGradientCollector();
                NDArray loss = gpt2.loss(parameters, tokens, targets, true)) {
            collector.backward(GraphConstants.times(loss, factor));
            return Host.read(loss, NDArray::getFloat);
        }
    }

    /** Frees the memory. */
    @Override
    public void close() {
        if (backpropagation != null) {
            backpropagation.close();
        }
    }
}
