package io.github.djlspectral.hf;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.ParameterList;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.io.SafetensorsWriter;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Pattern;

/**
 * A GPT-2 as Hugging Face keeps it: {@code config.json}, {@code model.safetensors} or its shards,
 * and the tokenizer's files.
 *
 * <pre>{@code
 * HuggingFaceGpt2 published = HuggingFaceGpt2.open(Path.of("gpt2"));
 * TextGenerator generator =
 *         new TextGenerator(published.load(manager), published.tokenizer(), manager);
 * }</pre>
 *
 * <p>The published layout stores the matrices of its layers as [inputs, outputs], {@link Gpt2} as
 * [outputs, inputs]; it puts a prefix before every name; and it always has biases. What changes
 * logits or tokens and is not computed here is refused by name. Parameters pass one at a time, so
 * that a model of any size is read and written.
 */
public final class HuggingFaceGpt2 {

    private static final String PREFIX = "transformer.";
    private static final String HEAD = "lm_head.weight";
    private static final String TOKEN_EMBEDDING = "wte.weight";
    private static final Pattern TRANSPOSED =
            Pattern.compile(
                    "h\\.\\d+\\.(attn\\.c_attn|attn\\.c_proj|mlp\\.c_fc|mlp\\.c_proj)\\.weight");

    /** What this layout and PyTorch's wrappers put before a name. */
    private static final Pattern PREFIXES =
            Pattern.compile("^((_orig_mod|module|transformer)\\.)+");

    private static final Pattern MASK = Pattern.compile("h\\.\\d+\\.attn\\.(bias|masked_bias)");
    private static final int NAMES_SHOWN = 8;
    private static final int GROUP = 32;

    private final Gpt2Config config;
    private final Tokenizer tokenizer;
    private final StoredTensors stored;
    private final Map<String, Shape> shapes;
    private final Map<String, String> storedNames = new TreeMap<>(); // by plain ones
    private final Set<String> unused = new TreeSet<>();

    private HuggingFaceGpt2(Path path) {
        unless(Files.exists(path), "There is no checkpoint in %s: it does not exist", path);
        Path directory = Files.isDirectory(path) ? path : path.toAbsolutePath().getParent();
        JsonFile json = JsonFile.read(directory.resolve(HuggingFaceConfig.FILE));
        config = HuggingFaceConfig.read(json);
        stored = StoredTensors.open(path);
        unless( // keeps a senseless number from being counted up to
                config.layers() <= stored.names().size(),
                "%s has %s arrays, but by its config.json the model has %s layers",
                stored.path(),
                stored.names().size(),
                config.layers());
        shapes = shapes(config, config.bias());
        assign();
        unless(
                json.flag("tie_word_embeddings", true) || storedNames.containsKey(HEAD),
                "%s has tie_word_embeddings false, but the checkpoint lacks %s",
                json.path(),
                HEAD);
        unused.addAll(HuggingFaceConfig.unused(json));
        tokenizer =
                HuggingFaceTokenizer.read(directory, config.vocabSize(), unused)
                        .withEndOfText(HuggingFaceConfig.endOfText(json, config.vocabSize()));
    }

    /**
     * Reads the description of a model, whose parameters are read when they are asked for.
     *
     * @param path the model's directory, or its safetensors file
     * @return the model
     * @throws io.github.djlspectral.text.BadInputException if a file is missing or damaged, a
     *     parameter is missing or of another shape, or the model or its tokenizer is not supported;
     *     the message says which
     */
    public static HuggingFaceGpt2 open(Path path) {
        return new HuggingFaceGpt2(path);
    }

