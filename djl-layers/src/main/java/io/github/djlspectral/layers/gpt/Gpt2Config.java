package io.github.djlspectral.layers.gpt;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

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
 *     attention on a CPU slower, as the fused kernel there has no dropout
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

    private static final int PUBLISHED_VOCAB_SIZE = 50257;
    private static final int PUBLISHED_CONTEXT_LENGTH = 1024;
    private static final float PUBLISHED_DROPOUT = 0.1f;

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
        requirePositive("vocabSize", vocabSize);
        requirePositive("contextLength", contextLength);
        requirePositive("layers", layers);
        requirePositive("heads", heads);
        requirePositive("width", width);
        if (width % heads != 0) {
            throw new IllegalArgumentException(
                    "width must be a multiple of heads, got width " + width + ", heads " + heads);
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("dropout must be in [0, 1), got " + dropout);
        }
    }

    /**
     * The published model with 124 million parameters: 12 layers, 12 heads, width 768.
     *
     * @return the configuration, with the published dropout of 0.1
     */
    public static Gpt2Config gpt2Small() {
        return published(12, 12, 768);
    }

    /**
     * The published model with 355 million parameters: 24 layers, 16 heads, width 1024.
     *
     * @return the configuration, with the published dropout of 0.1
     */
    public static Gpt2Config gpt2Medium() {
        return published(24, 16, 1024);
    }

    /**
     * The published model with 774 million parameters: 36 layers, 20 heads, width 1280.
     *
     * @return the configuration, with the published dropout of 0.1
     */
    public static Gpt2Config gpt2Large() {
        return published(36, 20, 1280);
    }

    /**
     * The published model with 1558 million parameters: 48 layers, 25 heads, width 1600.
     *
     * @return the configuration, with the published dropout of 0.1
     */
    public static Gpt2Config gpt2Xl() {
        return published(48, 25, 1600);
    }

    private static Gpt2Config published(int layers, int heads, int width) {
        return new Gpt2Config(
                PUBLISHED_VOCAB_SIZE,
                PUBLISHED_CONTEXT_LENGTH,
                layers,
                heads,
                width,
                PUBLISHED_DROPOUT,
                true);
    }

    /**
     * Returns this configuration with another dropout.
     *
     * @param dropout the probability, in [0, 1)
     * @return the changed copy
     * @throws IllegalArgumentException if the probability is out of its range
     */
    public Gpt2Config withDropout(float dropout) {
        return new Gpt2Config(vocabSize, contextLength, layers, heads, width, dropout, bias);
    }

    /** Fails unless these are tokens and targets of one shape that the model can take. */
    void checkBatch(NDArray tokens, NDArray targets) {
        checkTokens("tokens", tokens);
        checkTokens("targets", targets);
        if (!tokens.getShape().equals(targets.getShape())) {
            throw new IllegalArgumentException(
                    "tokens and targets must have one shape, got %s and %s"
                            .formatted(tokens.getShape(), targets.getShape()));
        }
    }

    /** Fails unless these are tokens that the model can take: int64 [B, T]. */
    void checkTokens(String name, NDArray tokens) {
        Shape shape = tokens.getShape();
        if (tokens.getDataType() != DataType.INT64 || shape.dimension() != 2 || shape.size() == 0) {
            throw new IllegalArgumentException(
                    "%s must be int64 [batch, length], not empty, got %s %s"
                            .formatted(name, tokens.getDataType(), shape));
        }
        if (shape.get(1) > contextLength) {
            throw new IllegalArgumentException(
                    "%s: at most contextLength = %s tokens per sequence, got %s"
                            .formatted(name, contextLength, shape.get(1)));
        }
        // An index out of range aborts the process on a GPU.
        for (long token : tokens.toLongArray()) {
            if (token < 0 || token >= vocabSize) {
                throw new IllegalArgumentException(
                        name + " must be in [0, " + vocabSize + "), got " + token);
            }
        }
    }

    private static void requirePositive(String name, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, got " + value);
        }
    }
}
