package io.github.djlspectral.hf;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The parameters of a published checkpoint as our model has them. */
final class ImportedTensors implements TensorSource {

    private static final int NAMES_SHOWN = 8;

    private final StoredTensors stored;
    private final Map<String, Shape> shapes;
    private final Map<String, String> storedNames = new HashMap<>();
    private final Set<String> unused = new TreeSet<>();
    private final List<String> zeros = new ArrayList<>();

    /**
     * Assigns the arrays of a checkpoint to the parameters of a model.
     *
     * @throws BadInputException if a parameter is missing, occurs twice, or has another shape or
     *     numbers of another kind
     */
    ImportedTensors(Gpt2Config config, StoredTensors stored) {
        this.stored = stored;
        requireLayers(config);
        shapes = Collections.unmodifiableMap(Gpt2Layout.shapes(config));
        Set<String> known = Gpt2Layout.shapes(Gpt2Layout.withBias(config)).keySet();
        for (String name : stored.names()) {
            String plain = Gpt2Layout.plain(name);
            if (known.contains(plain) || plain.equals(Gpt2Layout.HEAD)) {
                put(plain, name);
            } else if (!Gpt2Layout.isBuffer(plain)) {
                unused.add(name);
            }
        }
        requireAll();
        shapes.forEach(this::check);
        storedNames.forEach((plain, name) -> stored.format(name));
        if (storedNames.containsKey(Gpt2Layout.HEAD)) {
            check(Gpt2Layout.HEAD, shapes.get(Gpt2Layout.TOKEN_EMBEDDING));
        }
        known.stream()
                .filter(name -> !shapes.containsKey(name) && storedNames.containsKey(name))
                .forEach(zeros::add);
    }

    /** Keeps a senseless number from being counted up to. */
    private void requireLayers(Gpt2Config config) {
        if (config.layers() > stored.names().size()) {
            throw new BadInputException(
                    stored
                            + " has "
                            + stored.names().size()
                            + " arrays, but by its config.json the model has "
                            + config.layers()
                            + " layers");
        }
    }

    private void put(String plain, String name) {
        String other = storedNames.put(plain, name);
        if (other != null) {
            throw new BadInputException(stored + " has both " + other + " and " + name);
        }
    }

    private void requireAll() {
        Set<String> missing = new TreeSet<>(shapes.keySet());
        missing.removeAll(storedNames.keySet());
        if (!missing.isEmpty()) {
            throw new BadInputException(
                    stored
                            + " lacks "
                            + shown(missing)
                            + (unused.isEmpty() ? "" : "; not used: " + shown(unused)));
        }
    }

    private static String shown(Set<String> names) {
        int more = names.size() - NAMES_SHOWN;
        return String.join(", ", names.stream().limit(NAMES_SHOWN).toList())
                + (more > 0 ? " and " + more + " more" : "");
    }

    private void check(String plain, Shape shape) {
        String name = storedNames.get(plain);
        Shape expected = Gpt2Layout.converted(plain, shape);
        if (!stored.shape(name).equals(expected)) {
            throw new BadInputException(
                    stored
                            + " has "
                            + name
                            + " of shape "
                            + stored.shape(name)
                            + ", but by its config.json it should be "
                            + expected);
        }
    }

    /** Returns the names in the file of arrays that are no parameters of the model. */
    Set<String> unused() {
        return Collections.unmodifiableSet(unused);
    }

    /** Tells whether the checkpoint has an output matrix besides the token embedding. */
    boolean hasHead() {
        return storedNames.containsKey(Gpt2Layout.HEAD);
    }

    @Override
    public Set<String> names() {
        return shapes.keySet();
    }

    @Override
    public Shape shape(String name) {
        return shapes.get(name);
    }

    /**
     * Reads a parameter.
     *
     * @throws BadInputException if it is the token embedding and the checkpoint's output matrix is
     *     another one, or the bias that is left out beside it is not zero
     */
    @Override
    public float[] read(String name) {
        String storedName = storedNames.get(name);
        float[] values = stored.read(storedName);
        if (name.equals(Gpt2Layout.TOKEN_EMBEDDING)) {
            requireTied(values);
            zeros.forEach(this::requireZero);
        }
        return Gpt2Layout.converted(name, stored.shape(storedName), values);
    }

    private void requireTied(float[] embedding) {
        if (hasHead() && !Arrays.equals(embedding, stored.read(storedNames.get(Gpt2Layout.HEAD)))) {
            throw new BadInputException(
                    stored
                            + " has a "
                            + Gpt2Layout.HEAD
                            + " that differs from the token embedding; only a tied head is supported");
        }
    }

    private void requireZero(String bias) {
        for (float value : stored.read(storedNames.get(bias))) {
            if (value != 0) {
                throw new BadInputException(
                        stored
                                + " has values other than 0 in "
                                + bias
                                + ", but its config.json says that there are no biases");
            }
        }
    }
}
