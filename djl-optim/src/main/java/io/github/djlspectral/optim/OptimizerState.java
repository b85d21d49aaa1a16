package io.github.djlspectral.optim;

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
     *     fallback, which must be one too
     * @param block the block it trains
     * @param path the file to write or replace, in a directory that exists
     * @throws IllegalArgumentException if the optimizer keeps its state to itself, as DJL's own do
     * @throws IllegalStateException if the block is not initialized, or the optimizer has updated
     *     parameters that are not the block's
     * @throws IOException if the file cannot be written; what was there before is unchanged
     */
    public static void save(Optimizer optimizer, Block block, Path path) throws IOException {
        List<StatefulOptimizer> parts = stateful(optimizer).parts();
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
                    "Cannot write the optimizer state to "
                            + path
                            + " (what was there before is unchanged): "
                            + e,
                    e);
        }
    }

    /** Casts to an optimizer whose state can be saved. */
    static StatefulOptimizer stateful(Optimizer optimizer) {
        if (optimizer instanceof StatefulOptimizer stateful) {
            return stateful;
        }
        throw new IllegalArgumentException(
                optimizer.getClass().getName()
                        + " keeps its state to itself, so that it cannot be saved or loaded; use "
                        + DecoupledAdamW.class.getSimpleName()
                        + " in its place");
    }

    private static void requireKnown(StatefulOptimizer part, Map<String, Parameter> parameters) {
        Set<String> unknown = new HashSet<>(part.parameterIds());
        parameters.values().forEach(parameter -> unknown.remove(parameter.getId()));
        if (!unknown.isEmpty()) {
            throw new IllegalStateException(
                    part.getClass().getSimpleName()
                            + " has updated "
                            + unknown.size()
                            + " parameters that this block does not have; save with the block that"
                            + " was trained");
        }
    }

    private static StateHeader collect(
            List<StatefulOptimizer> optimizers,
            Map<String, Parameter> parameters,
            List<NDArray> arrays) {
        List<Parameter> ordered = List.copyOf(parameters.values());
        List<Part> parts = new ArrayList<>();
        for (StatefulOptimizer optimizer : optimizers) {
            List<String> arrayNames = List.of(optimizer.stateNames());
            List<Entry> entries = new ArrayList<>();
            for (int i = 0; i < ordered.size(); i++) {
                ParameterState state = optimizer.firstState(ordered.get(i).getId());
                if (state != null) {
                    entries.add(new Entry(i, state.step()));
                    for (int k = 0; k < arrayNames.size(); k++) {
                        arrays.add(state.array(k));
                    }
                }
            }
            parts.add(new Part(optimizer.getClass().getSimpleName(), arrayNames, entries));
        }
        return new StateHeader(weights(parameters), parts);
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
     * Reads the state of an optimizer from a file. It replaces all state that the optimizer has;
     * parameters that had not been updated when it was saved start afresh. Everything is checked
     * before anything is changed.
     *
     * @param optimizer an optimizer of the same kind as the saved one, with the same fallback
     * @param block the block it trains or will train, of the same architecture
     * @param path the file that {@link #save} has written
     * @throws IllegalArgumentException if the optimizer keeps its state to itself, as DJL's own do
     * @throws IllegalStateException if the block is not initialized, or the file is of another
     *     model or optimizer; the message names the first difference; nothing has changed
     * @throws IOException if the file cannot be read, is of another kind or version, cut off or
     *     damaged; nothing has changed
     */
    public static void load(Optimizer optimizer, Block block, Path path) throws IOException {
        List<StatefulOptimizer> parts = stateful(optimizer).parts();
        Map<String, Parameter> parameters = BlockParameters.byName(block);
        List<NDManager> managers = new ArrayList<>();
        try (StateFile file = StateFile.open(path)) {
            StateHeader header = StateHeader.decode(file.verify());
            requireSameModel(path, header.weights(), weights(parameters));
            requireSameOptimizer(path, header.parts(), parts);
            List<Map<String, ParameterState>> states = new ArrayList<>();
            for (Part part : header.parts()) {
                NDManager manager = newManager(parameters);
                managers.add(manager);
                states.add(read(file, part, List.copyOf(parameters.values()), manager));
            }
            for (int i = 0; i < parts.size(); i++) {
                parts.get(i).replaceState(managers.get(i), states.get(i));
            }
            managers.clear();
        } catch (IOException e) {
            throw new IOException(
                    "Cannot load the optimizer state from "
                            + path
                            + " (nothing has changed): "
                            + e.getMessage(),
                    e);
        } finally {
            managers.forEach(NDManager::close);
        }
    }

    private static NDManager newManager(Map<String, Parameter> parameters) {
        NDArray any = parameters.values().iterator().next().getArray();
        return any.getManager().getEngine().newBaseManager(any.getDevice());
    }

    private static Map<String, ParameterState> read(
            StateFile file, Part part, List<Parameter> parameters, NDManager manager)
            throws IOException {
        Map<String, ParameterState> states = new HashMap<>();
        for (Entry entry : part.entries()) {
            Parameter parameter = parameters.get(entry.weight());
            NDArray[] arrays = new NDArray[part.arrayNames().size()];
            for (int k = 0; k < arrays.length; k++) {
                arrays[k] = StatefulOptimizer.hostArray(manager, parameter.getArray());
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
                        path
                                + " is the state of another model: parameter "
                                + (i + 1)
                                + " by name is "
                                + was
                                + " there, "
                                + is
                                + " here; nothing has changed");
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
                    path
                            + " is the state of "
                            + was
                            + ", but this optimizer is "
                            + is
                            + "; nothing has changed");
        }
    }
}
