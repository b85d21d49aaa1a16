package io.github.djlspectral.hf;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import java.util.Collections;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Our parameters as the published layout has them; biases that a model lacks are zeros. */
final class ExportedTensors implements TensorSource {

    private final TensorSource ours;
    private final TreeMap<String, Shape> shapes;

    /**
     * Views parameters.
     *
     * @param ours the parameters of a model of this shape
     */
    ExportedTensors(Gpt2Config config, TensorSource ours) {
        this.ours = ours;
        shapes = new TreeMap<>(Gpt2Layout.shapes(Gpt2Layout.withBias(config)));
    }

    @Override
    public Set<String> names() {
        return shapes.keySet().stream()
                .map(name -> Gpt2Layout.PREFIX + name)
                .collect(
                        Collectors.collectingAndThen(
                                Collectors.toCollection(TreeSet::new),
                                Collections::unmodifiableSet));
    }

    @Override
    public Shape shape(String name) {
        String plain = Gpt2Layout.plain(name);
        return Gpt2Layout.converted(plain, shapes.get(plain));
    }

    @Override
    public float[] read(String name) {
        String plain = Gpt2Layout.plain(name);
        Shape shape = shapes.get(plain);
        if (!ours.names().contains(plain)) {
            return new float[(int) shape.size()];
        }
        return Gpt2Layout.converted(plain, shape, ours.read(plain));
    }
}
