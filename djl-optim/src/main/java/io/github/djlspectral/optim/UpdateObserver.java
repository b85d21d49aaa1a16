package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;

/**
 * Sees the updates of a {@link SpectralOptimizer} before they are applied, at the steps it asks
 * for. Watching costs one more map of each matrix at those steps and changes nothing.
 */
public interface UpdateObserver {

    /**
     * {@return whether {@link #observe} is to be called at a step}
     *
     * @param step the step of a parameter, from 1
     */
    boolean wants(int step);

    /**
     * Sees one update of one parameter, which holds one hidden matrix or several.
     *
     * @param parameter the parameter's name, or its id if the optimizer has no routing
     * @param step the step, from 1
     * @param blocks the number of matrices; if there are several, the arrays are {@code [blocks,
     *     rows, columns]}, else they have the parameter's shape
     * @param momentum what enters the map: the momentum, after Nesterov; freed after the call
     * @param update what leaves it, before scale and learning rate; freed after the call
     */
    void observe(String parameter, int step, int blocks, NDArray momentum, NDArray update);
}