    /** Finds the array of each parameter. */
    private void assign() {
        Set<String> known = shapes(config, true).keySet();
        for (String name : stored.names()) {
            String plain = PREFIXES.matcher(name).replaceFirst("");
            if (known.contains(plain) || plain.equals(HEAD)) {
                String other = storedNames.put(plain, name);
                unless(other == null, "%s has both %s and %s", stored.path(), other, name);
            } else if (!MASK.matcher(plain).matches()) {
                unused.add(name);
            }
        }
        Set<String> missing = new TreeSet<>(shapes.keySet());
        missing.removeAll(storedNames.keySet());
        String others = unused.isEmpty() ? "" : "; not used: " + shown(unused);
        unless(missing.isEmpty(), "%s lacks %s%s", stored.path(), shown(missing), others);
        Map<String, Shape> all = shapes(config, true);
        all.put(HEAD, shapes.get(TOKEN_EMBEDDING));
        storedNames.forEach((plain, name) -> stored.check(name, published(plain, all.get(plain))));
    }

    private static String shown(Collection<String> names) {
        int more = names.size() - NAMES_SHOWN;
        return String.join(", ", names.stream().limit(NAMES_SHOWN).toList())
                + (more > 0 ? " and " + more + " more" : "");
    }

    /** {@return the model's shape} */
    public Gpt2Config config() {
        return config;
    }

    /** {@return the model's tokenizer, with the tokens that end a text} */
    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /**
     * {@return what is in the files and not used: names of arrays that are no parameters of the
     * model, tokens that no text is encoded to, values that the model does not have}
     */
    public Set<String> unused() {
        return Collections.unmodifiableSet(unused);
    }

    /**
     * Reads a parameter.
     *
     * @param name its name in a {@link Gpt2}
     * @return its elements as a {@link Gpt2} has them; the caller's own
     * @throws IllegalArgumentException if there is no such parameter
     * @throws io.github.djlspectral.text.BadInputException if it is the token embedding and the
     *     output matrix in the file is another one, or biases that the model lacks are not zero
     * @throws java.io.UncheckedIOException if the file cannot be read
     */
    public float[] read(String name) {
        unless(shapes.containsKey(name), "%s has no parameter %s", stored.path(), name);
        float[] values = stored.read(storedNames.get(name));
        if (name.equals(TOKEN_EMBEDDING)) {
            storedNames.forEach((other, storedName) -> checkUnread(other, storedName, values));
        }
        return transposed(name, published(name, shapes.get(name)), values);
    }

    /** Checks the values of an array that is no parameter of the model. */
    private void checkUnread(String name, String storedName, float[] embedding) {
        if (name.equals(HEAD)) {
            unless(
                    Arrays.equals(embedding, stored.read(storedName)),
                    "%s has a %s that differs from the token embedding; only a tied head is"
                            + " supported",
                    stored.path(),
                    name);
        } else if (!shapes.containsKey(name)) {
            for (float value : stored.read(storedName)) {
                unless(
                        value == 0,
                        "%s has values other than 0 in %s, but its config.json says that there are"
                                + " no biases",
                        stored.path(),
                        name);
            }
        }
    }

    /**
     * Reads the model.
     *
     * @param manager the manager to whose device and lifetime the model is bound
     * @return the model, in float32
     * @throws io.github.djlspectral.text.BadInputException as {@link #read} throws it
     * @throws java.io.UncheckedIOException if the file cannot be read
     */
    public Gpt2 load(NDManager manager) {
        Gpt2 model = Gpt2.builder().setConfig(config).build();
        model.getParameters()
                .forEach(
                        named ->
                                named.getValue()
                                        .setInitializer(
                                                (its, shape, type) ->
                                                        its.create(read(named.getKey()), shape)));
        model.initialize(manager, DataType.FLOAT32, new Shape(1, 1));
        return model;
    }

