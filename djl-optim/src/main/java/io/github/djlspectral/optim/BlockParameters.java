package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.StatefulOptimizer.check;

import ai.djl.Device;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.Trainer;
import ai.djl.util.Pair;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;

/**
 * The parameters of a block by name path. Ids are new in every process and DJL walks parameters in
 * the order of their hashes; names are the same every time.
 */
final class BlockParameters {

    private BlockParameters() {}

    /**
     * Returns the parameters, all initialized, sorted by name, each once: one that is shared by
     * several blocks has the first of its names in the block's order.
     */
    static SortedMap<String, Parameter> byName(Block block) {
        return byName(block, Parameter::isInitialized, "is not initialized");
    }

    /** The same, if they have arrays or at least shapes. */
    static SortedMap<String, Parameter> shaped(Block block) {
        return byName(block, parameter -> shape(parameter) != null, "has no shape yet");
    }

    /** The shape, which only the array has in TorchScript blocks; null if there is none yet. */
    static Shape shape(Parameter parameter) {
        return parameter.isInitialized() ? parameter.getArray().getShape() : parameter.getShape();
    }

    private static SortedMap<String, Parameter> byName(
            Block block, Predicate<Parameter> ready, String fault) {
        SortedMap<String, Parameter> parameters = new TreeMap<>();
        Set<String> seen = new HashSet<>();
        for (Pair<String, Parameter> pair : block.getParameters()) {
            String name = pair.getKey();
            Parameter parameter = pair.getValue();
            String rule =
                    "Parameter %s %s; call trainer.initialize(..) or block.initialize(..) first";
            check(ready.test(parameter), rule, name, fault);
            boolean known = !seen.add(parameter.getId());
            boolean unique = known || parameters.put(name, parameter) == null;
            check(unique, "Two parameters of the block have the name %s", name);
        }
        return parameters;
    }

    /** Returns the parameters that are trained. Those that are frozen have no gradient. */
    static Map<String, Parameter> trainable(Block block) {
        SortedMap<String, Parameter> parameters = byName(block);
        parameters.values().removeIf(parameter -> !parameter.requiresGradient());
        return parameters;
    }

    /**
     * Returns the parameters that a trainer trains, whose own arrays have the gradients: those of
     * several devices are summed only inside {@link Trainer#step}, so it must have one.
     */
    static Map<String, Parameter> trainedBy(Trainer trainer) {
        Device[] devices = trainer.getDevices();
        check(
                devices.length == 1,
                "Gradients outside trainer.step() need a trainer with one device, this one has %s;"
                        + " set one with DefaultTrainingConfig.optDevices(..)",
                devices.length);
        Map<String, Parameter> parameters = trainable(trainer.getModel().getBlock());
        check(!parameters.isEmpty(), "No parameter of the model is trained");
        parameters.forEach((name, parameter) -> requireOn(devices[0], name, parameter));
        return parameters;
    }

    private static void requireOn(Device device, String name, Parameter parameter) {
        Device actual = parameter.getArray().getDevice();
        String rule =
                "Parameter %s lies on %s, but the trainer works on a copy of it on %s, which it"
                        + " does not show; create the model on that device";
        check(actual.equals(device), rule, name, actual, device);
    }
}
