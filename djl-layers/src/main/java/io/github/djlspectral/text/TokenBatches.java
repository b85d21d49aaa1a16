package io.github.djlspectral.text;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.Host;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Windows of T consecutive tokens of shards, each with the token that follows, B at a time. A
 * window never crosses from one shard to another. Batches have numbers, may be asked for in any
 * order, and are the same in every process: nothing is kept but the shards.
 *
 * <p>In a shard of {@link TextRecord}s a window has as many whole records as fit, in order, and
 * each record is in one window; a longer one is cut into windows, each of which begins with the
 * last token of the one before. Where a window is shorter than T it is padded with its last token,
 * an end of text. Targets that are not to be learned, such as those of prompts and padding, are -1;
 * windows without any other are left out.
 */
public final class TokenBatches {

    private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

    private final List<TokenShard> shards;
    private final int batchSize;
    private final int contextLength;
    private final boolean random;
    private final long seed;
    private final int stride;

    /**
     * For each shard its windows, null if it has no records: one begins at each stride-th token.
     */
    private final List<List<Window>> records = new ArrayList<>();

    /** For each shard the number of windows up to its end. */
    private final long[] ends;

    /** Tokens of a shard, how many of which are learned; the first is no target. */
    private record Window(TokenShard shard, long start, int length, int learned) {}

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
            TokenShard shard = shards.get(i);
            records.add(shard.hasRecords() ? pack(shard, contextLength + 1L) : null);
            long starts = Math.max(0, shard.length() - contextLength);
            boolean packed = shard.hasRecords();
            long own = packed ? records.get(i).size() : (starts + stride - 1) / stride;
            ends[i] = (i == 0 ? 0 : ends[i - 1]) + own;
        }
        TokenShard longest = Collections.max(shards, Comparator.comparing(TokenShard::length));
        String few = "%s is too short: a context of %s needs at least %s tokens; use more text";
        unless(windows() > 0, few, longest, contextLength, contextLength + 1L);
    }

    /** Returns windows of at most some tokens: whole records, or parts of a longer one. */
    private static List<Window> pack(TokenShard shard, long most) {
        List<Window> windows = new ArrayList<>();
        for (long begin = 0, next; begin < shard.length() - 1; begin = next) {
            long limit = Math.min(shard.length(), begin + most);
            long end = begin;
            int learned = 0;
            int seen = 0;
            for (long i = begin + 1; i < limit; i++) {
                seen += shard.isLearned(i) ? 1 : 0;
                if (shard.endsRecord(i)) {
                    end = i + 1;
                    learned = seen;
                }
            }
            next = end == begin ? limit - 1 : end;
            if (end == begin) {
                end = limit;
                learned = seen;
            }
            if (learned > 0) {
                windows.add(new Window(shard, begin, (int) (end - begin), learned));
            }
        }
        return windows;
    }

    /**
     * {@return batches for training: windows at uniformly random positions over all shards, as in
     * nanoGPT, or uniformly random ones of records, without end} Window number n is a pure function
     * of the seed and n, and batch i has the windows from B i on: resuming needs no state but the
     * number of the next batch, and k batches of size B hold the same windows as one of size k B.
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
     * one before it ended} What is left of a shard after its last full window is not used, unless
     * it has records. The last batch may be smaller.
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
     * {@return the inputs of a batch and its targets, for each input the token that follows, or -1,
     * both int64 [B, T]}
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
        List<Window> rows = rows(index);
        int size = Math.multiplyExact(rows.size(), contextLength);
        Tokens batch = new Tokens(new long[size], new long[size]);
        for (int row = 0; row < rows.size(); row++) {
            Window window = rows.get(row);
            int[] tokens = new int[window.length];
            window.shard.read(window.start, tokens);
            for (int t = 0; t < contextLength; t++) {
                int i = row * contextLength + t;
                batch.inputs[i] = tokens[Math.min(t, tokens.length - 1)];
                boolean learned =
                        t + 1 < tokens.length && window.shard.isLearned(window.start + t + 1);
                batch.targets[i] = learned ? tokens[t + 1] : -1;
            }
        }
        return batch;
    }

    /**
     * {@return how many targets of a batch count, at least 1} A mean over several batches weighs
     * each by it. Without records it is B T.
     *
     * @param index the number of the batch, in [0, {@link #count})
     * @throws BadInputException if there is no such batch
     */
    public long learned(long index) {
        return rows(index).stream().mapToLong(Window::learned).sum();
    }

    private List<Window> rows(long index) {
        String range = "The batch number is %s, but must be in [0, %s)";
        unless(index >= 0 && index < count(), range, index, count());
        long first = index * batchSize;
        int rows = random ? batchSize : (int) Math.min(batchSize, windows() - first);
        return IntStream.range(0, rows)
                .mapToObj(row -> window(random ? randomWindow(first + row) : first + row))
                .toList();
    }

    private long windows() {
        return ends[ends.length - 1];
    }

    private Window window(long number) {
        // The first shard that ends beyond the window; shards without windows are never first.
        int found = Arrays.binarySearch(ends, number);
        int shard = found < 0 ? -found - 1 : found;
        while (ends[shard] <= number) {
            shard++;
        }
        long own = number - (shard == 0 ? 0 : ends[shard - 1]);
        List<Window> packed = records.get(shard);
        return packed == null
                ? new Window(shards.get(shard), own * stride, contextLength + 1, contextLength)
                : packed.get((int) own);
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
