package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.StatefulOptimizer.check;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** What an optimizer remembers, per parameter and device, in a manager of its own. */
final class ParameterStates {

    private final String optimizer;
    private final int beginNumUpdate;
    private final Map<String, Map<Device, ParameterState>> states = new ConcurrentHashMap<>();
    // Read from a file and not yet used: the device that updates a parameter first takes its state.
    private final Map<String, ParameterState> loaded = new ConcurrentHashMap<>();
    private NDManager manager;
    private volatile boolean closed;

    ParameterStates(String optimizer, int beginNumUpdate) {
        this.optimizer = optimizer;
        this.beginNumUpdate = beginNumUpdate;
    }

    void requireOpen() {
        check(!closed, "%s was closed, which has freed its state; build another one", optimizer);
    }

    /** Whether there is a state that the update would continue. */
    boolean has(Update update) {
        return copies(update.id()).containsKey(update.weight().getDevice())
                || loaded.containsKey(update.id());
    }

    /**
     * Returns the state of one parameter on one device, zeros of these shapes at first. On several
     * devices there is a state on each: a step counts once, not per device.
     *
     * @throws IllegalStateException if it does not fit the parameter, or a state read from a file
     *     is already continued on another device
     */
    ParameterState of(Update update, Collection<Shape> shapes) {
        Map<Device, ParameterState> copies =
                states.computeIfAbsent(update.id(), id -> new ConcurrentHashMap<>());
        ParameterState state =
                copies.computeIfAbsent(
                        update.weight().getDevice(), device -> create(update, shapes, copies));
        state.requireFit(update.label(), update.weight());
        return state;
    }

    private ParameterState create(
            Update update, Collection<Shape> shapes, Map<Device, ParameterState> copies) {
        NDArray weight = update.weight();
        ParameterState state = loaded.remove(update.id());
        if (state != null) {
            state.moveTo(weight.getDevice());
            return state;
        }
        boolean begins = copies.values().stream().allMatch(s -> s.step() <= beginNumUpdate + 1);
        String words =
                "The state of parameter %s lies on %s and has made more than one step; a run can be"
                        + " resumed on one device only, not on %s too";
        check(begins, words, update.label(), copies.keySet(), weight.getDevice());
        NDManager owner = manager(weight);
        NDArray[] zeros =
                shapes.stream()
                        .map(s -> owner.zeros(s, weight.getDataType(), weight.getDevice()))
                        .toArray(NDArray[]::new);
        return new ParameterState(weight, beginNumUpdate, zeros);
    }

    private synchronized NDManager manager(NDArray weight) {
        if (manager == null) {
            manager = weight.getManager().getEngine().newBaseManager(weight.getDevice());
            manager.setName(optimizer + " state");
        }
        return manager;
    }

    private Map<Device, ParameterState> copies(String id) {
        return states.getOrDefault(id, Map.of());
    }

    /** Returns the state on the first device, or null if the parameter was never updated. */
    ParameterState first(String id) {
        return first(copies(id)).orElse(loaded.get(id));
    }

    static Optional<ParameterState> first(Map<Device, ParameterState> copies) {
        return copies.entrySet().stream()
                .min(Comparator.comparingInt(entry -> entry.getKey().getDeviceId()))
                .map(Map.Entry::getValue);
    }

    /** The parameters that have a state. */
    Set<String> ids() {
        Set<String> ids = new HashSet<>(loaded.keySet());
        states.forEach((id, copies) -> copies.keySet().forEach(device -> ids.add(id)));
        return ids;
    }

    /** Frees the states of parameters and takes others for them, by id. */
    synchronized void replace(List<Parameter> parameters, Map<String, ParameterState> replacement) {
        for (Parameter parameter : parameters) {
            free(parameter.getId());
            ParameterState state = replacement.get(parameter.getId());
            if (state != null) {
                state.arrays().attach(manager(parameter.getArray()));
                loaded.put(parameter.getId(), state);
            }
        }
    }

    /** Frees the states that fit no array with their id. */
    void retain(Map<String, NDArray> arrays) {
        ids().stream()
                .filter(id -> arrays.get(id) == null || !first(id).fits(arrays.get(id)))
                .forEach(this::free);
    }

    /** Frees the state of a parameter. */
    void free(String id) {
        copies(id).values().forEach(state -> state.arrays().close());
        states.remove(id);
        Optional.ofNullable(loaded.remove(id)).ifPresent(state -> state.arrays().close());
    }

    /** Frees the state of one device. */
    void free(Update update) {
        copies(update.id()).remove(update.weight().getDevice()).arrays().close();
    }

    /** Frees everything, for good. */
    synchronized void close() {
        closed = true;
        states.clear();
        loaded.clear();
        if (manager != null) {
            manager.close();
            manager = null;
        }
    }
}
