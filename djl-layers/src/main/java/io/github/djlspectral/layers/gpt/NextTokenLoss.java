package io.github.djlspectral.layers.gpt;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.loss.Loss;

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
     * @param labels the token that follows each token, int64 [B, T]; not used if the loss is given
     * @param predictions the loss, a scalar, or logits [B, T, V]
     * @throws IllegalArgumentException if the prediction is neither, or the labels do not fit
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
        NDList logits = new NDList(given.reshape(-1, shape.get(2)));
        return softmaxCrossEntropyLoss().evaluate(new NDList(targets.flatten()), logits);
    }
}
