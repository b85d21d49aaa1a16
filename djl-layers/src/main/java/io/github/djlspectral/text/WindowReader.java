package io.github.djlspectral.text;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** The windows of T + 1 tokens that begin at every {@code stride}-th token of each shard. */
final class WindowReader {

    private final List<TokenShard> shards;
    private final int contextLength;
    private final int stride;
    private final long[] ends; // for each shard the number of windows up to its end

    WindowReader(List<TokenShard> shards, int contextLength, int stride) {
        if (shards.isEmpty()) {
            throw new IllegalArgumentException("No token shards given");
        }
        this.shards = List.copyOf(shards);
        this.contextLength = requirePositive("Context length", contextLength);
        this.stride = stride;
        requireOneWindow();
        this.ends = new long[this.shards.size()];
        long end = 0;
        for (int i = 0; i < ends.length; i++) {
            long starts = this.shards.get(i).length() - contextLength;
            end += starts <= 0 ? 0 : (starts - 1) / stride + 1;
            ends[i] = end;
        }
    }

    static int requirePositive(String name, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " " + value + " is not at least 1");
        }
        return value;
    }

    private void requireOneWindow() {
        TokenShard longest = shards.stream().max(Comparator.comparing(TokenShard::length)).get();
        if (longest.length() <= contextLength) {
            throw new BadInputException(
                    longest
                            + " is too short: a context of "
                            + contextLength
                            + " needs at least "
                            + (contextLength + 1L)
                            + " tokens; use more text or a shorter context");
        }
    }

    long count() {
        return ends[ends.length - 1];
    }

    /** Copies a window into a row of inputs and targets. */
    void read(long window, long[] inputs, long[] targets, int row) {
        // The first shard that ends beyond this window; shards without windows are never first.
        int found = Arrays.binarySearch(ends, window);
        int shard = found < 0 ? -found - 1 : firstBeyond(found, window);
        long before = shard == 0 ? 0 : ends[shard - 1];
        int[] tokens = new int[contextLength + 1];
        shards.get(shard).read((window - before) * stride, tokens);
        for (int t = 0; t < contextLength; t++) {
            inputs[row * contextLength + t] = tokens[t];
            targets[row * contextLength + t] = tokens[t + 1];
        }
    }

    private int firstBeyond(int shard, long window) {
        int beyond = shard;
        while (ends[beyond] <= window) {
            beyond++;
        }
        return beyond;
    }
}
