package io.github.djlspectral.hf;

import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.io.SafetensorsWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** Arrays made up by a test. */
final class FixedTensors {

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

    Set<String> names() {
        return shapes.keySet();
    }

    Shape shape(String name) {
        return shapes.get(name);
    }

    float[] read(String name) {
        return values.get(name).clone();
    }

    void write(Path file) {
        SafetensorsWriter writer = new SafetensorsWriter(Map.of());
        shapes.forEach(
                (name, shape) -> writer.add(name, shape, DataType.FLOAT32, () -> values.get(name)));
        writer.write(file);
    }
}
