package io.github.djlspectral.text;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.Host;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;

/**
 * Windows of T consecutive tokens of shards, each with the token that follows, B at a time. A
 * window never crosses from one shard to another. Batches have numbers, may be asked for in any
 * order, and are the same in every process: nothing is kept but the shards.
 */
public final class TokenBatches {

    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

    private final List<TokenShard> shards;
    private final int batchSize;
    private final int contextLength;
    private final boolean random;
    private final long seed;
    private final int stride;

    /** For each shard the number of windows up to its end: one begins at each stride-th token. */
    private final long[] ends;

    private TokenBatches(
            List<TokenShard> shards, int batchSize, int contextLength, boolean random, long seed) {
        unless(!shards.isEmpty(), "There are no token shards to make batches of");
        unless(batchSize >= 1, "The batch size is %s, but must be at least 1", batchSize);
        unless(
                contextLength >= 1,
                "The context length is %s, but must be at least 1",
                contextLength);
        this.shards = List.copyOf(shards);
        this.batchSize = batchSize;
        this.contextLength = contextLength;
        this.random = random;
        this.seed = mix(seed);
        stride = random ? 1 : contextLength;
        ends = new long[shards.size()];
        for (int i = 0; i < ends.length; i++) {
            long starts = Math.max(0, shards.get(i).length() - contextLength);
            ends[i] = (i == 0 ? 0 : ends[i - 1]) + (starts + stride - 1) / stride;
        }
        TokenShard longest = Collections.max(shards, Comparator.comparing(TokenShard::length));
        String few = "%s is too short: a context of %s needs at least %s tokens; use more text";
        unless(windows() > 0, few, longest, contextLength, contextLength + 1L);
    }

    /**
     * {@return batches for training: windows at uniformly random positions over all shards, as in
     * nanoGPT, without end} Window number n is a pure function of the seed and n, and batch i has
     * the windows from B i on: resuming needs no state but the number of the next batch, and k
     * batches of size B hold the same windows as one of size k B.
     *
     * @param shards the tokens
     * @param batchSize windows per batch, B, at least 1
     * @param contextLength tokens per window, T, at least 1
     * @param seed selects the positions
     * @throws BadInputException if a number is less than 1, or no shard is longer than a window
     */
    public static TokenBatches random(
            List<TokenShard> shards, int batchSize, int contextLength, long seed) {
        return new TokenBatches(shards, batchSize, contextLength, true, seed);
    }

    /**
     * {@return one pass for validation, in order and without overlap: each window begins where the
     * one before it ended} What is left of a shard after its last full window is not used. The last
     * batch may be smaller.
     *
     * @param shards the tokens
     * @param batchSize windows per batch, B, at least 1
     * @param contextLength tokens per window, T, at least 1
     * @throws BadInputException as {@link #random} does
     */
    public static TokenBatches inOrder(List<TokenShard> shards, int batchSize, int contextLength) {
        return new TokenBatches(shards, batchSize, contextLength, false, 0);
    }

    /** {@return the number of batches, at least 1; at random positions the largest number} */
    public long count() {
        return random ? Long.MAX_VALUE : (windows() - 1) / batchSize + 1;
    }

    /**
     * {@return the inputs of a batch and its targets, for each input the token that follows, both
     * int64 [B, T]}
     *
     * @param index the number of the batch, in [0, {@link #count}); it need not be the next one
     * @param manager the manager that gets the arrays
     * @throws BadInputException if there is no such batch, or no such token in the vocabulary
     */
    public NDList batch(long index, NDManager manager) {
        Tokens tokens = batch(index);
        Shape shape = new Shape(tokens.inputs.length / contextLength, contextLength);
        NDArray inputs = Host.create(manager, tokens.inputs, shape);
        return new NDList(inputs, Host.create(manager, tokens.targets, shape));
    }

    /** Windows in row-major order [B * T]. */
    @SuppressWarnings("ArrayRecordComponent")
    record Tokens(long[] inputs, long[] targets) {}

    Tokens batch(long index) {
        String range = "The batch number is %s, but must be in [0, %s)";
        unless(index >= 0 && index < count(), range, index, count());
        long first = index * batchSize;
        int rows = random ? batchSize : (int) Math.min(batchSize, windows() - first);
        int size = Math.multiplyExact(rows, contextLength);
        Tokens batch = new Tokens(new long[size], new long[size]);
        int[] tokens = new int[contextLength + 1];
        for (int i = 0; i < size; i++) {
            int t = i % contextLength;
            if (t == 0) {
                long window = first + i / contextLength;
                read(random ? randomWindow(window) : window, tokens);
            }
            batch.inputs[i] = tokens[t];
            batch.targets[i] = tokens[t + 1];
        }
        return batch;
    }

    private long windows() {
        return ends[ends.length - 1];
    }

    private void read(long window, int[] tokens) {
        // The first shard that ends beyond the window; shards without windows are never first.
        int found = Arrays.binarySearch(ends, window);
        int shard = found < 0 ? -found - 1 : found;
        while (ends[shard] <= window) {
            shard++;
        }
        long before = shard == 0 ? 0 : ends[shard - 1];
        shards.get(shard).read((window - before) * stride, tokens);
    }

    private long randomWindow(long number) {
        long bits = mix(seed + (number + 1) * GOLDEN_GAMMA);
        // floor(count * u / 2^63) for u of 63 bits: from uniform by less than count / 2^63.
        return Math.multiplyHigh(bits >>> 1, windows() << 1);
    }

    /** SplitMix64's output function (Steele, Lea and Flood 2014), a bijection. */
    private static long mix(long bits) {
        long z = (bits ^ (bits >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
