package io.github.djlspectral.optim;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.optim.StateHeader.Entry;
import io.github.djlspectral.optim.StateHeader.Part;
import io.github.djlspectral.optim.StateHeader.Weight;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Saves and loads what an optimizer has learned: for each parameter the number of steps made and
 * the momenta. Together with the model's parameters this resumes a run bit for bit.
 *
 * <p>States are kept by the parameter's name path, because ids are new in every process. The file
 * has a version and a checksum and holds the names, types and shapes of all parameters of the
 * model; it holds no hyper-parameters: build the optimizer as before. Of a parameter that lies on
 * several devices the state on the first is saved; a loaded state can be continued on one device.
 */
public final class OptimizerState {

    private OptimizerState() {}

    /**
     * Writes the state of an optimizer to a file. The file appears, complete and on the disk, or it
     * stays as it was: what is being written has the name with {@code .partial} appended.
     *
     * @param optimizer a {@link StatefulOptimizer}; a spectral optimizer is saved with its
     *     fallback, which must be one too, and that with its own
     * @param block the block it trains
     * @param path the file to write or replace, in a directory that exists
     * @throws IllegalArgumentException if the optimizer keeps its state to itself, as DJL's own do
     * @throws IllegalStateException if the block is not initialized; if the optimizer has updated
     *     parameters that are not the block's, or that have another shape or type now, see {@link
     *     #retain}; or if it, or its fallback, is closed; what was there before is unchanged
     * @throws IOException if the file cannot be written; what was there before is unchanged
     */
    public static void save(Optimizer optimizer, Block block, Path path) throws IOException {
        List<StatefulOptimizer> parts = parts(optimizer);
        Map<String, Parameter> parameters = BlockParameters.byName(block);
        parts.forEach(part -> requireKnown(part, parameters));
        List<NDArray> arrays = new ArrayList<>();
        StateHeader header = collect(parts, parameters, arrays);
        try {
            StateFile.write(
                    path,
                    header.encode(),
                    header.arrayBytes(),
                    file -> {
                        for (NDArray array : arrays) {
                            file.writeArray(array);
                        }
                    });
        } catch (IOException e) {
            throw new IOException(
                    "Cannot write the optimizer state to %s (what was there before is unchanged): %s"
                            .formatted(path, e),
                    e);
        }
    }

    /**
     * Drops the states of parameters that a block does not have, or not of that shape and type:
     * those of a replaced head, or of another model that the optimizer, or a fallback that it
     * shares, has trained too.
     *
     * @param optimizer an optimizer that can be saved
     * @param block the block whose parameters are to stay
     * @throws IllegalArgumentException if the optimizer keeps its state to itself, as DJL's own do
     * @throws IllegalStateException if the block is not initialized or the optimizer is closed
     */
    public static void retain(Optimizer optimizer, Block block) {
        List<StatefulOptimizer> parts = parts(optimizer);
        Map<String, NDArray> arrays = new HashMap<>();
        BlockParameters.byName(block).values().forEach(p -> arrays.put(p.getId(), p.getArray()));
        parts.forEach(part -> part.states.retain(arrays));
    }

    private static List<StatefulOptimizer> parts(Optimizer optimizer) {
        StatefulOptimizer first = stateful(optimizer);
        first.requireOpen();
        return first.parts();
    }

    /** Casts to an optimizer whose state can be saved. */
    static StatefulOptimizer stateful(Optimizer optimizer) {
        if (optimizer instanceof StatefulOptimizer stateful) {
            return stateful;
        }
        throw new IllegalArgumentException(
                optimizer.getClass().getName()
                        + " keeps its state to itself, so that it cannot be saved or loaded; use"
                        + " DecoupledAdamW in its place");
    }

    private static void requireKnown(StatefulOptimizer part, Map<String, Parameter> parameters) {
        Set<String> unknown = new HashSet<>(part.states.ids());
        parameters.values().forEach(parameter -> unknown.remove(parameter.getId()));
        if (!unknown.isEmpty()) {
            throw new IllegalStateException(
                    ("%s has updated %s parameters that this block does not have; save with a block"
                                    + " that has all that are trained, or call"
                                    + " OptimizerState.retain(optimizer, block) to drop the states"
                                    + " of those that are gone")
                            .formatted(part.getClass().getSimpleName(), unknown.size()));
        }
    }

    private static StateHeader collect(
            List<StatefulOptimizer> optimizers,
            Map<String, Parameter> parameters,
            List<NDArray> arrays) {
        List<String> names = List.copyOf(parameters.keySet());
        List<Part> parts = new ArrayList<>();
        for (StatefulOptimizer optimizer : optimizers) {
            List<Entry> entries = new ArrayList<>();
            for (String name : names) {
                Parameter parameter = parameters.get(name);
                ParameterState state = optimizer.firstState(parameter.getId());
                if (state != null && optimizer == owner(optimizers, parameter)) {
                    state.requireFit(name, parameter.getArray());
                    entries.add(new Entry(names.indexOf(name), state.step()));
                    arrays.addAll(state.arrays());
                }
            }
            List<String> arrayNames = List.of(optimizer.stateNames());
            parts.add(new Part(optimizer.getClass().getSimpleName(), arrayNames, entries));
        }
        return new StateHeader(weights(parameters), parts);
    }

    /** A shared fallback may have states that this chain does not use. */
    private static Optimizer owner(List<StatefulOptimizer> parts, Parameter parameter) {
        return parts.get(0).owner(parameter.getId(), parameter.getArray().getShape());
    }

