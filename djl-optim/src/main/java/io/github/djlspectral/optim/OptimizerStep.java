package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import ai.djl.training.Trainer;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.optim.StatefulOptimizer.Update;
import java.util.List;
import java.util.Map;

/** The optimizer's step without copies of the gradients. */
public final class OptimizerStep {

    /** What to do about a gradient that is not finite. */
    static final String ADVICE =
            "Lower the learning rate or look for the cause in the loss; OptimizerStep.discard("
                    + "trainer) zeroes the gradients for the next batch.";

    private static final int NONE_REACHED = -2;

    private OptimizerStep() {}

    /**
     * Updates every trained parameter once, with the same result to the last bit as {@link
     * Trainer#step}:
     *
     * <pre>{@code
     * collector.backward(loss);
     * OptimizerStep.apply(trainer, optimizer); // instead of trainer.step()
     * }</pre>
     *
     * <p>{@code trainer.step()} gives the optimizer a copy of each gradient, because it may have to
     * sum those of several devices; here it gets the gradient itself, which is most worth for an
     * embedding: 154 MB for the tokens of GPT-2. Parameters go by the order of their names, not of
     * their hashes. As there, frozen parameters are left alone, one that no backward pass has
     * reached is updated with zeros, and it is the optimizer that zeroes the gradients, as all of
     * this library and DJL's Adam, AdamW and Sgd do.
     *
     * <p>All gradients are checked before the first update, whatever the optimizer: a step is made
     * whole or not at all. One that contains NaN or infinity stays attached to its weight, where
     * the next backward pass would add to it, until {@link #discard}.
     *
     * @param trainer the trainer, initialized, with one device; its metric "step", if it has
     *     metrics, gets the time in nanoseconds
     * @param optimizer the optimizer the trainer was configured with, which it does not show; a
     *     parameter's state is kept under the same id as by {@code trainer.step()}, so the two may
     *     alternate
     * @throws IllegalStateException if a gradient contains NaN or infinity, or no backward pass has
     *     reached any parameter; if a parameter is not initialized or none is trained; or if the
     *     trainer has several devices or another one than the parameters. Nothing has changed
     */
    public static void apply(Trainer trainer, Optimizer optimizer) {
        Map<String, Parameter> parameters = BlockParameters.trainedBy(trainer);
        long begin = System.nanoTime();
        if (requireFinite(parameters) == NONE_REACHED) {
            throw new IllegalStateException(
                    "No parameter of the model has a gradient; call collector.backward(loss) before"
                            + " the step");
        }
        parameters.forEach((name, parameter) -> update(optimizer, name, parameter));
        trainer.addMetric("step", begin);
    }

    private static void update(Optimizer optimizer, String name, Parameter parameter) {
        NDArray weight = parameter.getArray();
        try (NDArray attached = weight.getGradient();
                NDArray gradient = typed(weight, attached)) {
            if (optimizer instanceof StatefulOptimizer stateful) {
                Route route =
                        stateful.routing() == null
                                ? new Route(name, parameter, false, "")
                                : stateful.routing().find(parameter.getId());
                stateful.update(new Update(parameter.getId(), route, weight, gradient, true));
            } else {
                optimizer.update(parameter.getId(), weight, gradient);
            }
        }
    }

    /**
     * Tells whether the gradients of all trained parameters are finite, so that a loop can skip a
     * batch instead of ending:
     *
     * <pre>{@code
     * collector.backward(loss);
     * if (OptimizerStep.isFinite(trainer)) {
     *     trainer.step();
     * } else {
     *     OptimizerStep.discard(trainer);
     * }
     * }</pre>
     *
     * <p>One native call, which reads them once and waits for the device.
     *
     * @param trainer the trainer, initialized, with one device
     * @return false if one contains NaN or infinity
     * @throws IllegalStateException if a parameter is not initialized or none is trained; or if the
     *     trainer has several devices or another one than the parameters
     */
    public static boolean isFinite(Trainer trainer) {
        return firstNotFinite(weights(BlockParameters.trainedBy(trainer))) < 0;
    }

    /**
     * Zeroes the gradients of all trained parameters, those that contain NaN too, where {@link
     * ai.djl.training.GradientCollector#zeroGradients} leaves NaN.
     *
     * @param trainer the trainer, initialized, with one device
     * @throws IllegalStateException as for {@link #isFinite}
     */
    public static void discard(Trainer trainer) {
        NDList weights = weights(BlockParameters.trainedBy(trainer));
        GradientClipping.KERNELS.call(weights.get(0).getManager(), "discard", weights);
    }

    /**
     * The gradient that the engine gives for a weight that no backward pass has reached is zeros of
     * float32: returns zeros of the weight's type instead, which the caller closes, and any other
     * gradient as it is.
     */
    static NDArray typed(NDArray weight, NDArray gradient) {
        NDManager manager = weight.getManager();
        return weight.getDataType() == DataType.FLOAT64
                        && gradient.getDataType() == DataType.FLOAT32
                        && weight.hasGradient()
                        && GradientClipping.KERNELS.callBoolean(
                                manager, "never_reached", weight, gradient)
                ? zeros(manager, weight)
                : gradient;
    }

    static NDArray zeros(NDManager manager, NDArray weight) {
        return manager.zeros(weight.getShape(), weight.getDataType(), weight.getDevice());
    }

    /**
     * Checks the gradients attached to parameters, by name.
     *
     * @return {@link #NONE_REACHED}, or another negative number if a backward pass has reached any
     * @throws IllegalStateException if one contains NaN or infinity
     */
    static int requireFinite(Map<String, Parameter> parameters) {
        int first = firstNotFinite(weights(parameters));
        if (first >= 0) {
            throw new IllegalStateException(
                    "The gradient of parameter "
                            + List.copyOf(parameters.keySet()).get(first)
                            + " contains NaN or infinity; no parameter has changed. "
                            + ADVICE);
        }
        return first;
    }

    private static int firstNotFinite(NDList weights) {
        return weights.isEmpty()
                ? NONE_REACHED
                : (int)
                        GradientClipping.KERNELS.callDouble(
                                weights.get(0).getManager(), "first_not_finite", weights);
    }

    private static NDList weights(Map<String, Parameter> parameters) {
        NDList weights = new NDList(parameters.size());
        parameters.values().forEach(parameter -> weights.add(parameter.getArray()));
        return weights;
    }
}
