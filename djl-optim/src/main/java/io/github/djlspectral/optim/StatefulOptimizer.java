package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.ParameterTracker;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * An optimizer that owns its state: it counts steps per parameter, keeps its arrays in a manager of
 * its own, which {@link #close} frees, and can be written and read by {@link OptimizerState}.
 */
public abstract class StatefulOptimizer extends Optimizer implements AutoCloseable {

    /** Two units in the last place of 1: what rounding leaves of a schedule that falls to 0. */
    static final float ROUNDING = 0x1p-22f;

    /** What it remembers of the parameters that it updates itself. */
    final ParameterStates states;

    private final ParameterTracker learningRate;
    private final double rateRatio;
    // Found finite at the first parameter of a step, and not used since.
    private final Set<String> unused = new HashSet<>();

    /**
     * Creates the optimizer without state.
     *
     * @param builder the configuration
     */
    protected StatefulOptimizer(Builder<?> builder) {
        super(builder);
        float decay = getWeightDecay();
        boolean legal = decay >= 0 && decay < Float.POSITIVE_INFINITY;
        require(legal, "optWeightDecays must be finite and at least 0", decay);
        legal = Float.isFinite(rescaleGrad) && rescaleGrad != 0;
        require(legal, "setRescaleGrad must be finite and not 0", rescaleGrad);
        legal = clipGrad > 0 || clipGrad < 0; // 0 would stop all training
        require(legal, "optClipGrad must be positive, or negative for none", clipGrad);
        int done = builder.beginNumUpdate;
        require(done >= 0, "optBeginNumUpdate must be at least 0", done);
        states = new ParameterStates(getClass().getSimpleName(), done);
        learningRate = builder.learningRate();
        rateRatio = builder.rateRatio;
    }

    /**
     * Makes one step with one parameter, in place, and zeroes the gradient attached to it. Steps
     * count from 1, per parameter. {@link ai.djl.training.Trainer#step} calls this for one
     * parameter after another. If this optimizer or a fallback of its has a {@link
     * ParameterRouting}, it first checks the gradients attached to all trained weights of the
     * routing's block: with one device, such a step is made whole or not at all. Without, or with
     * several devices, each parameter is checked when its turn comes, and those before it have
     * moved.
     *
     * @param parameterId the id of the parameter, under which its state is kept
     * @param weight the parameter on one device, float32 or float64
     * @param gradient the gradient, of the weight's shape and type; unchanged. Float32 zeros stand
     *     for the gradient of a float64 weight that no backward pass has reached, as the engine
     *     makes them
     * @throws IllegalArgumentException if the gradient's shape or type is not the weight's, or the
     *     type is another; nothing has changed
     * @throws IllegalStateException if the gradient, or as said above another one, contains NaN or
     *     infinity, which stays there until {@link OptimizerStep#discard}, or on a CPU the momentum
     *     does; if the learning rate at this step is not a finite number of 0 or more; if the
     *     parameter has not the shape and type that its state has; or after {@link #close}. Nothing
     *     has changed
     */
    @Override
    public void update(String parameterId, NDArray weight, NDArray gradient) {
        ParameterRouting routing = routing();
        Route route = routing == null ? null : routing.find(parameterId);
        NDArray typed = OptimizerStep.typed(weight, gradient);
        boolean done = false;
        try {
            if (route != null && route.parameter().getArray() == weight) {
                checkRound(parameterId, routing);
            }
            update(List.of(List.of(new Update(parameterId, route, weight, typed, false, 1))));
            done = true;
        } finally {
            if (!done) {
                synchronized (this) {
                    unused.clear();
                }
            }
            if (typed != gradient) {
                typed.close();
            }
        }
    }

    /**
     * Checks all gradients at the first parameter of a round, that is of a step. Nothing tells that
     * a step ends: a round does when a parameter comes that has none left of the gradients checked,
     * because all are used, it comes again or it was frozen; or when an update fails.
     */
    private synchronized void checkRound(String parameterId, ParameterRouting routing) {
        if (!unused.remove(parameterId)) {
            unused.clear();
            Map<String, Parameter> trained = routing.trained();
            OptimizerStep.requireFinite(trained);
            trained.values().forEach(parameter -> unused.add(parameter.getId()));
            unused.remove(parameterId);
        }
    }

    /**
     * Makes a step with many parameters, one list after the other, each parameter by the optimizer
     * of the chain that has it: whatever can be refused is, before the first of them changes.
     */
    final void update(List<List<Update>> rounds) {
        requireOpen();
        List<Share> shares = new ArrayList<>();
        List<Runnable> steps = new ArrayList<>();
        try {
            for (List<Update> updates : rounds) {
                Map<Object, List<Share>> alike = new LinkedHashMap<>();
                List<Runnable> foreign = new ArrayList<>();
                for (Update update : updates) {
                    Optimizer owner = owner(update.id(), update.weight().getShape());
                    if (owner instanceof StatefulOptimizer stateful) {
                        Share share = stateful.share(update);
                        shares.add(share);
                        boolean grows = Math.abs(stateful.rescaleGrad * update.factor()) > 1;
                        if (grows && update.finite() && stateful.fault(update) != null) {
                            throw Share.notFinite(List.of(share)); // else the step looks first
                        }
                        alike.computeIfAbsent(share.key(), key -> new ArrayList<>()).add(share);
                    } else {
                        foreign.add(() -> OptimizerStep.updateForeign(owner, update));
                    }
                }
                alike.values().forEach(some -> steps.add(() -> Share.step(some, shares)));
                steps.addAll(foreign);
            }
            steps.forEach(Runnable::run);
        } finally {
            shares.forEach(Share::forgetUnlessDone);
        }
    }

    private Share share(Update update) {
        update.requireMatching(getClass().getSimpleName());
        boolean fresh = !states.has(update);
        ParameterState state =
                states.of(update, states(update.weight().getShape(), update.route()).values());
        Share share = null;
        try {
            int step = state.step() + 1;
            double rate = rateAt(update, step);
            share = new Share(this, update, state, fresh, step, rate, alike(update, step, fresh));
            return share;
        } finally {
            if (fresh && share == null) {
                states.free(update);
            }
        }
    }

    /**
     * Updates weights and the arrays of their states and zeroes the gradients attached to them.
     *
     * @param shares with one key
     * @param done a number on the CPU, 0: counts those that have moved, even if this throws
     * @return whether gradients, as given and rescaled, and momenta were finite; if not, those that
     *     have not moved are unchanged
     */
    abstract boolean step(List<Share> shares, NDArray done);

    /** What else updates must have in common for one native call; refuses illegal ones. */
    abstract Object alike(Update update, int step, boolean fresh);

    /** The optimizer that updates a parameter: this one, or the fallback that it is handed to. */
    Optimizer owner(String parameterId, Shape shape) {
        return this;
    }

    /** The routing that knows the block, this optimizer's or a fallback's; or null. */
    ParameterRouting routing() {
        return null;
    }

    /** Fails after {@link #close}, this optimizer's or a fallback's. */
    void requireOpen() {
        states.requireOpen();
    }

    static boolean isFinite(NDArray array) {
        return isUsable(array, 1, -1);
    }

    private static boolean isUsable(NDArray gradient, double rescale, double clip) {
        return GradientClipping.KERNELS.callBoolean(
                gradient.getManager(), "usable", gradient, rescale, clip);
    }

    /** Why a gradient cannot be used; null if it can. */
    final String fault(Update update) {
        if (!isFinite(update.gradient())) {
            return "contains NaN or infinity";
        }
        double factor = update.factor();
        String clips = factor < 1 ? " and by " + factor + ", which clips" : "";
        return isUsable(update.gradient(), rescaleGrad * factor, clipGrad)
                ? null
                : "is finite, but not multiplied by setRescaleGrad(" + rescaleGrad + ")" + clips;
    }

    private double rateAt(Update update, int step) {
        float rate = learningRate.getNewValue(update.id(), step);
        if (!(rate >= -ROUNDING && rate < Float.POSITIVE_INFINITY)) {
            String rule =
                    "The learning rate must be finite and not negative, was %s%s; let the tracker";
            check(false, rule + " end at 0 or above", rate, update.at(step));
        }
        return rateRatio * Math.max(0, rate);
    }

    /**
     * The arrays kept for a parameter, by name, of its type; the first is of its shape. The names
     * are those of every parameter.
     *
     * @param route what the routing says of it, or null
     */
    abstract Map<String, Shape> states(Shape weight, Route route);

    /** The optimizers whose states are saved together, in a fixed order: this one, its fallback. */
    List<StatefulOptimizer> parts() {
        return List.of(this);
    }

    /** Returns the state of one parameter on one device, zeros at first. */
    final ParameterState state(String parameterId, NDArray weight) {
        Update update = new Update(parameterId, null, weight, null, false, 1);
        return states.of(update, states(weight.getShape(), null).values());
    }

    /** Returns the state on the first device, or null if the parameter was never updated. */
    final ParameterState firstState(String parameterId) {
        return states.first(parameterId);
    }

    /** Frees the state, for good: what needs it then throws {@link IllegalStateException}. */
    @Override
    public void close() {
        states.close();
    }

    /** Refuses to go on; nothing has changed. */
    static void check(boolean legal, String message, Object... values) {
        if (!legal) {
            throw new IllegalStateException(message.formatted(values));
        }
    }

    /**
     * Refuses an option of a builder.
     *
     * @param legal whether it is legal
     * @param rule the option's name and its range
     * @param value what it was set to
     * @throws IllegalArgumentException with all three, if it is not legal
     */
    protected static void require(boolean legal, String rule, Number value) {
        if (!legal) {
            throw new IllegalArgumentException(rule + ", was " + value);
        }
    }

    /**
     * Builds a {@link StatefulOptimizer}. {@code build()} throws {@link IllegalArgumentException}
     * if a value is out of range:
     *
     * <ul>
     *   <li>{@code setRescaleGrad}: what gradients are multiplied by, finite and not 0; default 1;
     *   <li>{@code optClipGrad}: the positive number to which each of their elements is then
     *       clamped, on both sides; negative, the default: none;
     *   <li>{@code optWeightDecays}: decoupled, each step multiplies a decaying weight by 1 -
     *       (learning rate) (weight decay); finite and at least 0;
     *   <li>{@code optBeginNumUpdate}: the steps that count as made, at least 0, the default.
     * </ul>
     *
     * @param <T> the concrete builder
     */
    @SuppressWarnings("rawtypes") // DJL's own bound is raw
    public abstract static class Builder<T extends Builder> extends OptimizerBuilder<T> {

        int beginNumUpdate;
        double rateRatio = 1; // of the rate that is used to the tracker's
        ParameterTracker learningRate;

        /** Creates a builder with the defaults. */
        Builder() {}

        @Override
        @SuppressWarnings("unchecked") // T is the class of this
        protected T self() {
            return (T) this;
        }

        ParameterTracker learningRate() {
            return learningRate;
        }

        /**
         * Sets the learning rate. A value below 0 by rounding, with which DJL's {@link
         * ai.djl.training.tracker.LinearTracker} can end, counts as 0; steps at a value below
         * -2.4e-7, or one that is not finite, are refused. In a spectral optimizer this is the rate
         * of the hidden matrices, and the default fallback follows it at a fixed ratio: {@link
         * UpdateScale#fallbackRatio}.
         *
         * @param learningRate the learning rate by step, counted from 1; not negative
         * @return this builder
         */
        public T optLearningRateTracker(ParameterTracker learningRate) {
            this.learningRate = Objects.requireNonNull(learningRate, "learningRate");
            return self();
        }

        @Override
        public T optBeginNumUpdate(int beginNumUpdate) {
            this.beginNumUpdate = beginNumUpdate;
            return super.optBeginNumUpdate(beginNumUpdate);
        }
    }
}
