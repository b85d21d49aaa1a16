package io.github.djlspectral.optim;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.training.optimizer.Optimizer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * An optimizer that owns its state: it counts steps per parameter, keeps its arrays in a manager of
 * its own, which {@link #close} frees, and can be written and read by {@link OptimizerState}.
 */
public abstract class StatefulOptimizer extends Optimizer implements AutoCloseable {

    private final int beginNumUpdate;
    private final Map<String, Map<Device, ParameterState>> states = new ConcurrentHashMap<>();
    private NDManager manager;

    /**
     * Creates the optimizer without state.
     *
     * @param builder the configuration
     */
    protected StatefulOptimizer(Builder<?> builder) {
        super(builder);
        beginNumUpdate = builder.beginNumUpdate;
    }

    /** The names of the arrays kept for each parameter, each of the parameter's shape and type. */
    abstract String[] stateNames();

    java.util.List<StatefulOptimizer> parts() {
        return java.util.List.of(this);
    }

    /**
     * Returns the state of one parameter on one device, zeros at first. A parameter that lives on
     * several devices has a state on each, so its steps count once per update, not per device.
     */
    final ParameterState state(String parameterId, NDArray weight) {
        return states.computeIfAbsent(parameterId, id -> new ConcurrentHashMap<>())
                .computeIfAbsent(weight.getDevice(), device -> newState(weight));
    }

    private ParameterState newState(NDArray weight) {
        String[] names = stateNames();
        NDArray[] arrays = new NDArray[names.length];
        for (int i = 0; i < names.length; i++) {
            arrays[i] =
                    manager(weight)
                            .zeros(weight.getShape(), weight.getDataType(), weight.getDevice());
        }
        return new ParameterState(beginNumUpdate, arrays);
    }

    private synchronized NDManager manager(NDArray weight) {
        if (manager == null) {
            manager = weight.getManager().getEngine().newBaseManager(weight.getDevice());
            manager.setName(getClass().getSimpleName() + " state");
        }
        return manager;
    }

    /** Returns every device's state of a parameter; empty if it was never updated. */
    final Map<Device, ParameterState> states(String parameterId) {
        return states.getOrDefault(parameterId, Map.of());
    }

    /** Frees the state. The next update would start from zeros. */
    @Override
    public synchronized void close() {
        states.clear();
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

        Builder() {}

        @Override
        public T optBeginNumUpdate(int beginNumUpdate) {
            this.beginNumUpdate = beginNumUpdate;
            return super.optBeginNumUpdate(beginNumUpdate);
        }
    }
}
