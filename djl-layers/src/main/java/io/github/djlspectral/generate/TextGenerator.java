package io.github.djlspectral.generate;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.KeyValueCache;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenizer;
import io.github.djlspectral.torch.Host;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.IntStream;

/**
 * Continues texts with a GPT-2. The keys and values of earlier tokens are kept, so that a new token
 * costs the computation of that token alone, in one pass for all sequences, whatever their lengths.
 *
 * <p>A text ends before a token that the tokenizer says ends it, {@link Tokenizer#endOfText}. It
 * may be longer than the model's context: when the context is full, the model goes on with the
 * newest half of it, and so on each time.
 *
 * <p>Instances keep nothing between calls and are thread-safe, as long as nobody trains the model.
 */
public final class TextGenerator {

    /** Bounds memory: each sequence has a cache of up to a context. */
    private static final int MAX_TOGETHER = 16;

    /** Bounds memory too: a pass over more tokens is hardly faster. */
    private static final int MAX_TOKENS = 2048;

    private final Gpt2 model;
    private final Tokenizer tokenizer;
    private final NDManager manager;

    /**
     * Creates a generator.
     *
     * @param model the initialised model
     * @param tokenizer the tokenizer of the texts that the model was trained on
     * @param manager a manager on the model's device; nothing is left in it after a call
     * @throws BadInputException if the tokenizer has more tokens than the model
     */
    public TextGenerator(Gpt2 model, Tokenizer tokenizer, NDManager manager) {
        String other = "The tokenizer has %s tokens, but the model only %s: it is another model's";
        int most = model.getConfig().vocabSize();
        unless(tokenizer.vocabSize() <= most, other, tokenizer.vocabSize(), most);
        this.model = model;
        this.tokenizer = tokenizer;
        this.manager = manager;
    }

    /**
     * {@return the continuation of a text, without the prompt} It is passed on while it grows.
     *
     * @param prompt the text so far, at least one token
     * @param options how to continue it
     * @param sink receives the new text in whole characters, never a part of a stop string
     * @throws BadInputException if the prompt is empty or has a character that the vocabulary lacks
     */
    public String generate(String prompt, GenerationOptions options, Consumer<String> sink) {
        return generate(tokenizer.encode(prompt), options, sink);
    }

    /**
     * {@return the continuation of a text that is given as tokens}
     *
     * @param prompt the tokens so far, at least one
     * @param options how to continue them
     * @param sink receives the new text in pieces
     * @throws BadInputException if the prompt is empty
     */
    public String generate(int[] prompt, GenerationOptions options, Consumer<String> sink) {
        return run(List.of(new Continuation(prompt, options, sink))).get(0);
    }

    /**
     * Continues several texts together, which is faster than one after the other. Each becomes what
     * it would become alone, up to the rounding of a sum in another order.
     *
     * @param prompts the texts, of any lengths
     * @param options how to continue each of them
     * @return the new texts in the same order, without the prompts
     * @throws BadInputException if a prompt is as above, or there are more of them than of options
     */
    public List<String> generate(List<String> prompts, List<GenerationOptions> options) {
        boolean even = prompts.size() == options.size();
        unless(even, "There are %s prompts, but options for %s", prompts.size(), options.size());
        return generate(
                IntStream.range(0, prompts.size())
                        .mapToObj(i -> new Prompt(prompts.get(i), o -> options.get(i), piece -> {}))
                        .toList(),
                new GenerationOptions());
    }

    /**
     * Continues several texts together, as above, and passes each on while it grows.
     *
     * @param prompts the texts, of any lengths
     * @param options how to continue them, unless a prompt changes it
     * @return the new texts in the same order, without the prompts
     * @throws BadInputException if a prompt is as above
     */
    public List<String> generate(List<Prompt> prompts, GenerationOptions options) {
        List<Continuation> all = new ArrayList<>();
        for (Prompt each : prompts) {
            int[] prompt = tokenizer.encode(each.text());
            all.add(new Continuation(prompt, each.options().apply(options), each.sink()));
        }
        return run(all);
    }

    private List<String> run(List<Continuation> all) {
        int together = Math.max(1, Math.min(MAX_TOGETHER, all.size()));
        int longest = all.stream().mapToInt(each -> each.end - 1).max().orElse(1);
        int capacity = Math.min(longest, model.getConfig().contextLength());
        try (NDManager session = manager.newSubManager()) {
            KeyValueCache cache = model.newCache(session, together, capacity);
            Queue<Continuation> waiting = new ArrayDeque<>(all);
            List<Continuation> active = new ArrayList<>(); // in the order of the cache
            while (!waiting.isEmpty() || !active.isEmpty()) {
                while (!waiting.isEmpty() && active.size() < together) {
                    cache.clear(active.size());
                    active.add(waiting.remove());
                }
                step(active, cache);
                for (int i = active.size() - 1; i >= 0; i--) {
                    if (active.get(i).finished()) {
                        active.get(i).stream.finish();
                        Continuation last = active.remove(active.size() - 1);
                        if (i < active.size()) {
                            active.set(i, last);
                            cache.copy(active.size(), i);
                        }
                    }
                }
            }
        }
        return all.stream().map(continuation -> continuation.stream.text()).toList();
    }

