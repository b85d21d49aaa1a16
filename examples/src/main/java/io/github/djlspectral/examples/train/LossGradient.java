package io.github.djlspectral.examples.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Backpropagation;
import io.github.djlspectral.text.TokenBatch;
import io.github.djlspectral.torch.GraphConstants;

/**
 * Adds up gradients of the loss: without autograd where that is possible, and with it elsewhere.
 */
final class LossGradient implements AutoCloseable {

    private final Gpt2 gpt2;
    private final Trainer trainer;
    private final ParameterStore parameters;
    private final Gpt2Backpropagation backpropagation;

    /**
     * Reserves the memory.
     *
     * @param gpt2 the trainer's model, initialised
     * @param batchSize the sequences of each batch
     * @param length the tokens of each sequence
     */
    LossGradient(Gpt2 gpt2, Trainer trainer, int batchSize, int length) {
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
     *
     * @return the mean loss, without the factor, in nats per token
     */
    double add(TokenBatch batch, double factor) {
        try (NDManager scratch = trainer.getManager().newSubManager()) {
            Shape shape = new Shape(batch.batchSize(), batch.contextLength());
            NDArray inputs = scratch.create(batch.inputs(), shape);
            NDArray targets = scratch.create(batch.targets(), shape);
            return backpropagation == null
                    ? differentiate(inputs, targets, factor)
                    : backpropagation.accumulate(parameters, inputs, targets, factor);
        }
    }

    private double differentiate(NDArray inputs, NDArray targets, double factor) {
        try (GradientCollector collector = trainer.newGradientCollector()) {
            NDArray loss = gpt2.loss(parameters, inputs, targets, true);
            collector.backward(GraphConstants.times(loss, factor));
            return loss.getFloat();
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
