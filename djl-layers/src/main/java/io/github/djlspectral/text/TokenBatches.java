package io.github.djlspectral.text;

import java.util.List;

/**
 * Training batches: windows at uniformly random positions over all shards, as in nanoGPT.
 *
 * <p>Window number {@code n} is a pure function of the seed and {@code n}, and batch {@code i} has
 * the windows from {@code i * batchSize} on. So resuming needs no state but the number of the next
 * batch, and k batches of size B hold the same windows as one of size k * B.
 */
public final class TokenBatches {

    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

    private final WindowReader windows;
    private final int batchSize;
    private final int contextLength;
    private final long seed;

    /**
     * Creates the batches.
     *
     * @param shards the tokens; a window never crosses from one shard to another
     * @param batchSize windows per batch, at least 1
     * @param contextLength tokens per window, at least 1
     * @param seed selects the random positions
     * @throws IllegalArgumentException if there is no shard or a number is less than 1
     * @throws BadInputException if no shard has more tokens than the context
     */
    public TokenBatches(List<TokenShard> shards, int batchSize, int contextLength, long seed) {
        this.batchSize = WindowReader.requirePositive("Batch size", batchSize);
        this.contextLength = contextLength;
        this.windows = new WindowReader(shards, contextLength, 1);
        this.seed = mix(seed);
    }

    /**
     * Returns a batch.
     *
     * @param index the number of the batch, at least 0; it need not be the next one
     * @return the same batch for the same seed and number, in every process
     * @throws IllegalArgumentException if the number is negative
     * @throws BadInputException if a token is beyond the vocabulary of its shard
     */
    public TokenBatch batch(long index) {
        if (index < 0) {
            throw new IllegalArgumentException("Batch number " + index + " is negative");
        }
        long[] inputs = new long[Math.multiplyExact(batchSize, contextLength)];
        long[] targets = new long[inputs.length];
        for (int row = 0; row < batchSize; row++) {
            windows.read(randomWindow(index * batchSize + row), inputs, targets, row);
        }
        return new TokenBatch(batchSize, contextLength, inputs, targets);
    }

    private long randomWindow(long number) {
        long bits = mix(seed + (number + 1) * GOLDEN_GAMMA);
        // floor(count * u / 2^63) for u of 63 bits: from uniform by less than count / 2^63.
        return Math.multiplyHigh(bits >>> 1, windows.count() << 1);
    }

    /** SplitMix64's output function (Steele, Lea and Flood 2014), a bijection. */
    private static long mix(long bits) {
        long z = (bits ^ (bits >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
