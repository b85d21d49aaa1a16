package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
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

    /** A step that was refused leaves no trace. */
    void forgetUnlessDone() {
        if (fresh && state.step() != step) {
            owner.states.free(update);
        }
    }
}
