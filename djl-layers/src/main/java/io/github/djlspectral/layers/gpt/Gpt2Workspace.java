package io.github.djlspectral.layers.gpt;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;

import ai.djl.ndarray.types.Shape;
import java.util.List;

/**
 * The memory of a {@link Gpt2Backpropagation}, as {@code backpropagation.py} describes it, for at
 * most so many sequences of so many tokens, with at most so many logits at a time, but at least one
 * row; rounded if operands of products are.
 */
record Gpt2Workspace(
        Gpt2Config config, int batchSize, int length, boolean rounded, int mostLogits) {

    /** The usual limit. For each chunk the head's matrix is prepared for a product anew. */
    static final int MOST_LOGITS = 52_000_000;

    Gpt2Workspace {
        requireAtLeast(1, "batchSize", batchSize);
        int most = config.contextLength();
        String rule = "length must be in [1, contextLength = %s], got %s";
        require(length >= 1 && length <= most, rule, most, length);
    }

    /** The shapes of the arrays, in the order in which the native function takes them. */
    List<Shape> shapes() {
        long n = rows();
        long layers = config.layers();
        long width = config.width();
        long largest = Math.max(config.vocabSize(), 4 * width) * width;
        return List.of(
                new Shape(2 * layers + 1, n, width),
                new Shape(2 * layers + 1, n, width),
                new Shape(layers, n, 3 * width),
                new Shape(layers, n, width),
                new Shape(layers, n, 4 * width),
                new Shape(layers, n, 4 * width),
                new Shape(2 * layers + 1, 2, n, 1),
                new Shape(layers, n, config.heads()),
                new Shape(n, width),
                new Shape(n, width),
                new Shape(n, 4 * width),
                new Shape(logitRows(), config.vocabSize()),
                new Shape(2, rounded ? n * width : 0),
                new Shape(rounded ? largest : 0));
    }

    void checkRoom(Shape tokens) {
        boolean fits = tokens.get(0) <= batchSize && tokens.get(1) <= length;
        String rule = "the workspace is for at most (%s, %s) tokens, got %s";
        require(fits, rule, batchSize, length, tokens);
    }

    private long rows() {
        return (long) batchSize * length;
    }

    /** Rows such that chunks are equal, but for the last. */
    private long logitRows() {
        long most = Math.max(1, mostLogits / config.vocabSize());
        long chunks = (rows() + most - 1) / most;
        return (rows() + chunks - 1) / chunks;
    }
}
