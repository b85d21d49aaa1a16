package io.github.djlspectral.optim;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.ParameterTracker;
import ai.djl.training.tracker.Tracker;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * An optimizer that owns its state: it counts steps per parameter, keeps its arrays in a manager of
 * its own, which {@link #close} frees, and can be written and read by {@link OptimizerState}.
 */
public abstract class StatefulOptimizer extends Optimizer implements AutoCloseable {

    private final int beginNumUpdate;
    private final ParameterTracker learningRate;
    private final Map<String, Map<Device, ParameterState>> states = new ConcurrentHashMap<>();
    // Read from a file and not yet used: the device that updates a parameter first takes its state.
    private final Map<String, ParameterState> loaded = new ConcurrentHashMap<>();
    private NDManager manager;

    /**
     * Creates the optimizer without state.
     *
     * @param builder the configuration
     */
    protected StatefulOptimizer(Builder<?> builder) {
        super(builder);
        beginNumUpdate = builder.beginNumUpdate;
        learningRate = builder.learningRate;
    }

    /**
     * Makes one step with one parameter, in place, and zeroes the gradient attached to it. Steps
     * count from 1, per parameter.
     *
     * @param parameterId the id of the parameter, under which its state is kept
     * @param weight the parameter on one device, float32 or float64
     * @param gradient the gradient, of the weight's shape and type; unchanged
     * @throws IllegalArgumentException if the gradient's shape or type is not the weight's, or the
     *     type is another; nothing has changed
     * @throws IllegalStateException if the gradient contains NaN or infinity, or the learning rate
     *     at this step is not a finite number of 0 or more; nothing has changed
     */
    @Override
    public void update(String parameterId, NDArray weight, NDArray gradient) {
        requireMatching(parameterId, weight, gradient);
        ParameterState state = state(parameterId, weight);
        int step = state.step() + 1;
        double rate = rateAt(parameterId, step);
        if (!step(parameterId, weight, gradient, state, step, rate)) {
            throw new IllegalStateException(
                    "The gradient of parameter "
                            + label(parameterId)
                            + " contains NaN or infinity at step "
                            + step
                            + "; its weight and state are unchanged. Lower the learning rate or"
                            + " look for the cause in the loss.");
        }
        state.setStep(step);
    }

    /**
     * Updates the weight and the arrays of its state and zeroes the gradient attached to it.
     *
     * @return whether the gradient was finite; if not, nothing has changed
     */
    abstract boolean step(
            String parameterId,
            NDArray weight,
            NDArray gradient,
            ParameterState state,
            int step,
            double rate);

    /** What messages call a parameter. */
    String label(String parameterId) {
        return parameterId;
    }

    private double rateAt(String parameterId, int step) {
        float rate = learningRate.getNewValue(parameterId, step);
        if (!(rate >= 0 && rate < Float.POSITIVE_INFINITY)) {
            throw new IllegalStateException(
                    "The learning rate must be finite and not negative, was "
                            + rate
                            + " at step "
                            + step);
        }
        return rate;
    }

    private void requireMatching(String parameterId, NDArray weight, NDArray gradient) {
        DataType type = weight.getDataType();
        if (type != DataType.FLOAT32 && type != DataType.FLOAT64) {
            throw new IllegalArgumentException(
                    getClass().getSimpleName()
                            + " updates float32 and float64, but parameter "
                            + label(parameterId)
                            + " is "
                            + type);
        }
        if (!weight.getShape().equals(gradient.getShape()) || type != gradient.getDataType()) {
            throw new IllegalArgumentException(
                    "Parameter "
                            + label(parameterId)
                            + " is "
                            + type
                            + weight.getShape()
                            + " but its gradient is "
                            + gradient.getDataType()
                            + gradient.getShape());
        }
    }

    /** The names of the arrays kept for each parameter, each of the parameter's shape and type. */
    abstract String[] stateNames();

    /** The optimizers whose states are saved together, in a fixed order: this one, its fallback. */
    List<StatefulOptimizer> parts() {
        return List.of(this);
    }

    /**
     * Returns the state of one parameter on one device, zeros at first. A parameter that lives on
     * several devices has a state on each, so its steps count once per update, not per device.
     */
    final ParameterState state(String parameterId, NDArray weight) {
        Map<Device, ParameterState> copies =
                states.computeIfAbsent(parameterId, id -> new ConcurrentHashMap<>());
        return copies.computeIfAbsent(
                weight.getDevice(), device -> createState(parameterId, weight, copies));
    }

    private ParameterState createState(
            String parameterId, NDArray weight, Map<Device, ParameterState> copies) {
        ParameterState state = loaded.remove(parameterId);
        if (state != null) {
            state.moveTo(weight.getDevice());
            return state;
        }
        if (copies.values().stream().anyMatch(other -> other.step() > beginNumUpdate + 1)) {
            throw new IllegalStateException(
                    "The state of parameter "
                            + parameterId
                            + " lies on "
                            + copies.keySet()
                            + " and has made more than one step; a run can be resumed on one"
                            + " device only, not on "
                            + weight.getDevice()
                            + " too");
        }
        return newState(weight);
    }

    private ParameterState newState(NDArray weight) {
        String[] names = stateNames();
        NDArray[] arrays = new NDArray[names.length];
        for (int i = 0; i < names.length; i++) {
            arrays[i] =
                    manager(weight)
                            .zeros(weight.getShape(), weight.getDataType(), weight.getDevice());
        }
        NDScope.unregister(arrays); // a scope around the caller's step must not free them
        return new ParameterState(beginNumUpdate, arrays);
    }

    private synchronized NDManager manager(NDArray weight) {
        if (manager == null) {
            manager = weight.getManager().getEngine().newBaseManager(weight.getDevice());
            manager.setName(getClass().getSimpleName() + " state");
        }
        return manager;
    }

    /** Makes an array in host memory, of a weight's shape and type. */
    static NDArray hostArray(NDManager manager, NDArray weight) {
        return manager.create(weight.getShape(), weight.getDataType(), Device.cpu());
    }

    /** Returns every device's state of a parameter; empty if it was never updated. */
    final Map<Device, ParameterState> states(String parameterId) {
        return states.getOrDefault(parameterId, Map.of());
    }

    /** Returns the state on the first device, or null if the parameter was never updated. */
    final ParameterState firstState(String parameterId) {
        return states(parameterId).entrySet().stream()
                .min(Comparator.comparingInt(entry -> entry.getKey().getDeviceId()))
                .map(Map.Entry::getValue)
                .orElse(loaded.get(parameterId));
    }

    /** The parameters that have a state. */
    final Set<String> parameterIds() {
        Set<String> ids = new HashSet<>(states.keySet());
        ids.addAll(loaded.keySet());
        return ids;
    }

    /** Frees the state and takes another one, by parameter id, with the manager of its arrays. */
    final synchronized void replaceState(
            NDManager manager, Map<String, ParameterState> replacement) {
        freeState();
        this.manager = manager;
        manager.setName(getClass().getSimpleName() + " state");
        loaded.putAll(replacement);
    }

    /** Frees the state. The next update would start from zeros. */
    @Override
    public void close() {
        freeState();
    }

    private synchronized void freeState() {
        states.clear();
        loaded.clear();
        if (manager != null) {
            manager.close();
            manager = null;
        }
    }

    /**
     * Builds a {@link StatefulOptimizer}.
     *
     * @param <T> the concrete builder
     */
    @SuppressWarnings("rawtypes") // DJL's own bound is raw
    public abstract static class Builder<T extends Builder> extends OptimizerBuilder<T> {

        private int beginNumUpdate;
        private ParameterTracker learningRate;

        Builder(float learningRate) {
            this.learningRate = Tracker.fixed(learningRate);
        }

        /**
         * Sets the learning rate.
         *
         * @param learningRate the learning rate by step, counted from 1; not negative
         * @return this builder
         */
        public T optLearningRateTracker(ParameterTracker learningRate) {
            this.learningRate = Objects.requireNonNull(learningRate, "learningRate");
            return self();
        }

        /**
         * Sets the decoupled weight decay: each step multiplies a decaying weight by 1 - (learning
         * rate) (weight decay).
         *
         * @param weightDecays a finite number of 0 or more
         * @return this builder
         * @throws IllegalArgumentException if it is out of range
         */
        @Override
        public T optWeightDecays(float weightDecays) {
            if (!(weightDecays >= 0 && weightDecays < Float.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException(
                        "The weight decay must be finite and at least 0, was " + weightDecays);
            }
            return super.optWeightDecays(weightDecays);
        }

        @Override
        public T optBeginNumUpdate(int beginNumUpdate) {
            this.beginNumUpdate = beginNumUpdate;
            return super.optBeginNumUpdate(beginNumUpdate);
        }
    }
}
