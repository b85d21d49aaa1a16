package io.github.djlspectral.layers.gpt;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;
import static io.github.djlspectral.layers.Require.requirePositive;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.Initializer;
import ai.djl.training.initializer.UniformInitializer;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.io.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * Low-rank adapters beside projections of a {@link Gpt2}: instead of {@code W x} they compute
 * {@code W x + scale B (A x)}, and only A [rank, inputs] and B [outputs, rank] are trained. B is
 * zero at first, A uniform in {@code +-1 / sqrt(inputs)}. Hu et al., "LoRA: Low-Rank Adaptation of
 * Large Language Models", 2021, whose alpha is {@code scale rank}.
 *
 * <pre>{@code
 * model.adapt(Lora.of(16, 2)); // after newTrainer, which trains all of a loaded model
 * ..
 * Lora.save(model, path);      // the adapters alone
 * model.merge();               // W + scale B A takes the place of W
 * }</pre>
 *
 * @param rank the rank, at least 1
 * @param scale what the product is multiplied by; positive
 * @param projections which of each layer, of {@link #PROJECTIONS}
 */
public record Lora(int rank, double scale, Set<String> projections) {

    /**
     * The projections of a layer: queries, keys and values; attention's output; the perceptron's.
     */
    public static final List<String> PROJECTIONS =
            List.of("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj");

    /**
     * Checks the ranges.
     *
     * @param rank the rank
     * @param scale the factor
     * @param projections the names
     * @throws IllegalArgumentException if a number is out of its range, there is no name, or one is
     *     not that of a projection
     */
    public Lora {
        requireAtLeast(1, "rank", rank);
        requirePositive("scale", scale);
        projections = Set.copyOf(projections);
        boolean known = !projections.isEmpty() && PROJECTIONS.containsAll(projections);
        require(known, "projections must be of %s, got %s", PROJECTIONS, projections);
    }

    /**
     * {@return adapters beside the projections named, or all}
     *
     * @param rank the rank, at least 1
     * @param scale what the product is multiplied by; positive
     * @param projections of {@link #PROJECTIONS}
     */
    public static Lora of(int rank, double scale, String... projections) {
        List<String> names = projections.length == 0 ? PROJECTIONS : List.of(projections);
        return new Lora(rank, scale, Set.copyOf(names));
    }

    /** Whether a projection's weight gets an adapter. */
    boolean covers(String weight) {
        return projections.stream().anyMatch(name -> weight.endsWith("." + name + ".weight"));
    }

    /** The adapters of a model. */
    static Lora of(Gpt2 model) {
        if (model.functions.lora == null) {
            throw new IllegalStateException("The model has no adapters; adapt adds them");
        }
        return model.functions.lora;
    }

    /** Adapts a model; initial values are made before anything is changed. */
    void addTo(Gpt2 model, Function<Parameter, Initializer> initial) {
        Gpt2Functions functions = model.functions;
        if (functions.lora != null) {
            throw new IllegalStateException("The model has adapters already: " + functions.lora);
        }
        List<Gpt2Layer> own = model.ownLayers("adapt");
        Map<Parameter, List<Parameter>> adapters = new HashMap<>();
        for (Parameter weight : model.getParameters().values()) {
            if (covers(weight.getName())) {
                NDArray like = weight.getArray();
                List<Parameter> pair = beside(weight);
                for (Parameter parameter : pair) {
                    parameter.setInitializer(initial.apply(parameter));
                    parameter.initialize(like.getManager(), like.getDataType());
                }
                adapters.put(weight, pair);
            }
        }
        model.freezeParameters(true);
        own.forEach(layer -> layer.adapt(adapters));
        functions.lora = this;
    }

    /** Adds the adapters of a model to its weights and takes them away. */
    void mergeInto(Gpt2 model) {
        for (Gpt2Layer layer : model.ownLayers("merge")) {
            layer.removeAdapters()
                    .forEach(
                            (weight, pair) -> {
                                NDArray a = pair.get(0).getArray();
                                NDArray b = pair.get(1).getArray();
                                model.functions.merge(weight.getArray(), a, b);
                                pair.forEach(Parameter::close);
                            });
        }
        model.functions.lora = null;
        model.freezeParameters(false);
    }

    /** The parameters of a model's adapters, or none. */
    static List<Parameter> adapters(Gpt2 model) {
        return model.getParameters().values().stream()
                .filter(parameter -> parameter.getName().contains(".lora_"))
                .toList();
    }

    /** The two arrays beside a projection's weight [outputs, inputs]. */
    List<Parameter> beside(Parameter weight) {
        long outputs = weight.getShape().get(0);
        long inputs = weight.getShape().get(1);
        float bound = (float) (1 / Math.sqrt(inputs));
        String name = weight.getName().substring(0, weight.getName().lastIndexOf('.'));
        return List.of(
                Gpt2Parameters.matrix(
                        name + ".lora_A", rank, inputs, new UniformInitializer(bound)),
                Gpt2Parameters.matrix(name + ".lora_B", outputs, rank, Initializer.ZEROS));
    }

    /**
     * Writes a model's adapters by name, such as {@code h.0.attn.c_attn.lora_A.weight}, to a file
     * of the safetensors format.
     *
     * @param model a model with adapters
     * @param path the file to write or replace, whole or not at all
     * @throws IllegalStateException if the model has none
     * @throws java.io.UncheckedIOException if it cannot be written
     */
    public static void save(Gpt2 model, Path path) {
        Lora lora = of(model);
        String names = String.join(" ", new TreeSet<>(lora.projections));
        String rank = String.valueOf(lora.rank);
        String scale = String.valueOf(lora.scale);
        SafetensorsWriter file =
                new SafetensorsWriter(Map.of("rank", rank, "scale", scale, "projections", names));
        for (Parameter adapter : adapters(model)) {
            file.add(adapter.getName(), adapter.getArray());
        }
        file.write(path);
    }

    /**
     * Gives a model the adapters of a file, as {@link Gpt2#adapt} does new ones.
     *
     * @param model a model without adapters, initialised
     * @param path a file of {@link #save}
     * @throws IOException if it cannot be read, is damaged, or is of a model of other shapes; the
     *     model is unchanged then
     * @throws IllegalStateException if the model has adapters or a layer was replaced
     * @throws ai.djl.nn.UninitializedParameterException if the model is not initialised
     */
    public static void load(Gpt2 model, Path path) throws IOException {
        Safetensors file = Safetensors.open(path);
        Map<String, String> notes = file.metadata();
        boolean own = notes.keySet().containsAll(Set.of("rank", "scale", "projections"));
        check(own && file.verify(), "%s is no file of adapters: Lora.save writes them", path);
        int rank = Integer.parseInt(notes.get("rank"));
        double scale = Double.parseDouble(notes.get("scale"));
        Lora lora = of(rank, scale, notes.get("projections").split(" "));
        Map<String, Shape> shapes = new TreeMap<>();
        for (Parameter parameter : model.getParameters().values()) {
            if (lora.covers(parameter.getName())) {
                lora.beside(parameter).forEach(p -> shapes.put(p.getName(), p.getShape()));
            }
        }
        String other = "%s is of another model: it has %s, this one needs %s";
        check(file.names().equals(shapes.keySet()), other, path, file.names(), shapes.keySet());
        for (Map.Entry<String, Shape> entry : shapes.entrySet()) {
            Shape shape = file.shape(entry.getKey());
            String name = entry.getKey() + " ";
            check(shape.equals(entry.getValue()), other, path, name + shape, entry.getValue());
        }
        lora.addTo(
                model,
                adapter ->
                        (manager, shape, type) -> {
                            try (NDArray array = file.read(manager, adapter.getName())) {
                                return array.toType(type, true);
                            }
                        });
    }

    private static void check(boolean legal, String fault, Object... values) throws IOException {
        if (!legal) {
            throw new IOException(fault.formatted(values));
        }
    }
}