    private static List<Weight> weights(Map<String, Parameter> parameters) {
        List<Weight> weights = new ArrayList<>();
        parameters.forEach(
                (name, parameter) -> {
                    NDArray array = parameter.getArray();
                    weights.add(new Weight(name, array.getDataType(), array.getShape()));
                });
        return weights;
    }

    /**
     * Reads the state of an optimizer from a file. It replaces all state that the optimizer has of
     * the block's parameters; those that had not been updated when it was saved start afresh.
     * Everything is checked before anything is changed.
     *
     * @param optimizer an optimizer of the same kind as the saved one, with the same fallback and
     *     the same routing: what decides which of the two updates a parameter
     * @param block the block it trains or will train, of the same architecture
     * @param path the file that {@link #save} has written
     * @throws IllegalArgumentException if the optimizer keeps its state to itself, as DJL's own do
     * @throws IllegalStateException if the block is not initialized, the optimizer is closed, or
     *     the file is of another model, optimizer or routing; the message names the first
     *     difference; nothing has changed
     * @throws IOException if the file cannot be read, is of another kind or version, cut off or
     *     damaged; nothing has changed
     */
    public static void load(Optimizer optimizer, Block block, Path path) throws IOException {
        List<StatefulOptimizer> parts = parts(optimizer);
        Map<String, Parameter> parameters = BlockParameters.byName(block);
        NDManager scratch = newManager(parameters);
        try (StateFile file = StateFile.open(path)) {
            StateHeader header = StateHeader.decode(file.verify());
            requireSameModel(path, header.weights(), weights(parameters));
            requireSameOptimizer(path, header.parts(), parts);
            List<Map<String, ParameterState>> states = new ArrayList<>();
            requireSameOwners(path, header, parts, List.copyOf(parameters.values()));
            for (Part part : header.parts()) {
                states.add(read(file, part, List.copyOf(parameters.values()), scratch));
            }
            for (int i = 0; i < parts.size(); i++) {
                StatefulOptimizer part = parts.get(i);
                List<Parameter> own = new ArrayList<>(parameters.values());
                own.removeIf(parameter -> owner(parts, parameter) != part);
                part.states.replace(own, states.get(i));
            }
        } catch (IOException e) {
            throw new IOException(
                    "Cannot load the optimizer state from %s (nothing has changed): %s"
                            .formatted(path, e.getMessage()),
                    e);
        } finally {
            scratch.close();
        }
    }

    private static NDManager newManager(Map<String, Parameter> parameters) {
        NDArray any = parameters.values().iterator().next().getArray();
        return any.getManager().getEngine().newBaseManager(any.getDevice());
    }

    private static NDArray hostArray(NDManager manager, NDArray weight) {
        return manager.create(weight.getShape(), weight.getDataType(), Device.cpu());
    }

    private static Map<String, ParameterState> read(
            StateFile file, Part part, List<Parameter> parameters, NDManager manager)
            throws IOException {
        Map<String, ParameterState> states = new HashMap<>();
        for (Entry entry : part.entries()) {
            Parameter parameter = parameters.get(entry.weight());
            NDArray[] arrays = new NDArray[part.arrayNames().size()];
            for (int k = 0; k < arrays.length; k++) {
                arrays[k] = hostArray(manager, parameter.getArray());
                file.readArray(arrays[k]);
            }
            ParameterState state = new ParameterState(entry.step(), arrays);
            state.moveTo(parameter.getArray().getDevice());
            states.put(parameter.getId(), state);
        }
        return states;
    }

    private static void requireSameModel(Path path, List<Weight> saved, List<Weight> present) {
        for (int i = 0; i < Math.max(saved.size(), present.size()); i++) {
            Object was = i < saved.size() ? saved.get(i) : "missing";
            Object is = i < present.size() ? present.get(i) : "missing";
            if (!was.equals(is)) {
                throw new IllegalStateException(
                        ("%s is the state of another model: parameter %s by name is %s there, %s"
                                        + " here; nothing has changed")
                                .formatted(path, i + 1, was, is));
            }
        }
    }

    private static void requireSameOptimizer(
            Path path, List<Part> saved, List<StatefulOptimizer> present) {
        List<String> was = saved.stream().map(p -> p.optimizer() + p.arrayNames()).toList();
        List<String> is =
                present.stream()
                        .map(p -> p.getClass().getSimpleName() + List.of(p.stateNames()))
                        .toList();
        if (!was.equals(is)) {
            throw new IllegalStateException(
                    "%s is the state of %s, but this optimizer is %s; nothing has changed"
                            .formatted(path, was, is));
        }
    }

    private static void requireSameOwners(
            Path path,
            StateHeader header,
            List<StatefulOptimizer> parts,
            List<Parameter> parameters) {
        for (int i = 0; i < parts.size(); i++) {
            for (Entry entry : header.parts().get(i).entries()) {
                Optimizer owner = owner(parts, parameters.get(entry.weight()));
                if (owner != parts.get(i)) {
                    throw new IllegalStateException(
                            ("%s is the state under another routing: %s was updated by %s, but is"
                                            + " now by %s; nothing has changed")
                                    .formatted(
                                            path,
                                            header.weights().get(entry.weight()).name(),
                                            header.parts().get(i).optimizer(),
                                            owner.getClass().getSimpleName()));
                }
            }
        }
    }
}
