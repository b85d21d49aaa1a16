package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.layers.gpt.Gpt2Backpropagation;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;

/**
 * The memory that training a {@link io.github.djlspectral.layers.gpt.Gpt2} in float32 on a CPU
 * needs for arrays, in bytes.
 *
 * <p>With P parameters, of which H are in hidden matrices, L layers of width C with h heads, V
 * tokens in the vocabulary, N = B T tokens in the batch and r rows of logits at a time, these are
 * numbers of 4 bytes:
 *
 * <pre>
 * weights     P
 * gradients   P
 * state       2 P for AdamW;  2 P - H for Muon
 * workspace   N ((2 L + 1) (2 C + 2) + L (12 C + h) + 6 C) + r V
 * passing     4 N C, and 10 C^2 for Muon
 * beside      8 million
 * </pre>
 *
 * <p>All of it is there at the same time, so the peak is the sum. Each term is counted from what
 * the code allocates, but for the last, which was measured: the buffers in which the library of
 * matrix products packs its operands, and what the virtual machine takes to compile the program
 * while it runs. What the allocator leaves unused between blocks is not counted.
 *
 * @param point the model and its batch
 * @param muon whether the optimizer is Muon, with AdamW for what is no hidden matrix
 */
record MemoryModel(GrowthPoint point, boolean muon) {

    private static final long FLOAT = 4;
    private static final long BESIDE = 8_000_000;

    /** All parameters: embeddings, each layer's four matrices, and the biases and gains. */
    long weights() {
        Gpt2Config config = point.config();
        long width = config.width();
        long rows = config.vocabSize() + config.contextLength() + 13L * config.layers() + 2;
        return hidden() + FLOAT * rows * width;
    }

    /** The hidden matrices: 3 C x C, C x C, 4 C x C and C x 4 C. */
    private long hidden() {
        long width = point.width();
        return FLOAT * 12 * point.depth() * width * width;
    }

    /** As much as the weights; they stay, as the engine adds to them. */
    long gradients() {
        return weights();
    }

    /** AdamW's two means of the gradient and its square; Muon has only the momentum. */
    long state() {
        return 2 * weights() - (muon ? hidden() : 0);
    }

    /**
     * What a {@link Gpt2Backpropagation} keeps of the forward pass. At the beginning of each half
     * layer and at the end, the residual stream, what of it is normalised, and two numbers for
     * that; of each layer, queries, keys and values (3 C), what attention gives (C) and a number
     * per head, and the perceptron before and after GELU (8 C); three gradients for one layer at a
     * time (6 C); and r rows of logits.
     */
    long workspace() {
        return Gpt2Backpropagation.bytes(
                point.config(),
                Precision.FLOAT32,
                DataType.FLOAT32,
                point.batch(),
                point.context());
    }

    /**
     * What is made and freed again. In a layer's attention the gradients of queries, keys and
     * values, and beside them one of the stream; in Muon's update of a C x 4 C matrix what enters
     * the polar map (4 C^2), and six of the size of its Gram matrix: that, its Cholesky factor, the
     * inverse and the product of two steps. One comes after the other, but blocks of less than 32
     * MiB stay with the process, in pieces that the next does not fit into.
     */
    long passing() {
        long width = point.width();
        return FLOAT * (4 * point.tokens() * width + (muon ? 10 * width * width : 0));
    }

    /** The most at a time. */
    long peak() {
        return weights() + gradients() + state() + workspace() + passing() + FLOAT * BESIDE;
    }
}
