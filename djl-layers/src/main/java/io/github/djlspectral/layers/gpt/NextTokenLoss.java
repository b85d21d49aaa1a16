package io.github.djlspectral.layers.gpt;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.loss.Loss;
import io.github.djlspectral.torch.Host;
import java.util.stream.LongStream;

/**
 * The mean cross-entropy of the next token, in nats, for DJL's own training. A {@link Gpt2} whose
 * data are tokens and targets returns it itself, without ever holding all logits, and it is handed
 * on. Of logits and labels it is computed, which {@link Loss#softmaxCrossEntropyLoss()} does for
 * rows of logits only.
 */
public final class NextTokenLoss extends Loss {

    /** Creates the loss. */
    public NextTokenLoss() {
        super("NextTokenLoss");
    }

    /**
     * {@return the loss, a scalar}
     *
     * @param labels the token that follows each token, int64 [B, T], below 0 where it does not
     *     count; not used if the loss is given
     * @param predictions the loss, a scalar, or logits [B, T, V]
     * @throws IllegalArgumentException if the prediction is neither, the labels do not fit, or none
     *     counts
     */
    @Override
    public NDArray evaluate(NDList labels, NDList predictions) {
        NDArray given = predictions.singletonOrThrow();
        Shape shape = given.getShape();
        if (shape.isScalar()) {
            return given;
        }
        NDArray targets = labels.singletonOrThrow();
        require(
                shape.dimension() == 3 && targets.getShape().equals(shape.slice(0, 2)),
                "Predictions must be the loss, a scalar, or logits [B, T, V] for labels [B, T], got"
                        + " %s for %s",
                shape,
                targets.getShape());
        NDArray logits = given.reshape(-1, shape.get(2));
        NDArray rows = targets.flatten();
        long[] values = Host.longs(targets);
        long[] counted =
                LongStream.range(0, values.length).filter(i -> values[(int) i] >= 0).toArray();
        if (counted.length < values.length) {
            require(counted.length > 0, "All labels are below 0, which says to ignore them");
            try (NDArray chosen = given.getManager().create(counted)) {
                logits = logits.get(new NDIndex("{}", chosen));
                rows = rows.get(new NDIndex("{}", chosen));
            }
        }
        return softmaxCrossEntropyLoss().evaluate(new NDList(rows), new NDList(logits));
    }
}