    /** Adds a token to each sequence: to all that lack equally many tokens together. */
    private void step(List<Continuation> active, KeyValueCache cache) {
        Map<Integer, List<Integer>> rows = new TreeMap<>();
        for (int i = 0; i < active.size(); i++) {
            int lacking = active.get(i).lacking(cache, i);
            rows.computeIfAbsent(lacking, key -> new ArrayList<>()).add(i);
        }
        rows.forEach(
                (lacking, all) -> {
                    int most = Math.max(1, MAX_TOKENS / lacking);
                    for (int i = 0; i < all.size(); i += most) {
                        List<Integer> some = all.subList(i, Math.min(i + most, all.size()));
                        compute(active, cache, lacking, some.stream().mapToInt(r -> r).toArray());
                    }
                });
    }

    private void compute(List<Continuation> active, KeyValueCache cache, int lacking, int... rows) {
        try (NDManager scratch = manager.newSubManager()) {
            long[] tokens =
                    Arrays.stream(rows)
                            .flatMap(row -> active.get(row).newest(lacking))
                            .asLongStream()
                            .toArray();
            NDArray input = Host.create(scratch, tokens, new Shape(rows.length, lacking));
            ParameterStore store = new ParameterStore(scratch, false);
            float[] logits =
                    Host.read(model.next(store, input, cache, rows), NDArray::toFloatArray);
            int size = logits.length / rows.length;
            // Drawing one of many tokens takes a millisecond.
            int[] drawn =
                    IntStream.range(0, rows.length)
                            .parallel()
                            .map(i -> active.get(rows[i]).draw(logits, i * size, size))
                            .toArray();
            for (int i = 0; i < rows.length; i++) {
                active.get(rows[i]).accept(drawn[i]); // whose sink is called on this thread
            }
        }
    }

    /**
     * Returns the first of a text's tokens that its next token depends on. It moves only when the
     * context is full, and then such that half a context is left to look back on: each move costs
     * the computation of those tokens. Which tokens were the prompt does not matter.
     */
    static int windowStart(int length, int contextLength) {
        if (length <= contextLength) {
            return 0;
        }
        // The first token too many moves the window by all but the half that ends with it.
        int stride = contextLength + 1 - Math.max(1, contextLength / 2);
        return (length - contextLength + stride - 1) / stride * stride;
    }

    /** A sequence that is being continued: its tokens and its text. */
    private final class Continuation {

        private final Sampler sampler;
        private final TextStream stream;
        private final BitSet seen = new BitSet();
        private final int end;
        private int[] tokens;
        private int length;
        private int start;
        private boolean stopped;

        Continuation(int[] prompt, GenerationOptions options, Consumer<String> sink) {
            unless(prompt.length > 0, "The prompt is empty, but must have at least one token");
            sampler = new Sampler(options);
            stream = new TextStream(tokenizer, options.stops, sink);
            tokens = prompt.clone();
            length = prompt.length;
            end = (int) Math.min(Integer.MAX_VALUE, (long) length + options.maxTokens);
            int most = model.getConfig().vocabSize() - 1;
            for (int token : prompt) {
                boolean known = token >= 0 && token <= most;
                unless(known, "The prompt has token %s, but the model 0 to %s", token, most);
                seen.set(token);
            }
        }

        /** Returns how many of the newest tokens a row of the cache lacks, at least 1. */
        int lacking(KeyValueCache cache, int row) {
            int now = windowStart(length, model.getConfig().contextLength());
            if (now != start) {
                cache.clear(row);
                start = now;
            }
            return length - start - cache.length(row);
        }

        IntStream newest(int count) {
            return Arrays.stream(tokens, length - count, length);
        }

        /** Draws the next token. */
        int draw(float[] all, int from, int size) {
            float[] logits = Arrays.copyOfRange(all, from, from + size);
            List<Integer> ends = tokenizer.endOfText();
            // The model's vocabulary may be padded: what neither is text nor ends it is not drawn.
            for (int i = tokenizer.vocabSize(); i < logits.length; i++) {
                logits[i] = ends.contains(i) ? logits[i] : Float.NEGATIVE_INFINITY;
            }
            return sampler.next(logits, seen);
        }

        void accept(int token) {
            seen.set(token);
            tokens = length == tokens.length ? Arrays.copyOf(tokens, 2 * length) : tokens;
            tokens[length++] = token;
            stopped = tokenizer.endOfText().contains(token) || !stream.accept(token);
        }

        boolean finished() {
            return stopped || length == end;
        }
    }
}
