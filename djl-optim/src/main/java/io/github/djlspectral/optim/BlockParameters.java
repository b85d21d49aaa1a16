package io.github.djlspectral.optim;

import ai.djl.Device;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.Trainer;
import ai.djl.util.Pair;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The parameters of a block by name path. Ids are new in every process and DJL walks parameters in
 * the order of their hashes; names are the same every time.
 */
final class BlockParameters {

    private BlockParameters() {}

    /**
     * Returns the parameters sorted by name, each once: one that is shared by several blocks has
     * the first of its names in the block's order.
     *
     * @throws IllegalStateException if a parameter is not initialized
     */
    static SortedMap<String, Parameter> byName(Block block) {
        SortedMap<String, Parameter> parameters = new TreeMap<>();
        Set<String> seen = new HashSet<>();
        for (Pair<String, Parameter> pair : block.getParameters()) {
            requireInitialized(pair.getKey(), pair.getValue());
            if (seen.add(pair.getValue().getId())
                    && parameters.put(pair.getKey(), pair.getValue()) != null) {
                throw new IllegalStateException(
                        "Two parameters of the block have the name " + pair.getKey());
            }
        }
        return parameters;
    }

    private static void requireInitialized(String name, Parameter parameter) {
        if (!parameter.isInitialized()) {
            throw new IllegalStateException(
                    "Parameter "
                            + name
                            + " is not initialized; call trainer.initialize(..) or"
                            + " block.initialize(..) first");
        }
    }

    /** Returns the parameters that are trained. Those that are frozen have no gradient. */
    static Map<String, Parameter> trainable(Block block) {
        SortedMap<String, Parameter> parameters = byName(block);
        parameters.values().removeIf(parameter -> !parameter.requiresGradient());
        return parameters;
    }

    /**
     * Returns the parameters that a trainer trains, whose own arrays have the gradients: those of
     * several devices are summed only inside {@link Trainer#step}.
     *
     * @throws IllegalStateException if the trainer has several devices or another one than the
     *     parameters, a parameter is not initialized, or none is trained
     */
    static Map<String, Parameter> trainedBy(Trainer trainer) {
        Device[] devices = trainer.getDevices();
        if (devices.length != 1) {
            throw new IllegalStateException(
                    "Gradients outside trainer.step() need a trainer with one device, this one has "
                            + devices.length
                            + "; set one with DefaultTrainingConfig.optDevices(..)");
        }
        Map<String, Parameter> parameters = trainable(trainer.getModel().getBlock());
        if (parameters.isEmpty()) {
            throw new IllegalStateException("No parameter of the model is trained");
        }
        parameters.forEach((name, parameter) -> requireOn(devices[0], name, parameter));
        return parameters;
    }

    private static void requireOn(Device device, String name, Parameter parameter) {
        Device actual = parameter.getArray().getDevice();
        if (!actual.equals(device)) {
            throw new IllegalStateException(
                    "Parameter "
                            + name
                            + " lies on "
                            + actual
                            + ", but the trainer works on a copy of it on "
                            + device
                            + ", which it does not show; create the model on that device");
        }
    }
}
