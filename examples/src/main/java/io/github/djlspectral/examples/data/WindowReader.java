package io.github.djlspectral.examples.data;

import java.util.Comparator;
import java.util.List;

/** Reads windows of T + 1 tokens into batches. */
final class WindowReader {

    private final List<TokenShard> shards;
    private final int contextLength;

    WindowReader(List<TokenShard> shards, int batchSize, int contextLength) {
        requirePositive("Batch size", batchSize);
        requirePositive("Context length", contextLength);
        if (shards.isEmpty()) {
            throw new IllegalArgumentException("No token shards given");
        }
        this.shards = List.copyOf(shards);
        this.contextLength = contextLength;
        TokenShard longest =
                this.shards.stream().max(Comparator.comparingLong(TokenShard::length)).get();
        if (longest.length() <= contextLength) {
            throw new DataException(
                    longest
                            + " is too short: a context of "
                            + contextLength
                            + " needs at least "
                            + (contextLength + 1L)
                            + " tokens; use more text or a shorter context");
        }
    }

    private static void requirePositive(String name, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " " + value + " is not at least 1");
        }
    }

    /**
     * For each shard the number of windows in it and the shards before it.
     *
     * @param stride the distance from one window to the next
     */
    long[] cumulativeWindows(int stride) {
        long[] ends = new long[shards.size()];
        long end = 0;
        for (int i = 0; i < ends.length; i++) {
            // The last window starts at length - contextLength - 1 at the latest.
            end += Math.max(0, (shards.get(i).length() - contextLength - 1 + stride) / stride);
            ends[i] = end;
        }
        return ends;
    }

    /** Copies the window into a row of inputs and targets. */
    void read(int shard, long from, long[] inputs, long[] targets, int row) {
        int[] window = new int[contextLength + 1];
        shards.get(shard).read(from, window);
        for (int t = 0; t < contextLength; t++) {
            inputs[row * contextLength + t] = window[t];
            targets[row * contextLength + t] = window[t + 1];
        }
    }
}
