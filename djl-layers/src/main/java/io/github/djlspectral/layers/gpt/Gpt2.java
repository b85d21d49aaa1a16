package io.github.djlspectral.layers.gpt;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.BlockList;
import ai.djl.nn.Parameter;
import ai.djl.nn.ParameterList;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.djlspectral.layers.SelfDescribingBlock;
import io.github.djlspectral.torch.Host;
import io.github.djlspectral.torch.TorchScript;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * GPT-2: tokens in, a score for every possible next token out.
 *
 * <p>Called with one array, int64 tokens [B, T], the block returns logits [B, T, V] of the weights'
 * type. Called with two, tokens and targets, both int64 [B, T], it returns what {@link #loss} does;
 * that is the form to train with, as it never holds all logits:
 *
 * <pre>{@code
 * NDArray loss = trainer.forward(new NDList(tokens, targets)).singletonOrThrow();
 * collector.backward(loss);
 * }</pre>
 *
 * <p>The architecture is the published one: normalisation before each half layer, causal attention,
 * GELU in its tanh form, and an output matrix that is the token embedding itself. Parameters have
 * the names of the published checkpoints, such as {@code h.0.attn.c_attn.weight}; their matrices
 * are [outputs, inputs], the transpose of those checkpoints'. Initial weights are normal with
 * standard deviation 0.02, but 0.02 / sqrt(2 layers) for the projections {@code c_proj} onto the
 * residual stream; {@link ai.djl.engine.Engine#setRandomSeed} determines them and dropout.
 *
 * <p>{@link LossGradient} adds up the same gradients in less time and, if asked to, memory.
 *
 * <p>The layers are child blocks, {@code h.0} and on: they can be walked, frozen with {@link
 * ai.djl.nn.Block#freezeParameters}, and replaced with {@link #replaceLayer}. Each is one native
 * call. With {@code training} false nothing is recorded for a gradient and there is no dropout.
 * Tokens are checked on the host, which waits for a GPU to deliver them.
 *
 * <p>To generate, give {@link #next} the prompt and then each new token: it keeps the keys and
 * values of all tokens before in a {@link KeyValueCache}. An initialised model may be used from
 * several threads at a time, as long as none trains it.
 */
public final class Gpt2 extends SelfDescribingBlock {

    private final Gpt2Config config;
    private final Gpt2Parameters weights;
    final Gpt2Functions functions;
    final Block[] layers;

    private Gpt2(Builder builder) {
        super(
                "vocabSize", builder.config.vocabSize(),
                "contextLength", builder.config.contextLength(),
                "layers", builder.config.layers(),
                "heads", builder.config.heads(),
                "width", builder.config.width(),
                "bias", builder.config.bias());
        config = builder.config;
        functions = new Gpt2Functions(config, builder.precision);
        weights = new Gpt2Parameters(config);
        embeddings().forEach(this::addParameter);
        weights.finalNorm.forEach(this::addParameter);
        layers =
                weights.layers.stream()
                        .map(own -> new Gpt2Layer(functions, own))
                        .toArray(Block[]::new);
    }

    /** {@return a new builder, which lacks the configuration} */
    public static Builder builder() {
        return new Builder();
    }

    List<Parameter> embeddings() {
        return List.of(weights.tokenEmbedding, weights.positionEmbedding);
    }

    /** {@return the layers by name, {@code h.0} and on} */
    @Override
    public BlockList getChildren() {
        BlockList children = new BlockList();
        for (int i = 0; i < layers.length; i++) {
            children.add("h." + i, layers[i]);
        }
        return children;
    }

    /**
     * {@return all parameters by name, in the order of the published checkpoints; those of a layer
     * that was replaced have its name before theirs}
     */
    @Override
    public ParameterList getParameters() {
        ParameterList all = new ParameterList();
        embeddings().forEach(parameter -> all.add(parameter.getName(), parameter));
        for (int i = 0; i < layers.length; i++) {
            String prefix = layers[i] instanceof Gpt2Layer ? "" : "h." + i + ".";
            layers[i].getParameters().forEach(p -> all.add(prefix + p.getKey(), p.getValue()));
        }
        weights.finalNorm.forEach(parameter -> all.add(parameter.getName(), parameter));
        return all;
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType type, Shape... inputShapes) {
        for (Block layer : layers) {
            layer.initialize(manager, type, inputShapes[0].add(config.width()));
        }
    }

    /**
     * Puts another block in a layer's place. Its parameters are the model's, under the layer's
     * name.
     *
     * @param index the layer's number, in [0, layers)
     * @param layer takes [B, T, C] and returns it, adding to what it was given if it is to be a
     *     residual layer; nothing may pass from later tokens to earlier ones. {@link #next} and
     *     export to other programs need the model's own layers
     * @throws IllegalArgumentException if there is no layer of this number
     */
    public void replaceLayer(int index, Block layer) {
        String rule = "index must be in [0, layers = %s), got %s";
        require(index >= 0 && index < layers.length, rule, layers.length, index);
        layers[index] = Objects.requireNonNull(layer, "layer");
    }

    /** The layers, none of which was replaced. */
    List<Gpt2Layer> ownLayers(String purpose) {
        List<Gpt2Layer> own = new ArrayList<>();
        for (int i = 0; i < layers.length; i++) {
            if (layers[i] instanceof Gpt2Layer layer) {
                own.add(layer);
            } else {
                String fault = "%s needs the model's own layers, but h.%s was replaced";
                throw new IllegalStateException(fault.formatted(purpose, i));
            }
        }
        return own;
    }

    /**
     * Adds low-rank adapters and freezes all other parameters. The function is the same at first.
     *
     * @param lora what they are like
     * @throws IllegalStateException if the model has adapters or a layer was replaced
     * @throws ai.djl.nn.UninitializedParameterException if the model is not initialised
     */
    public void adapt(Lora lora) {
        lora.addTo(this, Parameter::getInitializer);
    }

    /**
     * Adds to each weight what its adapter adds, and takes the adapters away. The function is the
     * same, up to rounding; the other parameters are trained again.
     *
     * @throws IllegalStateException if there are no adapters
     */
    public void merge() {
        Lora.of(this).mergeInto(this);
    }

    /** {@return the model's shape} */
    public Gpt2Config getConfig() {
        return config;
    }

    /**
     * {@return the mean cross-entropy of the next token, in nats, a scalar of the weights' type} It
     * is found without ever holding all logits: their gradient is computed together with their
     * loss, some rows at a time.
     *
     * @param parameterStore the parameters on each device
     * @param tokens int64 [B, T]; T at most the context length, values in [0, V)
     * @param targets int64 [B, T]: the token that follows each token, below V; where it is below 0,
     *     by convention -1 or -100, the position does not count: the mean is over the others
     * @param training whether dropout is on and a gradient recorded
     * @throws IllegalArgumentException if a shape, type or value is not as described, or no
     *     position counts
     */
    public NDArray loss(
            ParameterStore parameterStore, NDArray tokens, NDArray targets, boolean training) {
        long[] rows = config.checkBatch(tokens, targets);
        try (NDArray x = stream(parameterStore, tokens, training);
                NDList counted = Gpt2Functions.counted(targets, rows)) {
            String function = training ? "loss" : "evaluate";
            return functions.call(
                    training,
                    function,
                    x,
                    head(parameterStore, x, training),
                    counted.get(0),
                    counted.get(1));
        }
    }

    /**
     * {@return the hidden states, what the logits are a linear function of: the residual stream
     * after the last layer, normalised, [B, T, C]}
     *
     * @param parameterStore the parameters on each device
     * @param tokens int64 [B, T]; T at most the context length, values in [0, V)
     * @param training whether dropout is on and a gradient recorded
     * @throws IllegalArgumentException if a shape, type or value is not as described
     */
    public NDArray hidden(ParameterStore parameterStore, NDArray tokens, boolean training) {
        config.checkTokens("tokens", tokens);
        return ofRows("hidden", parameterStore, tokens, training);
    }

    /** Returns the hidden states that {@link #lastLogits} are made of, [B, C]. */
    NDArray lastHidden(
            ParameterStore parameterStore, NDArray tokens, boolean training, int... lengths) {
        long[] rows = lastRows(tokens, lengths);
        return ofRows("hidden", parameterStore, tokens, training, rows);
    }

    /**
     * {@return a block that makes of each text its last token's {@link #hidden} state: int64 [B,
     * T], a text a row, with numbers below 0 from its end on and nowhere else, to [B, C]} Its
     * parameters are the model's. What follows it is a head of another kind, here a classifier's:
     *
     * <pre>{@code
     * new SequentialBlock().add(gpt2.encoder()).add(Linear.builder().setUnits(classes).build())
     * }</pre>
     */
    public Block encoder() {
        return new Gpt2Encoder(this);
    }

    /**
     * {@return the logits of the token that follows each sequence, [B, V], without gradients}
     * Sequences that are shorter than the array are padded at their end, with any tokens.
     *
     * @param parameterStore the parameters on each device
     * @param tokens int64 [B, T]; T at most the context length, values in [0, V)
     * @param lengths how many tokens each sequence has, in [1, T]; none: T
     * @throws IllegalArgumentException if a shape, type or value is not as described
     */
    public NDArray lastLogits(ParameterStore parameterStore, NDArray tokens, int... lengths) {
        return ofRows("logits", parameterStore, tokens, false, lastRows(tokens, lengths));
    }

    /** Checks tokens and lengths; returns where each sequence ends among all rows. */
    private long[] lastRows(NDArray tokens, int... lengths) {
        config.checkTokens("tokens", tokens);
        int batch = (int) tokens.getShape().get(0);
        int most = (int) tokens.getShape().get(1);
        boolean all = lengths.length == 0;
        String rule = "lengths must be one for each of %s sequences, in [1, %s], got %s";
        boolean legal = Arrays.stream(lengths).allMatch(n -> n >= 1 && n <= most);
        String given = Arrays.toString(lengths);
        require(all || legal && lengths.length == batch, rule, batch, most, given);
        long[] rows = new long[batch];
        Arrays.setAll(rows, i -> (long) i * most + (all ? most : lengths[i]) - 1);
        return rows;
    }

    /** Calls a function of the stream's chosen rows, or of all. */
    private NDArray ofRows(
            String function, ParameterStore store, NDArray tokens, boolean training, long... rows) {
        try (NDArray x = stream(store, tokens, training);
                NDArray chosen = Host.create(tokens.getManager(), rows, new Shape(rows.length))) {
            return functions.call(training, function, x, head(store, x, training), chosen);
        }
    }

    /**
     * {@return the memory, empty, of sequences that are to be continued token by token with {@link
     * #next}; the caller closes it}
     *
     * @param manager the manager to whose device and lifetime the memory is bound
     * @param sequences how many sequences it has room for; at least 1
     * @param capacity the most tokens it can hold of each; in [1, context length]
     * @throws IllegalArgumentException if a number is not as described
     * @throws ai.djl.nn.UninitializedParameterException if the model is not initialised
     */
    public KeyValueCache newCache(NDManager manager, int sequences, int capacity) {
        DataType type = weights.tokenEmbedding.getArray().getDataType();
        return new KeyValueCache(manager, config, sequences, capacity, type);
    }

    /**
     * Appends tokens to sequences and returns the logits of the token that follows each. The result
     * is that of a forward pass over the whole sequences, up to rounding, but only the new tokens
     * are computed: first give a prompt, then a token per call. One native call, without gradients
     * or dropout. Sequences may differ in length, and nothing in a batch depends on what else is in
     * it, up to rounding.
     *
     * @param parameterStore the parameters on each device
     * @param tokens the new tokens, int64 [B, t], values in [0, V)
     * @param cache the memory; its sequences grow by t tokens, or are unchanged if this fails
     * @param sequences the B sequences of the cache that the rows of tokens continue, all
     *     different; fastest if each is the one after that before it
     * @return the logits after the last token [B, V], of the weights' type
     * @throws IllegalArgumentException if a shape, type or value is not as described, the cache is
     *     another model's, or has no room for t more tokens
     */
    public NDArray next(
            ParameterStore parameterStore, NDArray tokens, KeyValueCache cache, int... sequences) {
        config.checkTokens("tokens", tokens);
        cache.checkRoom(config, tokens.getShape(), sequences);
        List<Gpt2Layer> own = ownLayers("next");
        long[] rows = Arrays.stream(sequences).asLongStream().toArray();
        long[] lengths = Arrays.stream(sequences).mapToLong(cache::length).toArray();
        NDManager manager = tokens.getManager();
        boolean mixed = manager.getDevice().isGpu();
        TorchScript kernels = functions.forDecoding(manager);
        try (NDManager host = manager.newSubManager(Device.cpu())) {
            NDList values = Gpt2Functions.values(parameterStore, embeddings(), tokens, false);
            own.forEach(l -> values.addAll(l.values(parameterStore, tokens, false, host)));
            values.addAll(Gpt2Functions.values(parameterStore, weights.finalNorm, tokens, false));
            NDArray logits =
                    kernels.call(
                                    manager,
                                    "decode",
                                    tokens,
                                    values,
                                    cache.array,
                                    rows,
                                    lengths,
                                    mixed)
                            .singletonOrThrow();
            cache.grow((int) tokens.getShape().get(1), sequences);
            return logits;
        }
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore parameterStore,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        return inputs.size() == 2
                ? new NDList(loss(parameterStore, inputs.get(0), inputs.get(1), training))
                : super.forwardInternal(parameterStore, inputs, training, params);
    }

    @Override
    protected NDList forwardOne(ParameterStore parameterStore, NDArray tokens, boolean training) {
        config.checkTokens("tokens", tokens);
        try (NDArray rows = ofRows("logits", parameterStore, tokens, training)) {
            return new NDList(rows.reshape(tokens.getShape().add(config.vocabSize())));
        }
    }

    Function<NDManager, NDList> head(ParameterStore store, NDArray x, boolean training) {
        NDList values = Gpt2Functions.values(store, weights.head(), x, training);
        return host -> values;
    }

    /** Returns the residual stream after the last layer, [B, T, C]. */
    NDArray stream(ParameterStore parameterStore, NDArray tokens, boolean training) {
        NDArray x = embed(parameterStore, tokens, training);
        for (Block layer : layers) {
            // What the gradient needs of a layer's input the native graph holds itself.
            try (NDArray input = x) {
                x = layer.forward(parameterStore, new NDList(input), training).singletonOrThrow();
            }
        }
        return x;
    }

    NDArray embed(ParameterStore parameterStore, NDArray tokens, boolean training) {
        NDList tables = Gpt2Functions.values(parameterStore, embeddings(), tokens, training);
        return functions.call(training, "embed", tokens, host -> tables);
    }

    /** The layers' parameters lie between the others, as if they were this block's own. */
    @Override
    public void saveParameters(DataOutputStream os) throws IOException {
        os.write(version);
        saveMetadata(os);
        for (Object part : parts()) {
            if (part instanceof Parameter parameter) {
                parameter.save(os);
            } else {
                ((Block) part).saveParameters(os);
            }
        }
    }

    @Override
    public void loadParameters(NDManager manager, DataInputStream is)
            throws IOException, MalformedModelException {
        loadMetadata(is.readByte(), is);
        for (Object part : parts()) {
            if (part instanceof Parameter parameter) {
                parameter.load(manager, is);
            } else {
                ((Block) part).loadParameters(manager, is);
            }
        }
    }

    /** What is saved: parameters, and layers that were replaced. */
    private List<Object> parts() {
        List<Object> parts = new ArrayList<>(embeddings());
        for (Block layer : layers) {
            boolean own = layer instanceof Gpt2Layer;
            parts.addAll(own ? layer.getDirectParameters().values() : List.of(layer));
        }
        parts.addAll(weights.finalNorm);
        return parts;
    }

    /** Version 1 has the configuration, without dropout, in the words of this text. */
    @Override
    protected void loadVersion1(DataInputStream is) throws IOException, MalformedModelException {
        String own =
                ("Gpt2Config[vocabSize=%s, contextLength=%s, layers=%s, heads=%s, width=%s,"
                                + " dropout=0.0, bias=%s]")
                        .formatted(
                                config.vocabSize(),
                                config.contextLength(),
                                config.layers(),
                                config.heads(),
                                config.width(),
                                config.bias());
        String stored = is.readUTF();
        if (!stored.equals(own)) {
            throw new MalformedModelException(
                    "The parameters are those of %s, but this block is %s: build it as it was saved"
                            .formatted(stored, own));
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        boolean loss = inputShapes.length == 2;
        return new Shape[] {loss ? new Shape() : inputShapes[0].add(config.vocabSize())};
    }

    /** Builds a {@link Gpt2}. */
    public static final class Builder {

        private Gpt2Config config;
        private Precision precision = Precision.FLOAT32;

        private Builder() {}

        /**
         * Sets the shape of the model (required).
         *
         * @param config the configuration
         * @return this builder
         */
        public Builder setConfig(Gpt2Config config) {
            this.config = config;
            return this;
        }

        /**
         * Sets the number format of the matrix products.
         *
         * @param precision the format; float32 by default
         * @return this builder
         */
        public Builder optPrecision(Precision precision) {
            this.precision = Objects.requireNonNull(precision, "precision");
            return this;
        }

        /** {@return the block, not yet initialised} The configuration must be set. */
        public Gpt2 build() {
            require(config != null, "Gpt2 needs a configuration: setConfig(..)");
            return new Gpt2(this);
        }
    }
}
