package io.github.djlspectral.optim;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.List;

/**
 * A parameter's share of a step.
 *
 * @param state what it continues
 * @param fresh whether that was made for it
 * @param step the step's number
 * @param rate the learning rate
 * @param alike what {@link StatefulOptimizer#alike} says of it
 */
record Share(
        StatefulOptimizer owner,
        Update update,
        ParameterState state,
        boolean fresh,
        int step,
        double rate,
        Object alike) {

    /** What shares that one native call makes have in common. */
    Object key() {
        NDArray w = update.weight();
        return List.of(owner, step, rate, w.getDataType(), w.getDevice(), alike);
    }

    boolean isDone() {
        return state.step() == step;
    }

    /** A step that was refused leaves no trace. */
    void forgetUnlessDone() {
        if (fresh && !isDone()) {
            owner.states.free(update);
        }
    }

    /** Makes the step of those with one key; of all, it says how many have moved if it fails. */
    static void step(List<Share> alike, List<Share> all) {
        Share first = alike.get(0);
        RuntimeException fault = null;
        try (NDManager host = first.update.weight().getManager().newSubManager(Device.cpu())) {
            NDArray done = host.zeros(new Shape(), DataType.INT64);
            try {
                if (!first.owner.step(alike, done)) {
                    fault = notFinite(alike.subList((int) done.getLong(), alike.size()));
                }
            } catch (RuntimeException e) {
                fault = e;
            }
            alike.stream().limit(done.getLong()).forEach(s -> s.state.setStep(s.step));
        }
        if (fault != null) {
            long moved = all.stream().filter(Share::isDone).count();
            Share next = alike.stream().filter(s -> !s.isDone()).findFirst().orElse(first);
            String words =
                    "The step has failed: %s of %s parameters have moved, for which it counts; not"
                            + " the one%s, unless in part. Go on with the next batch after"
                            + " OptimizerStep.discard(trainer), or with a saved state. %s";
            String at = next.update.at(next.step);
            String message = words.formatted(moved, all.size(), at, fault.getMessage());
            boolean refused = moved == 0 && !(fault instanceof EngineException);
            throw refused ? fault : new EngineException(message, fault);
        }
    }

    /** Of the first of these that cannot move. */
    static IllegalStateException notFinite(List<Share> shares) {
        Share bad =
                shares.stream()
                        .filter(share -> share.owner.fault(share.update) != null)
                        .findFirst()
                        .orElse(shares.get(0)); // it is its momentum
        String fault = bad.owner.fault(bad.update);
        String why = fault == null ? "is finite, but not the momentum that it enters," : fault;
        String words =
                "The gradient of parameter %s %s at step %s; the weight, of shape %s, and its state"
                        + " are unchanged. "
                        + OptimizerStep.ADVICE;
        Shape shape = bad.update.weight().getShape();
        return new IllegalStateException(words.formatted(bad.update.label(), why, bad.step, shape));
    }
}
