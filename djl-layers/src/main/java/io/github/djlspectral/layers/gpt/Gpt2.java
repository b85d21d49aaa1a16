package io.github.djlspectral.layers.gpt;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.djlspectral.layers.SelfDescribingBlock;
import io.github.djlspectral.optim.FusedWeights;
import java.io.DataInputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

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
 * <p>On a CPU, {@link Gpt2Backpropagation} computes the same gradient faster.
 *
 * <p>Each layer is one native call. With {@code training} false nothing is recorded for a gradient
 * and there is no dropout. Tokens are checked on the host, which waits for a GPU to deliver them.
 *
 * <p>To generate, give {@link #next} the prompt and then each new token: it keeps the keys and
 * values of all tokens before in a {@link KeyValueCache}. An initialised model may be used from
 * several threads at a time, as long as none trains it.
 */
public final class Gpt2 extends SelfDescribingBlock implements FusedWeights {

    private final Gpt2Config config;
    final Gpt2Parameters weights;
    final Precision precision;

    private Gpt2(Builder builder) {
        super(
                "vocabSize", builder.config.vocabSize(),
                "contextLength", builder.config.contextLength(),
                "layers", builder.config.layers(),
                "heads", builder.config.heads(),
                "width", builder.config.width(),
                "bias", builder.config.bias());
        config = builder.config;
        weights = new Gpt2Parameters(config);
        weights.all().forEach(this::addParameter);
        precision = builder.precision;
    }

    /** {@return a new builder, which lacks the configuration} */
    public static Builder builder() {
        return new Builder();
    }

    /** {@return 3 for the query, key and value of a layer, which share a parameter} */
    @Override
    public int matrices(String parameter) {
        return parameter.endsWith("attn.c_attn.weight") ? 3 : 1;
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
     * @param targets int64 [B, T]: the token that follows each token, in [0, V)
     * @param training whether dropout is on and a gradient recorded
     * @throws IllegalArgumentException if a shape, type or value is not as described
     */
    public NDArray loss(
            ParameterStore parameterStore, NDArray tokens, NDArray targets, boolean training) {
        config.checkBatch(tokens, targets);
        try (NDArray hidden = hidden(parameterStore, tokens, training)) {
            NDList head = values(parameterStore, weights.head(), tokens, training);
            return call(training, training ? "loss" : "evaluate", hidden, head, targets);
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
        NDList values = values(parameterStore, weights.all(), tokens, false);
        long[] rows = Arrays.stream(sequences).asLongStream().toArray();
        long[] lengths = Arrays.stream(sequences).mapToLong(cache::length).toArray();
        NDManager manager = tokens.getManager();
        boolean mixed = manager.getDevice().isGpu();
        NDArray logits =
                format(manager)
                        .withoutRounding()
                        .kernels(config, false)
                        .call(manager, "decode", tokens, values, cache.array, rows, lengths, mixed)
                        .singletonOrThrow();
        cache.grow((int) tokens.getShape().get(1), sequences);
        return logits;
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
        try (NDArray hidden = hidden(parameterStore, tokens, training)) {
            NDList head = values(parameterStore, weights.head(), tokens, training);
            return new NDList(call(training, "logits", hidden, head));
        }
    }

    /** Returns the residual stream after the last layer, [B, T, C]. */
    private NDArray hidden(ParameterStore parameterStore, NDArray tokens, boolean training) {
        List<Parameter> embeddings = List.of(weights.tokenEmbedding, weights.positionEmbedding);
        NDList tables = values(parameterStore, embeddings, tokens, training);
        try (NDManager host = tokens.getManager().newSubManager(Device.cpu())) {
            NDList dropout = training ? dropout(host) : new NDList();
            NDArray x = call(training, "embed", tokens, tables.addAll(dropout));
            for (List<Parameter> layer : weights.layers) {
                NDList values = values(parameterStore, layer, tokens, training).addAll(dropout);
                // What the gradient needs of a layer's input the native graph holds itself.
                try (NDArray input = x) {
                    x = call(training, "layer", input, values);
                }
            }
            return x;
        }
    }

    /**
     * The probability, on the host, if it is not 0: a constant would be compiled for each value.
     */
    private NDList dropout(NDManager host) {
        if (config.dropout() == 0) {
            return new NDList();
        }
        double exact = Double.parseDouble(Float.toString(config.dropout()));
        return new NDList(host.create(exact));
    }

    private NDArray call(boolean training, String function, NDArray input, Object... others) {
        NDManager manager = input.getManager();
        return format(manager)
                .kernels(config, training)
                .forward(training, manager, function, input, others)
                .singletonOrThrow();
    }

    private ProductFormat format(NDManager manager) {
        return ProductFormat.of(precision, manager.getDevice());
    }

    private static NDList values(
            ParameterStore parameterStore,
            List<Parameter> parameters,
            NDArray tokens,
            boolean training) {
        NDList values = new NDList(parameters.size());
        for (Parameter parameter : parameters) {
            values.add(parameterStore.getValue(parameter, tokens.getDevice(), training));
        }
        return values;
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
