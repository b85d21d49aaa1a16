package io.github.djlspectral.layers.gpt;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.Host;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/**
 * The shape of a {@link Gpt2}.
 *
 * @param vocabSize the number of tokens V; at least 1
 * @param contextLength the longest sequence, in tokens; at least 1
 * @param layers the number of transformer layers L; at least 1
 * @param heads the attention heads of a layer; at least 1, divides {@code width}
 * @param width the size C of a token's vector; at least 1. The hidden layer of a perceptron is four
 *     times as wide
 * @param dropout the probability with which training drops an element of the embeddings, the
 *     attention weights and the output of each half layer; in [0, 1). A probability above 0 makes
 *     attention on a CPU slower, as the fused kernel there has no dropout; 0.1 in the published
 *     models
 * @param bias whether matrices and normalisations have biases, as the published models do
 */
public record Gpt2Config(
        int vocabSize,
        int contextLength,
        int layers,
        int heads,
        int width,
        float dropout,
        boolean bias) {

    /**
     * Checks the ranges.
     *
     * @param vocabSize the number of tokens
     * @param contextLength the longest sequence
     * @param layers the number of layers
     * @param heads the attention heads of a layer
     * @param width the size of a token's vector
     * @param dropout the probability of dropping an element
     * @param bias whether there are biases
     * @throws IllegalArgumentException if a component is out of its range
     */
    public Gpt2Config {
        requireAtLeast(1, "vocabSize", vocabSize);
        requireAtLeast(1, "contextLength", contextLength);
        requireAtLeast(1, "layers", layers);
        requireAtLeast(1, "heads", heads);
        requireAtLeast(1, "width", width);
        String rule = "width must be a multiple of heads, got width %s, heads %s";
        require(width % heads == 0, rule, width, heads);
        require(dropout >= 0 && dropout < 1, "dropout must be in [0, 1), got %s", dropout);
    }

    /** {@return the published model of 124 million parameters: 12 layers, 12 heads, width 768} */
    public static Gpt2Config gpt2Small() {
        return published(12, 12, 768);
    }

    /** {@return the published model of 355 million parameters: 24 layers, 16 heads, width 1024} */
    public static Gpt2Config gpt2Medium() {
        return published(24, 16, 1024);
    }

    /** {@return the published model of 774 million parameters: 36 layers, 20 heads, width 1280} */
    public static Gpt2Config gpt2Large() {
        return published(36, 20, 1280);
    }

    /** {@return the published model of 1558 million parameters: 48 layers, 25 heads, width 1600} */
    public static Gpt2Config gpt2Xl() {
        return published(48, 25, 1600);
    }

    private static Gpt2Config published(int layers, int heads, int width) {
        return new Gpt2Config(50257, 1024, layers, heads, width, 0.1f, true);
    }

    /**
     * {@return this configuration with another dropout}
     *
     * @param dropout the probability, in [0, 1)
     */
    public Gpt2Config withDropout(float dropout) {
        return new Gpt2Config(vocabSize, contextLength, layers, heads, width, dropout, bias);
    }

    /**
     * Returns the rows of a batch whose targets count, none if all do; fails unless these are
     * tokens and targets of one shape that the model can take.
     */
    long[] checkBatch(NDArray tokens, NDArray targets) {
        checkTokens("tokens", tokens);
        Shape shape = tokens.getShape();
        Shape other = targets.getShape();
        String rule = "tokens and targets must have one shape, got %s and %s";
        require(shape.equals(other), rule, shape, other);
        DataType type = targets.getDataType();
        require(type == DataType.INT64, "targets must be int64, got %s", type);
        long[] values = Host.longs(targets);
        checkValues("targets", values, Long.MIN_VALUE);
        long[] rows = IntStream.range(0, values.length).asLongStream().toArray();
        rows = LongStream.of(rows).filter(row -> values[(int) row] >= 0).toArray();
        String nothing =
                "targets has nothing to learn: all %s are below 0, which says to ignore them";
        require(rows.length > 0, nothing, values.length);
        return rows.length == values.length ? new long[0] : rows;
    }

    /** Fails unless these are tokens that the model can take: int64 [B, T]. */
    void checkTokens(String name, NDArray tokens) {
        Shape shape = tokens.getShape();
        DataType type = tokens.getDataType();
        boolean legal = type == DataType.INT64 && shape.dimension() == 2 && shape.size() > 0;
        require(legal, "%s must be int64 [batch, length], not empty, got %s %s", name, type, shape);
        String rule = "%s: at most contextLength = %s tokens per sequence, got %s";
        require(shape.get(1) <= contextLength, rule, name, contextLength, shape.get(1));
        checkValues(name, Host.longs(tokens), 0);
    }

    /** An index out of range aborts the process on a GPU. */
    private void checkValues(String name, long[] values, long least) {
        for (long value : values) {
            if (value < least || value >= vocabSize) { // boxes none that is legal
                String range = least == 0 ? "in [0, %s)" : "below %s, negative to be ignored";
                require(false, "%s must be " + range + ", got %s", name, vocabSize, value);
            }
        }
    }
}
