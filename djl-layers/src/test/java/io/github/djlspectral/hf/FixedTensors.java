package io.github.djlspectral.hf;

import ai.djl.ndarray.types.Shape;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Arrays made up by a test. */
final class FixedTensors implements TensorSource {

    private final Map<String, Shape> shapes = new LinkedHashMap<>();
    private final Map<String, float[]> values = new LinkedHashMap<>();

    FixedTensors put(String name, Shape shape, float... elements) {
        shapes.put(name, shape);
        values.put(name, elements);
        return this;
    }

    FixedTensors remove(String name) {
        shapes.remove(name);
        values.remove(name);
        return this;
    }

    @Override
    public Set<String> names() {
        return shapes.keySet();
    }

    @Override
    public Shape shape(String name) {
        return shapes.get(name);
    }

    @Override
    public float[] read(String name) {
        return values.get(name).clone();
    }
}
