package io.github.djlspectral.examples.bench;

import io.github.djlspectral.layers.gpt.Gpt2Config;

/**
 * The memory that training a {@link io.github.djlspectral.layers.gpt.Gpt2} in float32 needs beyond
 * the loaded engine, in bytes.
 *
 * <p>With P parameters, of which H in hidden matrices, L layers of width C with h heads, V tokens
 * in the vocabulary and N = B T tokens in the batch, in numbers of 4 bytes:
 *
 * <pre>
 * weights      P
 * gradients    P
 * state        2 P for AdamW;  H + 2 (P - H) for Muon
 * activations  L N (16 C + h + 4) + N (2 C + 2)
 * loss         r V + 2 V C + 2 N C       r rows of logits at a time
 * update       V C + 8 C^2               gradient copied for the update; Muon's workspace
 * peak         weights + gradients + state + max(activations + loss, update)
 * </pre>
 *
 * @param config the model, with biases and without dropout
 * @param batch the number of sequences B
 * @param length the tokens of each T
 * @param muon whether the optimizer is Muon, with AdamW for what is no hidden matrix
 */
record MemoryModel(Gpt2Config config, int batch, int length, boolean muon) {

    private static final long FLOAT = 4;
    private static final long LOGITS = 13_000_000;

    /** All parameters: embeddings, each layer's four matrices, and the biases and gains. */
    long weights() {
        long width = config.width();
        long embeddings = (config.vocabSize() + (long) config.contextLength()) * width;
        return FLOAT * (embeddings + config.layers() * 13 * width + 2 * width) + hidden();
    }

    /** The hidden matrices: 3 C x C, C x C, 4 C x C and C x 4 C. */
    private long hidden() {
        return FLOAT * 12 * config.layers() * config.width() * config.width();
    }

    /** One of the size of the weights; it stays, as the engine adds to it. */
    long gradients() {
        return weights();
    }

    /** AdamW's two means, or Muon's momentum for the hidden matrices. */
    long state() {
        return 2 * weights() - (muon ? hidden() : 0);
    }

    /**
     * What the backward pass needs of the forward pass. Of a layer: its input, the queries, keys
     * and values (3), what attention gives, the stream between its halves and both normalised
     * streams (4 with the input), the perceptron before and after GELU (8), which is 16 C; a number
     * per head and two per normalisation. After the last layer: its output, normalised, too.
     */
    long activations() {
        long layer = 16L * config.width() + config.heads() + 4;
        return FLOAT * tokens() * (config.layers() * layer + 2L * config.width() + 2);
    }

    /**
     * Some rows of logits, the gradients of the head and of its input, and these multiplied by the
     * gradient that arrives.
     */
    long loss() {
        long matrix = (long) config.vocabSize() * config.width();
        return FLOAT * (rows() * config.vocabSize() + 2 * matrix + 2 * tokens() * config.width());
    }

    /** Rows of logits at a time: equal parts of at most 13 million numbers. */
    private long rows() {
        long most = Math.max(1, LOGITS / config.vocabSize());
        long parts = (tokens() + most - 1) / most;
        return (tokens() + parts - 1) / parts;
    }

    /** The trainer's copy of the largest gradient. */
    long update() {
        long width = config.width();
        long matrix = Math.max(config.vocabSize() * width, 4 * width * width);
        return FLOAT * (matrix + (muon ? 8 * width * width : 0));
    }

    private long tokens() {
        return (long) batch * length;
    }

    /** The most at a time. */
    long peak() {
        return weights() + gradients() + state() + Math.max(activations() + loss(), update());
    }
}
