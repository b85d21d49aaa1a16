package io.github.djlspectral.layers.gpt;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.HashSet;
import java.util.List;

/**
 * What attention needs to know of the tokens of one sequence so far: a key and a value per token,
 * head and layer. {@link Gpt2#newCache} creates one, {@link Gpt2#next} fills it.
 *
 * <p>With float32 weights it takes 8 layers width bytes per token of its capacity, 75 MB for the
 * published small model and its whole context; on a CPU the system provides the memory as it is
 * filled. For use by one thread at a time.
 */
public final class KeyValueCache implements AutoCloseable {

    private final Gpt2Config config;
    private final int capacity;
    final NDArray array;
    private int length;

    KeyValueCache(NDManager manager, Gpt2Config config, int capacity, DataType type) {
        int most = config.contextLength();
        String rule = "capacity must be in [1, contextLength = %s], got %s";
        require(capacity >= 1 && capacity <= most, rule, most, capacity);
        this.config = config;
        this.capacity = capacity;
        int headWidth = config.width() / config.heads();
        Shape shape = new Shape(config.layers(), 2, config.heads(), capacity, headWidth);
        array = manager.create(shape, type);
        NDScope.unregister(array); // a scope around one step of a sequence must not free it
    }

    /** {@return the number of tokens that the cache holds, in [0, {@link #capacity}]} */
    public int length() {
        return length;
    }

    /** {@return the number of tokens that the cache can hold, at least 1} */
    public int capacity() {
        return capacity;
    }

    /** Forgets all tokens, so that another sequence can begin. */
    public void clear() {
        length = 0;
    }

    /** Frees the memory. */
    @Override
    public void close() {
        array.close();
    }

    void grow(int tokens) {
        length += tokens;
    }

    /** Fails unless each of the caches can take its row of tokens [B, t]. */
    static void checkRoom(List<KeyValueCache> caches, Gpt2Config config, Shape tokens) {
        int count = caches.size();
        String one = "each sequence needs a cache, got tokens %s and %s caches";
        require(count == tokens.get(0), one, tokens, count);
        require(new HashSet<>(caches).size() == count, "each sequence needs a cache of its own");
        for (KeyValueCache cache : caches) {
            boolean same = cache.config.equals(config);
            require(same, "the cache is for %s, but the model is %s", cache.config, config);
            long more = tokens.get(1);
            String fault =
                    "the cache holds %s of at most %s tokens, which leaves no room for %s more:"
                            + " clear it and give it the tokens to look back on";
            boolean fits = cache.length + more <= cache.capacity;
            require(fits, fault, cache.length, cache.capacity, more);
        }
    }
}
