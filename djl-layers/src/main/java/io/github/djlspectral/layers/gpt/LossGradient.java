package io.github.djlspectral.layers.gpt;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import io.github.djlspectral.torch.Host;
import io.github.djlspectral.torch.TorchScript;
import java.util.Objects;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * Adds up gradients of a {@link Gpt2}'s loss, in place of a {@link
 * ai.djl.training.GradientCollector}, of which there may be one in a process: any number of these
 * may be at work, each in its own thread.
 *
 * <pre>{@code
 * LossGradient gradient = new LossGradient(gpt2, trainer, false);
 * for (..) {
 *     double loss = gradient.add(new NDList(tokens, targets), 1);
 *     trainer.step();
 * }
 * }</pre>
 *
 * <p>The gradient in the head's matrix goes from the products straight to where it is added up,
 * which saves three passes over it.
 *
 * <p>With recomputation a layer keeps its input only, and is computed once more when its gradient
 * is asked for: for L layers of N tokens and width C about {@code 4 L N C} bytes are held instead
 * of 64 L N C, for one more forward pass. Gradients are the same to the bit; with dropout too, as
 * the seeds are.
 */
public final class LossGradient {

    private final Gpt2 model;
    private final ParameterStore parameters;
    private final boolean recompute;
    private final int depth;

    /**
     * Creates it.
     *
     * @param model the trainer's model, initialised
     * @param trainer the trainer, of one device
     * @param recompute whether layers are computed again for their gradients
     */
    public LossGradient(Gpt2 model, Trainer trainer, boolean recompute) {
        this.model = model;
        this.recompute = recompute;
        depth = model.layers.length;
        parameters = new ParameterStore(trainer.getManager(), false);
    }

    /**
     * Adds the gradient of a batch's mean loss, times a factor, to those attached to the weights.
     * On a GPU the loss is all that is waited for, if the batch is one of {@link
     * io.github.djlspectral.torch.Host#create}, as those of {@code TokenBatches} are; others are
     * read to be checked.
     *
     * @param batch the tokens and for each the one that follows, both int64 [b, t]; targets below 0
     *     do not count
     * @param factor the factor: 1 / k for the mean of k batches
     * @return the mean loss, without the factor, in nats per token that counts
     * @throws IllegalArgumentException if a shape, type or value is not as described, or nothing
     *     counts
     * @throws IllegalStateException if all parameters are frozen
     */
    public double add(NDList batch, double factor) {
        NDArray tokens = batch.get(0);
        NDArray targets = batch.get(1);
        long[] rows = model.getConfig().checkBatch(tokens, targets);
        if (all(model).noneMatch(Parameter::requiresGradient)) {
            throw new IllegalStateException("There is nothing to train: all parameters are frozen");
        }
        NDArray[] x = new NDArray[depth + 1]; // what the embedding returns, and each layer
        try (NDList counted = Gpt2Functions.counted(targets, rows);
                NDManager host = tokens.getManager().newSubManager(Device.cpu())) {
            NDArray scale = host.create(factor);
            long[] seeds = seeds(tokens);
            for (int i = 0; i <= depth; i++) {
                x[i] = part(i, tokens, x, seeds, !recompute);
                if (i > 0 && !recompute) {
                    x[i - 1].close(); // the graph holds what it needs
                }
            }
            NDArray loss = backwardOfLoss(x[depth], counted.get(0), counted.get(1), scale);
            try (loss) {
                for (int i = depth; recompute && i >= 0 && trained(i); i--) {
                    recompute(i, tokens, x, seeds);
                }
                if (seeds.length > 0) {
                    model.functions.seed(
                            tokens.getManager(), seeds[depth + 1]); // whatever was drawn since
                }
                boolean wide = loss.getDataType() == DataType.FLOAT64;
                return Host.<Number>read(loss, wide ? NDArray::getDouble : NDArray::getFloat)
                        .doubleValue();
            }
        } finally {
            Stream.of(x).filter(Objects::nonNull).forEach(NDArray::close);
        }
    }

    /** Whether something of the embedding or the first layers is trained. */
    private boolean trained(int layers) {
        Stream<Parameter> below = Stream.of(model.layers).limit(layers).flatMap(LossGradient::all);
        return Stream.concat(model.embeddings().stream(), below)
                .anyMatch(Parameter::requiresGradient);
    }

    private static Stream<Parameter> all(Block block) {
        return block.getParameters().values().stream();
    }

    /**
     * The embedding of the tokens, 0, or the output of a layer, of the output of the one before.
     */
    private NDArray part(int i, NDArray tokens, NDArray[] x, long[] seeds, boolean graph) {
        if (seeds.length > 0) {
            model.functions.seed(tokens.getManager(), seeds[i]);
        }
        return TorchScript.withAutograd(
                graph,
                () ->
                        i == 0
                                ? model.embed(parameters, tokens, true)
                                : model.layers[i - 1]
                                        .forward(parameters, new NDList(x[i - 1]), true)
                                        .singletonOrThrow());
    }

    /** Adds the gradient of a part, given that in its output, and finds that in its input. */
    private void recompute(int i, NDArray tokens, NDArray[] x, long[] seeds) {
        if (i > 0 && trained(i - 1)) {
            x[i - 1].setRequiresGradient(true);
        }
        try (NDArray gradient = x[i].getGradient();
                NDArray y = part(i, tokens, x, seeds, true)) {
            model.functions.call(true, "backward", y, host -> new NDList(gradient)).close();
        }
        x[i].close();
    }

    private NDArray backwardOfLoss(NDArray x, NDArray... others) {
        if (recompute && trained(depth)) {
            x.setRequiresGradient(true);
        }
        Function<NDManager, NDList> head = model.head(parameters, x, true);
        return TorchScript.withAutograd(
                true, () -> model.functions.call(true, "backward_of_loss", x, head, others));
    }

    /** What determines each part's dropout and what is drawn next; nothing without dropout. */
    private long[] seeds(NDArray tokens) {
        if (model.getConfig().dropout() == 0) {
            return new long[0];
        }
        try (NDManager host = tokens.getManager().newSubManager(Device.cpu())) {
            Shape shape = new Shape(depth + 2);
            NDArray drawn = host.randomInteger(0, Integer.MAX_VALUE, shape, DataType.INT64);
            return Host.read(drawn, NDArray::toLongArray);
        }
    }
}
