package io.github.djlspectral.generate;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.KeyValueCache;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/** A sequence that is being continued: its tokens, its cache and its text. */
final class Continuation {

    private final GenerationOptions options;
    private final List<Integer> ends;
    private final Sampler sampler;
    private final TextStream stream;
    private final BitSet seen = new BitSet();
    private final int promptLength;
    private int[] tokens;
    private int length;
    private KeyValueCache cache;
    private int cacheStart;
    private boolean stopped;

    Continuation(int[] prompt, GenerationOptions options, List<Integer> ends, TextStream stream) {
        this.options = options;
        this.ends = ends;
        this.stream = stream;
        sampler = new Sampler(options);
        promptLength = prompt.length;
        length = prompt.length;
        tokens = prompt.clone();
        Arrays.stream(prompt).forEach(seen::set);
    }

    /**
     * Returns the first of a text's tokens that its next token depends on. It moves only when the
     * context is full, and then such that half a context is left to look back on: each move costs
     * the computation of those tokens. It depends on the number of tokens alone, not on which of
     * them were the prompt.
     *
     * @param length the number of tokens so far
     * @param contextLength the most that the model can look back on
     */
    static int windowStart(int length, int contextLength) {
        if (length <= contextLength) {
            return 0;
        }
        // The first token too many moves the window by all but the half that ends with it.
        int stride = contextLength + 1 - Math.max(1, contextLength / 2);
        return (length - contextLength + stride - 1) / stride * stride;
    }

    /** Opens the cache, as large as will be needed. */
    void open(Gpt2 model, NDManager manager) {
        long needed = (long) promptLength + options.maxTokens() - 1;
        int capacity = (int) Math.min(needed, model.getConfig().contextLength());
        cache = model.newCache(manager, capacity);
    }

    KeyValueCache cache() {
        return cache;
    }

    /** Returns the tokens that the cache lacks, at least one. */
    int[] pending(int contextLength) {
        int start = windowStart(length, contextLength);
        if (start != cacheStart) {
            cache.clear();
            cacheStart = start;
        }
        return Arrays.copyOfRange(tokens, start + cache.length(), length);
    }

    /** Draws the next token. */
    void accept(float[] logits) {
        if (length == tokens.length) {
            tokens = Arrays.copyOf(tokens, 2 * length);
        }
        int token = sampler.next(logits, seen);
        seen.set(token);
        tokens[length++] = token;
        stopped = ends.contains(token) || !stream.accept(token);
    }

    boolean finished() {
        return stopped || length - promptLength == options.maxTokens();
    }

    /** Frees the cache and passes on what is left of the text. */
    void finish() {
        cache.close();
        stream.finish();
    }

    String text() {
        return stream.text();
    }
}
