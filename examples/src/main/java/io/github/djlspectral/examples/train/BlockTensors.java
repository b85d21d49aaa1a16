package io.github.djlspectral.examples.train;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.util.Pair;
import io.github.djlspectral.hf.TensorSource;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The parameters of an initialised block, in the order of their names. */
final class BlockTensors implements TensorSource {

    private final Map<String, Parameter> parameters;

    BlockTensors(Block block) {
        parameters = parameters(block);
    }

    static Map<String, Parameter> parameters(Block block) {
        Map<String, Parameter> parameters = new TreeMap<>();
        for (Pair<String, Parameter> parameter : block.getParameters()) {
            parameters.put(parameter.getKey(), parameter.getValue());
        }
        return parameters;
    }

    @Override
    public Set<String> names() {
        return Collections.unmodifiableSet(parameters.keySet());
    }

    @Override
    public Shape shape(String name) {
        return parameters.get(name).getArray().getShape();
    }

    @Override
    public float[] read(String name) {
        return parameters.get(name).getArray().toFloatArray();
    }
}
