package io.github.djlspectral.layers.gpt;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;

/**
 * What attention needs to know of the tokens of sequences so far: a key and a value per token, head
 * and layer. {@link Gpt2#newCache} creates one, {@link Gpt2#next} fills it. Sequences are numbered
 * from 0 and may differ in length.
 *
 * <p>With float32 weights it takes 8 layers width bytes per sequence and token of its capacity, 75
 * MB for one sequence of the published small model and its whole context; on a CPU the system
 * provides the memory as it is filled. For use by one thread at a time.
 */
public final class KeyValueCache implements AutoCloseable {

    private final Gpt2Config config;
    private final int capacity;
    private final int[] lengths;
    final NDArray array; // [layers, 2, sequences, heads, capacity, width / heads]

    KeyValueCache(
            NDManager manager, Gpt2Config config, int sequences, int capacity, DataType type) {
        int most = config.contextLength();
        requireAtLeast(1, "sequences", sequences);
        String rule = "capacity must be in [1, contextLength = %s], got %s";
        require(capacity >= 1 && capacity <= most, rule, most, capacity);
        this.config = config;
        this.capacity = capacity;
        lengths = new int[sequences];
        int heads = config.heads();
        int headWidth = config.width() / heads;
        Shape shape = new Shape(config.layers(), 2, sequences, heads, capacity, headWidth);
        // Where a longer sequence of a batch has tokens, a GPU multiplies what is here by 0.
        array =
                manager.getDevice().isGpu()
                        ? manager.zeros(shape, type)
                        : manager.create(shape, type);
        NDScope.unregister(array); // a scope around one step of a sequence must not free it
    }

    /**
     * {@return the number of tokens that the cache holds of a sequence, in [0, {@link #capacity}]}
     *
     * @param sequence its number
     */
    public int length(int sequence) {
        return lengths[sequence];
    }

    /** {@return the number of tokens that the cache can hold of each sequence, at least 1} */
    public int capacity() {
        return capacity;
    }

    /**
     * Forgets a sequence's tokens, so that another can begin.
     *
     * @param sequence its number
     */
    public void clear(int sequence) {
        lengths[sequence] = 0;
    }

    /**
     * Copies a sequence in place of another, so that those in use can lie side by side.
     *
     * @param from the number of the sequence to copy
     * @param to the number of the sequence to replace
     */
    public void copy(int from, int to) {
        String tokens = ":,:,%s,:,:" + lengths[from];
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            NDArray source = array.get(new NDIndex(tokens.formatted(from)));
            array.set(new NDIndex(tokens.formatted(to)), source);
        }
        lengths[to] = lengths[from];
    }

    /** Frees the memory. */
    @Override
    public void close() {
        array.close();
    }

    void grow(int tokens, int... sequences) {
        for (int sequence : sequences) {
            lengths[sequence] += tokens;
        }
    }

    /** Fails unless each of the sequences can take its row of tokens [B, t]. */
    void checkRoom(Gpt2Config config, Shape tokens, int... sequences) {
        boolean same = this.config.equals(config);
        require(same, "the cache is for %s, but the model is %s", this.config, config);
        String numbers = Arrays.toString(sequences);
        String one = "each row of tokens needs a sequence, got tokens %s and sequences %s";
        require(sequences.length == tokens.get(0), one, tokens, numbers);
        boolean own = Arrays.stream(sequences).distinct().count() == sequences.length;
        require(own, "each row of tokens needs a sequence of its own, got %s", numbers);
        for (int sequence : sequences) {
            boolean known = sequence >= 0 && sequence < lengths.length;
            require(known, "sequence must be in [0, %s), got %s", lengths.length, sequence);
            long more = tokens.get(1);
            String fault =
                    "the cache holds %s of at most %s tokens of sequence %s, which leaves no room"
                            + " for %s more: clear it and give it the tokens to look back on";
            boolean fits = lengths[sequence] + more <= capacity;
            require(fits, fault, lengths[sequence], capacity, sequence, more);
        }
    }
}
