package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.StatefulOptimizer.check;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.util.JsonUtils;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.io.SafetensorsWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Saves and loads what an optimizer has learned: for each parameter the number of steps made and
 * the momenta. Together with the model's parameters this resumes a run, bit for bit on CPUs.
 *
 * <p>States are kept by the parameter's name path, because ids are new in every process. The file
 * is one of the safetensors format, with a checksum, see {@link Safetensors}. It has an array named
 * {@code <optimizer>.<parameter>.<state>} for each state, such as {@code
 * Muon.01Linear_weight.momentum}, and the JSON text {@value #KEY} in its metadata: the names, types
 * and shapes of all parameters of the model and each optimizer's step by parameter. It holds no
 * hyper-parameters: build the optimizer as before. Of a parameter that lies on several devices the
 * state on the first is saved; a loaded state can be continued on one device.
 */
public final class OptimizerState {

    static final String KEY = "optimizer_state";

    private static final int VERSION = 1;

    private OptimizerState() {}

    /** What the metadata say: the parameters of the model, updated or not, and the optimizers. */
    private record Contents(int version, List<String> parameters, List<Part> optimizers) {}

    /** An optimizer of one class; a spectral optimizer and its fallback are two. */
    private record Part(String optimizer, List<String> states, Map<String, Integer> steps) {

        String array(String parameter, String state) {
            return optimizer + "." + parameter + "." + state;
        }

        @Override
        public String toString() {
            return optimizer + states;
        }
    }

    /**
     * Writes the state of an optimizer to a file. The file appears, complete and on the disk, or it
     * stays as it was.
     *
     * @param optimizer a {@link StatefulOptimizer}; a spectral optimizer is saved with its
     *     fallback, which must be one too, and that with its own
     * @param block the block it trains
     * @param path the file to write or replace, as a rule one ending in {@code .safetensors}
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
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        List<Part> optimizers = new ArrayList<>();
        for (StatefulOptimizer part : parts) {
            Part saved = part(part);
            optimizers.add(saved);
            parameters.forEach(
                    (name, parameter) -> {
                        ParameterState state = part.firstState(parameter.getId());
                        if (state != null && part == owner(parts, parameter)) {
                            state.requireFit(name, parameter.getArray());
                            saved.steps.put(name, state.step());
                            for (int k = 0; k < saved.states.size(); k++) {
                                arrays.put(saved.array(name, saved.states.get(k)), state.array(k));
                            }
                        }
                    });
        }
        Contents contents = new Contents(VERSION, descriptions(parameters), optimizers);
        SafetensorsWriter file =
                new SafetensorsWriter(Map.of(KEY, JsonUtils.GSON_COMPACT.toJson(contents)));
        arrays.forEach(file::add);
        try {
            file.write(path);
        } catch (UncheckedIOException e) {
            throw new IOException(
                    "Cannot write the optimizer state to %s (what was there before is unchanged): %s"
                            .formatted(path, e.getCause()),
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
        String words =
                "%s has updated %s parameters that this block does not have; save with a block that"
                        + " has all that are trained, or call OptimizerState.retain(optimizer,"
                        + " block) to drop the states of those that are gone";
        check(unknown.isEmpty(), words, part.getClass().getSimpleName(), unknown.size());
    }

    private static Part part(StatefulOptimizer optimizer) {
        Set<String> states = optimizer.states(new Shape(1, 1), null).keySet();
        return new Part(
                optimizer.getClass().getSimpleName(), List.copyOf(states), new LinkedHashMap<>());
    }

    /** A shared fallback may have states that this chain does not use. */
    private static Optimizer owner(List<StatefulOptimizer> parts, Parameter parameter) {
        return parts.get(0).owner(parameter.getId(), parameter.getArray().getShape());
    }

    /** Names, types and shapes. */
    private static List<String> descriptions(Map<String, Parameter> parameters) {
        List<String> descriptions = new ArrayList<>();
        parameters.forEach(
                (name, parameter) -> {
                    NDArray array = parameter.getArray();
                    String type = array.getDataType().name().toLowerCase(Locale.ROOT);
                    descriptions.add(name + " " + type + array.getShape());
                });
        return descriptions;
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
        NDArray any = parameters.values().iterator().next().getArray();
        try (NDManager scratch = any.getManager().getEngine().newBaseManager(any.getDevice())) {
            Safetensors file = open(path);
            Contents contents =
                    JsonUtils.GSON_COMPACT.fromJson(file.metadata().get(KEY), Contents.class);
            if (contents.version != VERSION) {
                throw new IOException(
                        "it has version " + contents.version + ", but this reads " + VERSION);
            }
            requireSameModel(path, contents.parameters, descriptions(parameters));
            requireSameOptimizers(path, contents.optimizers, parts, parameters);
            List<Map<String, ParameterState>> states = new ArrayList<>();
            ParameterRouting routing = parts.get(0).routing();
            for (int i = 0; i < parts.size(); i++) {
                Part part = contents.optimizers.get(i);
                states.add(read(path, file, part, parts.get(i), routing, parameters, scratch));
            }
            for (int i = 0; i < parts.size(); i++) {
                StatefulOptimizer part = parts.get(i);
                List<Parameter> own = new ArrayList<>(parameters.values());
                own.removeIf(parameter -> owner(parts, parameter) != part);
                part.states.replace(own, states.get(i));
            }
        } catch (IOException | UncheckedIOException e) {
            throw new IOException(
                    "Cannot load the optimizer state from %s (nothing has changed): %s"
                            .formatted(path, e.getMessage()),
                    e);
        }
    }

    private static Safetensors open(Path path) throws IOException {
        if (!Files.isRegularFile(path)) {
            throw new IOException("there is no such file");
        }
        Safetensors file = Safetensors.open(path);
        if (!file.metadata().containsKey(KEY) || !file.verify()) {
            throw new IOException("it is not an optimizer state: no " + KEY + ", or no checksum");
        }
        return file;
    }

    private static Map<String, ParameterState> read(
            Path path,
            Safetensors file,
            Part part,
            StatefulOptimizer optimizer,
            ParameterRouting routing,
            Map<String, Parameter> parameters,
            NDManager manager) {
        Map<String, ParameterState> states = new HashMap<>();
        String words = "other blocks: %s is %s there, %s here";
        part.steps.forEach(
                (name, step) -> {
                    Parameter parameter = parameters.get(name);
                    NDArray weight = parameter.getArray();
                    Route route = routing == null ? null : routing.find(parameter.getId());
                    List<NDArray> arrays = new ArrayList<>();
                    optimizer
                            .states(weight.getShape(), route)
                            .forEach(
                                    (kind, shape) -> {
                                        String array = part.array(name, kind);
                                        arrays.add(file.read(manager, array));
                                        Shape was = file.shape(array);
                                        requireSame(
                                                was.equals(shape), path, words, array, was, shape);
                                    });
                    ParameterState state =
                            new ParameterState(weight, step, arrays.toArray(NDArray[]::new));
                    state.moveTo(weight.getDevice());
                    states.put(parameter.getId(), state);
                });
        return states;
    }

    private static void requireSameModel(Path path, List<String> saved, List<String> present) {
        for (int i = 0; i < Math.max(saved.size(), present.size()); i++) {
            String was = i < saved.size() ? saved.get(i) : "missing";
            String is = i < present.size() ? present.get(i) : "missing";
            String words = "another model: parameter %s by name is %s there, %s here";
            requireSame(was.equals(is), path, words, i + 1, was, is);
        }
    }

    private static void requireSameOptimizers(
            Path path,
            List<Part> saved,
            List<StatefulOptimizer> present,
            Map<String, Parameter> parameters) {
        String was = saved.toString();
        String is = present.stream().map(OptimizerState::part).toList().toString();
        requireSame(was.equals(is), path, "%s, but this optimizer is %s", was, is);
        for (int i = 0; i < present.size(); i++) {
            for (String parameter : saved.get(i).steps.keySet()) {
                Optimizer owner = owner(present, parameters.get(parameter));
                String words = "another routing: %s was updated by %s, but is now by %s";
                String old = saved.get(i).optimizer;
                String name = owner.getClass().getSimpleName();
                requireSame(owner == present.get(i), path, words, parameter, old, name);
            }
        }
    }

    private static void requireSame(boolean same, Path path, String format, Object... arguments) {
        String difference = format.formatted(arguments);
        check(same, "%s is the state of %s; nothing has changed", path, difference);
    }
}
