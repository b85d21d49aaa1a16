package io.github.djlspectral.optim;

import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
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
}
