package io.github.djlspectral.text;

import java.util.List;

/**
 * One pass over a validation split, in order, without overlap: each window begins where the one
 * before it ended. What is left of a shard after its last full window is not used. The last batch
 * may be smaller.
 */
public final class SequentialBatches {

    private final WindowReader windows;
    private final int batchSize;
    private final int contextLength;

    /**
     * Creates the pass.
     *
     * @param shards the tokens; a window never crosses from one shard to another
     * @param batchSize windows per batch, at least 1
     * @param contextLength tokens per window, at least 1
     * @throws IllegalArgumentException if there is no shard or a number is less than 1
     * @throws BadInputException if no shard has more tokens than the context
     */
    public SequentialBatches(List<TokenShard> shards, int batchSize, int contextLength) {
        this.batchSize = WindowReader.requirePositive("Batch size", batchSize);
        this.contextLength = contextLength;
        this.windows = new WindowReader(shards, contextLength, contextLength);
    }

    /**
     * Returns the number of batches in the pass.
     *
     * @return at least 1
     */
    public long count() {
        return (windows.count() - 1) / batchSize + 1;
    }

    /**
     * Returns a batch.
     *
     * @param index the number of the batch, in [0, {@link #count})
     * @return the batch; the last one may have fewer windows
     * @throws IllegalArgumentException if the number is out of range
     * @throws BadInputException if a token is beyond the vocabulary of its shard
     */
    public TokenBatch batch(long index) {
        if (index < 0 || index >= count()) {
            throw new IllegalArgumentException(
                    "Batch number " + index + " is outside [0, " + count() + ")");
        }
        long first = index * batchSize;
        int rows = (int) Math.min(batchSize, windows.count() - first);
        long[] inputs = new long[Math.multiplyExact(rows, contextLength)];
        long[] targets = new long[inputs.length];
        for (int row = 0; row < rows; row++) {
            windows.read(first + row, inputs, targets, row);
        }
        return new TokenBatch(rows, contextLength, inputs, targets);
    }
}
