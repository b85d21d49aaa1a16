package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.StatefulOptimizer.check;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import ai.djl.training.Trainer;
import ai.djl.training.optimizer.Optimizer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The optimizer's step without copies of the gradients. */
public final class OptimizerStep {

    /** What to do about a gradient that is not finite. */
    static final String ADVICE =
            "Lower the learning rate or look for the cause in the loss; OptimizerStep.discard("
                    + "trainer) zeroes the gradients for the next batch.";

    private OptimizerStep() {}

    /**
     * Updates every trained parameter once, as {@link Trainer#step} does, on a CPU to the last bit:
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
     * whole or not at all, but for errors under way. A gradient that contains NaN or infinity stays
     * attached to its weight, where the next backward pass would add to it, until {@link #discard}.
     *
     * <p>Parameters of equal shape, and those of AdamW that decay or do not, go through one native
     * call. A GPU is waited for once, for the norm; by decompositions and hooks that read a number,
     * as those of SphereMuon and Soap; and for each gradient if {@code setRescaleGrad} is above 1.
     *
     * @param trainer the trainer, initialized, with one device; its metric "step", if it has
     *     metrics, gets the time in nanoseconds
     * @param optimizer the optimizer the trainer was configured with, which it does not show; a
     *     parameter's state is kept under the same id as by {@code trainer.step()}, so the two may
     *     alternate
     * @throws IllegalStateException if a gradient contains NaN or infinity, or no backward pass has
     *     reached any parameter; if a parameter is not initialized or none is trained; if the
     *     trainer has several devices or another one than the parameters; or as {@link
     *     StatefulOptimizer#update}. Nothing has changed
     * @throws ai.djl.engine.EngineException if a map or a hook fails, memory ends, or, found on a
     *     CPU only, a momentum is not finite. Says how many parameters have moved; that step counts
     */
    public static void apply(Trainer trainer, Optimizer optimizer) {
        apply(trainer, optimizer, Double.POSITIVE_INFINITY);
    }

    /**
     * The same with gradients multiplied by min(1, maxNorm / norm), where norm is that of all of
     * them together, as by {@link GradientClipping#byGlobalNorm}, but without a pass over them: in
     * place of both calls.
     *
     * @param trainer as for {@link #apply(Trainer, Optimizer)}
     * @param optimizer as there
     * @param maxNorm the largest norm to pass, positive; infinity only measures
     * @return the norm before clipping
     * @throws IllegalArgumentException if {@code maxNorm} is not positive
     * @throws IllegalStateException as there; and if squares overflow, above about 1e19, so that
     *     there is no norm to clip by. Nothing has changed
     */
    public static float apply(Trainer trainer, Optimizer optimizer, double maxNorm) {
        GradientClipping.requirePositive(maxNorm);
        Map<String, Parameter> parameters = BlockParameters.trainedBy(trainer);
        long begin = System.nanoTime();
        double norm = requireFinite(parameters);
        check(
                norm >= 0,
                "No parameter of the model has a gradient; call collector.backward(loss) before the"
                        + " step");
        boolean clips = maxNorm < Double.POSITIVE_INFINITY;
        check(
                !clips || norm < Double.POSITIVE_INFINITY,
                "The squares of the gradients overflow; no parameter has changed. %s",
                ADVICE);
        double factor = norm > maxNorm ? maxNorm / norm : 1;
        Set<String> first = distinct(parameters).keySet();
        // In the second round are arrays whose gradient is zeroed by then.
        List<List<Update>> rounds = List.of(new ArrayList<>(), new ArrayList<>());
        try {
            parameters.forEach(
                    (name, parameter) -> {
                        boolean again = !first.contains(name);
                        double by = again ? 1 : factor;
                        rounds.get(again ? 1 : 0).add(update(optimizer, name, parameter, by));
                    });
            if (optimizer instanceof StatefulOptimizer stateful) {
                stateful.update(rounds);
            } else {
                rounds.forEach(round -> round.forEach(u -> updateForeign(optimizer, u)));
            }
        } finally {
            rounds.forEach(round -> round.forEach(update -> update.gradient().close()));
        }
        trainer.addMetric("step", begin);
        return (float) norm;
    }

    /** With an optimizer that is not of this library. */
    static void updateForeign(Optimizer optimizer, Update update) {
        if (update.factor() < 1) {
            update.gradient().muli(update.factor());
        }
        optimizer.update(update.id(), update.weight(), update.gradient());
    }

    private static Update update(
            Optimizer optimizer, String name, Parameter parameter, double factor) {
        String id = parameter.getId();
        Route route = new Route(name, parameter, false, "");
        if (optimizer instanceof StatefulOptimizer stateful && stateful.routing() != null) {
            route = stateful.routing().find(id);
        }
        NDArray weight = parameter.getArray();
        NDArray attached = weight.getGradient();
        NDArray gradient = typed(weight, attached);
        if (gradient != attached) {
            attached.close();
        }
        return new Update(id, route, weight, gradient, true, factor);
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
     * <p>One native call that reads them once, and a second one where a square is not finite. Waits
     * for the device.
     *
     * @param trainer the trainer, initialized, with one device
     * @return false if one contains NaN or infinity
     * @throws IllegalStateException if a parameter is not initialized or none is trained; or if the
     *     trainer has several devices or another one than the parameters
     */
    public static boolean isFinite(Trainer trainer) {
        NDList weights = weights(BlockParameters.trainedBy(trainer));
        return norm(weights) < Double.POSITIVE_INFINITY || firstNotFinite(weights) < 0;
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
     * Measures the gradients attached to parameters, by name.
     *
     * @return their norm, which is infinite if squares overflow; -1 if there are none
     * @throws IllegalStateException if one contains NaN or infinity
     */
    static double requireFinite(Map<String, Parameter> parameters) {
        NDList weights = weights(parameters);
        double norm = weights.isEmpty() ? -1 : norm(weights);
        int first = norm < Double.POSITIVE_INFINITY ? -1 : firstNotFinite(weights);
        if (first >= 0) {
            throw new IllegalStateException(
                    "The gradient of parameter "
                            + List.copyOf(distinct(parameters).keySet()).get(first)
                            + " contains NaN or infinity; no parameter has changed. "
                            + ADVICE);
        }
        return norm;
    }

    private static double norm(NDList weights) {
        return GradientClipping.KERNELS.callDouble(weights.get(0).getManager(), "norm", weights);
    }

    private static int firstNotFinite(NDList weights) {
        return GradientClipping.first("first_not_finite", weights);
    }

    private static NDList weights(Map<String, Parameter> parameters) {
        return new NDList(distinct(parameters).values());
    }

    /** The arrays by the first name of each: what is under several parameters has one gradient. */
    static Map<String, NDArray> distinct(Map<String, Parameter> parameters) {
        Map<String, NDArray> weights = new LinkedHashMap<>();
        Set<NDArray> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        parameters.forEach(
                (name, parameter) -> {
                    if (seen.add(parameter.getArray())) {
                        weights.put(name, parameter.getArray());
                    }
                });
        return weights;
    }
}
