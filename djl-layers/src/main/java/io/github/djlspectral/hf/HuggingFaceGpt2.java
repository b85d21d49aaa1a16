package io.github.djlspectral.hf;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.ParameterList;
import ai.djl.util.Pair;
import com.google.gson.JsonPrimitive;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.io.Safetensors;
import io.github.djlspectral.io.SafetensorsWriter;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenizer;
import io.github.djlspectral.torch.Host;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Supplier;

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

    private static final String WEIGHTS = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";
    private static final Set<String> TYPES = Set.of("F32", "F16", "BF16", "F64");
    private static final String PREFIX = "transformer.";
    private static final String PREFIXES = "^((_orig_mod|module|transformer)\\.)+"; // wrappers' too
    private static final String MASK = "h\\.\\d+\\.attn\\.(bias|masked_bias)";
    private static final String TRANSPOSED = "h\\.\\d+\\.(attn|mlp)\\.c_(attn|proj|fc)\\.weight";
    private static final String TOKEN_EMBEDDING = "wte.weight";
    private static final String HEAD = "lm_head.weight";
    private static final int NAMES_SHOWN = 8;
    private static final int GROUP = 32;

    private final Path path;
    private final Gpt2Config config;
    private final Tokenizer tokenizer;
    private final Map<String, Safetensors> files;
    private final Map<String, Shape> shapes;
    private final Map<String, String> storedNames = new TreeMap<>(); // by those without a prefix
    private final Set<String> unused = new TreeSet<>();

    private HuggingFaceGpt2(Path path) {
        this.path = path;
        unless(Files.exists(path), "There is no checkpoint in %s: it does not exist", path);
        Path directory = Files.isDirectory(path) ? path : path.toAbsolutePath().getParent();
        JsonFile json = JsonFile.read(directory.resolve(HuggingFaceConfig.FILE));
        config = HuggingFaceConfig.read(json);
        files = files(path);
        String few = "%s has %s arrays, but by its config.json the model has %s layers";
        unless(config.layers() <= files.size(), few, path, files.size(), config.layers());
        shapes = shapes(config, config.bias());
        assign();
        boolean head = json.flag("tie_word_embeddings", true) || storedNames.containsKey(HEAD);
        unless(head, "%s has tie_word_embeddings false, but lacks %s", json.path(), HEAD);
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
     * @throws BadInputException if a file is missing or damaged, a parameter is missing or of
     *     another shape, or the model or its tokenizer is not supported; the message says which
     */
    public static HuggingFaceGpt2 open(Path path) {
        return new HuggingFaceGpt2(path);
    }

    /** Finds the file of each array. */
    private static Map<String, Safetensors> files(Path path) {
        Map<String, Safetensors> files = new TreeMap<>();
        Path single = Files.isDirectory(path) ? path.resolve(WEIGHTS) : path;
        if (Files.exists(single)) {
            Safetensors file = safetensors(single);
            file.names().forEach(name -> files.put(name, file));
            return files;
        }
        Path index = path.resolve(INDEX);
        boolean sharded = Files.exists(index);
        unless(sharded, "%s has neither %s nor %s: is it a checkpoint?", path, WEIGHTS, INDEX);
        JsonFile map = JsonFile.read(index).requireObject("weight_map");
        Map<String, Safetensors> shards = new HashMap<>();
        for (String name : map.object().keySet()) {
            String shard = map.require(name, JsonPrimitive.class).getAsString();
            boolean plain = shard.matches("[A-Za-z0-9_][A-Za-z0-9_.-]*"); // leads to no other place
            unless(plain, "%s has '%s', which is no plain file name", index, shard);
            files.put(name, shards.computeIfAbsent(shard, s -> safetensors(path.resolve(s))));
            boolean there = files.get(name).names().contains(name);
            unless(there, "%s has %s in %s, where it is not", index, name, shard);
        }
        int arrays = shards.values().stream().mapToInt(shard -> shard.names().size()).sum();
        String more = "%s has %s arrays, but its files have %s";
        unless(arrays == files.size(), more, index, files.size(), arrays);
        return files;
    }

    private static Safetensors safetensors(Path file) {
        unless(Files.exists(file), "%s is missing", file);
        try {
            return Safetensors.open(file);
        } catch (IOException e) {
            throw new BadInputException(e.getMessage(), e);
        }
    }

    /** Finds the array of each parameter. */
    private void assign() {
        Map<String, Shape> known = shapes(config, true);
        known.put(HEAD, shapes.get(TOKEN_EMBEDDING));
        for (String name : files.keySet()) {
            String plain = name.replaceFirst(PREFIXES, "");
            if (known.containsKey(plain)) {
                String other = storedNames.put(plain, name);
                unless(other == null, "%s has both %s and %s", path, other, name);
            } else if (!plain.matches(MASK)) {
                unused.add(name);
            }
        }
        Set<String> missing = new TreeSet<>(shapes.keySet());
        missing.removeAll(storedNames.keySet());
        List<String> some = missing.stream().limit(NAMES_SHOWN).toList();
        List<String> others = unused.stream().limit(NAMES_SHOWN).toList();
        String lacks = "%s lacks %s parameters: %s; not used: %s";
        unless(missing.isEmpty(), lacks, path, missing.size(), some, others);
        storedNames.forEach((plain, name) -> check(name, published(plain, known.get(plain))));
    }

    private void check(String name, Shape expected) {
        Shape shape = files.get(name).shape(name);
        String other = "%s has %s of shape %s, but by its config.json it should be %s";
        unless(shape.equals(expected), other, path, name, shape, expected);
        String type = files.get(name).type(name);
        String supported = "%s has %s as %s; convert it to F32, F16, BF16 or F64";
        unless(TYPES.contains(type), supported, path, name, type);
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
     * @throws BadInputException if it is the token embedding and the output matrix in the file is
     *     another one, or biases that the model lacks are not zero
     * @throws java.io.UncheckedIOException if the file cannot be read
     */
    public float[] read(String name) {
        unless(shapes.containsKey(name), "%s has no parameter %s", path, name);
        float[] values = stored(name);
        if (name.equals(TOKEN_EMBEDDING)) {
            Set<String> unread = new TreeSet<>(storedNames.keySet());
            unread.removeAll(shapes.keySet());
            unread.forEach(other -> checkUnread(other, values));
        }
        return transposed(name, published(name, shapes.get(name)), values);
    }

    private float[] stored(String name) {
        String storedName = storedNames.get(name);
        return files.get(storedName).read(storedName);
    }

    /** Checks that an array has the only values that make a model the same without it. */
    private void checkUnread(String name, float[] embedding) {
        boolean head = name.equals(HEAD);
        float[] values = stored(name);
        boolean legal = Arrays.equals(values, head ? embedding : new float[values.length]);
        String only = head ? "the token embedding's: its head must be tied" : "0: it has no biases";
        unless(legal, "%s has %s with values other than %s", path, name, only);
    }

    /**
     * Reads the model.
     *
     * @param manager the manager to whose device and lifetime the model is bound
     * @return the model, in float32
     * @see #read
     */
    public Gpt2 load(NDManager manager) {
        Gpt2 model = Gpt2.builder().setConfig(config).build();
        for (Pair<String, Parameter> named : model.getParameters()) {
            String name = named.getKey();
            named.getValue().setInitializer((its, shape, type) -> its.create(read(name), shape));
        }
        model.initialize(manager, DataType.FLOAT32, new Shape(1, 1));
        return model;
    }

    /**
     * Writes a model for Python's {@code GPT2LMHeadModel.from_pretrained}.
     *
     * @param folder the folder to make; it is there with all its files or not at all
     * @param model an initialised model of float32
     * @param tokenizer its tokenizer
     * @param type the parameters' type in the file: float32, float16, bfloat16 or float64
     * @throws BadInputException if the tokenizer has more tokens than the model, or the model has
     *     adapters or layers that others do not
     * @throws java.io.UncheckedIOException if the folder exists or cannot be written, or a number
     *     is too large for the type
     */
    public static void write(Path folder, Gpt2 model, Tokenizer tokenizer, DataType type) {
        ParameterList all = model.getParameters();
        Set<String> others = new TreeSet<>(all.keys());
        others.removeAll(shapes(model.getConfig(), model.getConfig().bias()).keySet());
        String fault = "a GPT-2 elsewhere has no %s: merge() adapters, replace no layer";
        unless(others.isEmpty(), fault, others);
        Function<String, float[]> weights =
                name -> Host.read(all.get(name).getArray(), NDArray::toFloatArray);
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
     * @see #write(Path, Gpt2, Tokenizer, DataType)
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
        for (Map.Entry<String, Shape> parameter : shapes(config, true).entrySet()) {
            String name = parameter.getKey();
            Shape shape = parameter.getValue();
            Supplier<float[]> values =
                    own.contains(name)
                            ? () -> transposed(name, shape, weights.apply(name))
                            : () -> new float[(int) shape.size()];
            tensors.add(PREFIX + name, published(name, shape), type, values);
        }
        AtomicFiles.createFolder(
                folder,
                partial -> {
                    tensors.write(partial.resolve(WEIGHTS));
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
        ParameterList parameters = Gpt2.builder().setConfig(shape).build().getParameters();
        parameters.forEach(named -> shapes.put(named.getKey(), named.getValue().getShape()));
        return shapes;
    }

    /** Returns the shape that a parameter has in the published layout. */
    static Shape published(String name, Shape shape) {
        return name.matches(TRANSPOSED) ? new Shape(shape.get(1), shape.get(0)) : shape;
    }

    /** Returns a parameter in the other layout. Groups of rows share a column's cache lines. */
    private static float[] transposed(String name, Shape shape, float[] values) {
        if (!name.matches(TRANSPOSED)) {
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