    /**
     * Writes a model for Python's {@code GPT2LMHeadModel.from_pretrained}.
     *
     * @param folder the folder to make; it is there with all its files or not at all
     * @param model an initialised model
     * @param tokenizer its tokenizer
     * @param type the parameters' type in the file: float32, float16, bfloat16 or float64
     * @throws io.github.djlspectral.text.BadInputException if the tokenizer has more tokens than
     *     the model
     * @throws IllegalArgumentException if the type is another one
     * @throws java.io.UncheckedIOException if something of that name exists, it cannot be written,
     *     or a number is too large for the type
     */
    public static void write(Path folder, Gpt2 model, Tokenizer tokenizer, DataType type) {
        ParameterList parameters = model.getParameters();
        Function<String, float[]> weights =
                name ->
                        parameters
                                .get(name)
                                .getArray()
                                .toType(DataType.FLOAT32, false)
                                .toFloatArray();
        write(folder, model.getConfig(), tokenizer, weights, type);
    }

    /**
     * Writes a model that need not be in memory. One without biases gets some that are zero, and a
     * note in {@code config.json} by which {@link #open} leaves them out again.
     *
     * @param folder the folder to make; it is there with all its files or not at all
     * @param config the model's shape
     * @param tokenizer its tokenizer
     * @param weights gives the elements of each parameter of a {@link Gpt2} by its name
     * @param type the parameters' type in the file: float32, float16, bfloat16 or float64
     * @throws io.github.djlspectral.text.BadInputException if the tokenizer has more tokens than
     *     the model
     * @throws IllegalArgumentException if the type is another one
     * @throws java.io.UncheckedIOException if something of that name exists, it cannot be written,
     *     or a number is too large for the type
     */
    public static void write(
            Path folder,
            Gpt2Config config,
            Tokenizer tokenizer,
            Function<String, float[]> weights,
            DataType type) {
        HuggingFaceTokenizer.requireFit(tokenizer, config.vocabSize());
        Set<String> own = shapes(config, config.bias()).keySet();
        SafetensorsWriter tensors = new SafetensorsWriter(Map.of("format", "pt"));
        shapes(config, true)
                .forEach(
                        (name, shape) ->
                                tensors.add(
                                        PREFIX + name,
                                        published(name, shape),
                                        type,
                                        () ->
                                                own.contains(name)
                                                        ? transposed(
                                                                name, shape, weights.apply(name))
                                                        : new float[(int) shape.size()]));
        AtomicFiles.createFolder(
                folder,
                partial -> {
                    tensors.write(partial.resolve(StoredTensors.FILE));
                    String json = HuggingFaceConfig.text(config, tokenizer.endOfText(), type);
                    Files.writeString(partial.resolve(HuggingFaceConfig.FILE), json);
                    HuggingFaceTokenizer.write(partial, tokenizer, config.contextLength());
                });
    }

    /** Returns the shapes of a model's parameters in our layout, by their names, in order. */
    static Map<String, Shape> shapes(Gpt2Config config, boolean bias) {
        Gpt2Config shape =
                new Gpt2Config(
                        config.vocabSize(),
                        config.contextLength(),
                        config.layers(),
                        config.heads(),
                        config.width(),
                        config.dropout(),
                        bias);
        Map<String, Shape> shapes = new TreeMap<>();
        Gpt2.builder()
                .setConfig(shape)
                .build()
                .getParameters()
                .forEach(named -> shapes.put(named.getKey(), named.getValue().getShape()));
        return shapes;
    }

    /** Returns the shape that a parameter has in the published layout. */
    static Shape published(String name, Shape shape) {
        return TRANSPOSED.matcher(name).matches() ? new Shape(shape.get(1), shape.get(0)) : shape;
    }

    /**
     * Returns a parameter in the other layout. Rows go in groups, as a column's elements lie in as
     * many cache lines.
     *
     * @param shape the shape of the values given
     */
    private static float[] transposed(String name, Shape shape, float[] values) {
        if (!TRANSPOSED.matcher(name).matches()) {
            return values;
        }
        int rows = (int) shape.get(0);
        int columns = (int) shape.get(1);
        float[] result = new float[values.length];
        for (int start = 0; start < rows; start += GROUP) {
            for (int column = 0; column < columns; column++) {
                for (int row = start; row < Math.min(rows, start + GROUP); row++) {
                    result[column * rows + row] = values[row * columns + column];
                }
            }
        }
        return result;
    }
}
