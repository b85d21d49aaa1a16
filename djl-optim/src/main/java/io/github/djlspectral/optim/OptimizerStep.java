package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Parameter;
import ai.djl.training.Trainer;
import ai.djl.training.optimizer.Optimizer;
import java.util.Map;

/** The optimizer's step without copies of the gradients. */
public final class OptimizerStep {

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
     * <p>If the optimizer throws, as those of this library do at a gradient that contains NaN, the
     * parameters before that one in the order of names are already updated and their gradients
     * zeroed, the others are not. So it is with {@code trainer.step()}, where hashes decide which.
     *
     * @param trainer the trainer, initialized, with one device; its metric "step", if it has
     *     metrics, gets the time in nanoseconds
     * @param optimizer the optimizer the trainer was configured with, which it does not show; a
     *     parameter's state is kept under the same id as by {@code trainer.step()}, so the two may
     *     alternate
     * @throws IllegalStateException if no backward pass has reached any parameter; if a parameter
     *     is not initialized or none is trained; or if the trainer has several devices or another
     *     one than the parameters. Nothing has changed
     */
    public static void apply(Trainer trainer, Optimizer optimizer) {
        Map<String, Parameter> parameters = BlockParameters.trainedBy(trainer);
        requireGradients(parameters);
        long begin = System.nanoTime();
        for (Parameter parameter : parameters.values()) {
            NDArray weight = parameter.getArray();
            try (NDArray gradient = weight.getGradient()) {
                optimizer.update(parameter.getId(), weight, gradient);
            }
        }
        trainer.addMetric("step", begin);
    }

    private static void requireGradients(Map<String, Parameter> parameters) {
        NDList weights = new NDList(parameters.size());
        parameters.values().forEach(parameter -> weights.add(parameter.getArray()));
        if (!GradientClipping.KERNELS.callBoolean(
                weights.get(0).getManager(), "any_reached", weights)) {
            throw new IllegalStateException(
                    "No parameter of the model has a gradient; call collector.backward(loss) before"
                            + " the step");
        }
    }
}
