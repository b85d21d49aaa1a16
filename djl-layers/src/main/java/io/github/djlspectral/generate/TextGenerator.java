package io.github.djlspectral.generate;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenizer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.function.Consumer;

/**
 * Continues texts with a GPT-2. Each sequence has a cache of its own, so that a new token costs the
 * computation of that token alone; sequences are computed together, whatever their lengths.
 *
 * <p>A text ends before a token that the tokenizer says ends it, {@link Tokenizer#endOfText}.
 *
 * <p>A text may be longer than the model's context: when the context is full, the model goes on
 * with the newest half of it, and so on each time.
 *
 * <p>Instances keep nothing between calls and are thread-safe, as long as nobody trains the model.
 */
public final class TextGenerator {

    /** Bounds memory: each sequence has a cache of up to a context. */
    private static final int MAX_TOGETHER = 16;

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
        if (tokenizer.vocabSize() > model.getConfig().vocabSize()) {
            throw new BadInputException(
                    "The tokenizer has "
                            + tokenizer.vocabSize()
                            + " tokens, but the model only "
                            + model.getConfig().vocabSize()
                            + ": they do not belong together");
        }
        this.model = model;
        this.tokenizer = tokenizer;
        this.manager = manager;
    }

    /**
     * Continues a text and passes it on while it grows.
     *
     * @param prompt the text so far, at least one token
     * @param options how to continue it
     * @param sink receives the new text in pieces of whole characters, never a part of a stop
     *     string
     * @return the new text, without the prompt
     * @throws BadInputException if the prompt is empty or has a character that the vocabulary lacks
     */
    public String generate(String prompt, GenerationOptions options, Consumer<String> sink) {
        return generate(tokenizer.encode(prompt), options, sink);
    }

    /**
     * Continues a text of tokens; see {@link #generate(String, GenerationOptions, Consumer)}.
     *
     * @param prompt the tokens so far, at least one
     * @param options how to continue them
     * @param sink receives the new text in pieces
     * @return the new text, without the prompt
     * @throws BadInputException if the prompt is empty
     */
    public String generate(int[] prompt, GenerationOptions options, Consumer<String> sink) {
        return run(List.of(continuation(prompt, options, sink))).get(0);
    }

    /**
     * Continues several texts together, which is faster than one after the other. Each becomes what
     * it would become alone, up to the rounding of a sum in another order.
     *
     * @param requests the texts, of any lengths, each with its own options
     * @return the new texts in the same order, without the prompts
     * @throws BadInputException if a prompt is empty or has a character that the vocabulary lacks
     */
    public List<String> generate(List<GenerationRequest> requests) {
        return run(
                requests.stream()
                        .map(
                                request ->
                                        continuation(
                                                tokenizer.encode(request.prompt()),
                                                request.options(),
                                                piece -> {}))
                        .toList());
    }

    private Continuation continuation(
            int[] prompt, GenerationOptions options, Consumer<String> sink) {
        if (prompt.length == 0) {
            throw new BadInputException("The prompt is empty, but must have at least one token");
        }
        return new Continuation(
                prompt,
                options,
                tokenizer.endOfText(),
                new TextStream(tokenizer, options.stops(), sink));
    }

    private List<String> run(List<Continuation> all) {
        try (NDManager session = manager.newSubManager()) {
            Queue<Continuation> waiting = new ArrayDeque<>(all);
            List<Continuation> active = new ArrayList<>();
            while (!waiting.isEmpty() || !active.isEmpty()) {
                while (!waiting.isEmpty() && active.size() < MAX_TOGETHER) {
                    Continuation next = waiting.remove();
                    next.open(model, session);
                    active.add(next);
                }
                step(active, session);
                active.stream().filter(Continuation::finished).forEach(Continuation::finish);
                active.removeIf(Continuation::finished);
            }
        }
        return all.stream().map(Continuation::text).toList();
    }

    /** Adds a token to each sequence: to all that lack only one together, to others alone. */
    private void step(List<Continuation> active, NDManager session) {
        List<Continuation> together = new ArrayList<>();
        List<int[]> lastTokens = new ArrayList<>();
        for (Continuation continuation : active) {
            int[] pending = continuation.pending(model.getConfig().contextLength());
            if (pending.length == 1) {
                together.add(continuation);
                lastTokens.add(pending);
            } else {
                compute(List.of(continuation), pending, session);
            }
        }
        if (!together.isEmpty()) {
            compute(together, lastTokens.stream().mapToInt(t -> t[0]).toArray(), session);
        }
    }

    /** The model's vocabulary may be padded: what neither is text nor ends it is not drawn. */
    private float[] drawable(float[] logits) {
        List<Integer> ends = tokenizer.endOfText();
        int text = tokenizer.vocabSize();
        int drawn = Math.max(text, 1 + ends.stream().mapToInt(end -> end).max().orElse(0));
        float[] drawable = Arrays.copyOf(logits, Math.min(drawn, logits.length));
        for (int i = text; i < drawable.length; i++) {
            drawable[i] = ends.contains(i) ? drawable[i] : Float.NEGATIVE_INFINITY;
        }
        return drawable;
    }

    private void compute(List<Continuation> sequences, int[] tokens, NDManager session) {
        try (NDManager scratch = session.newSubManager()) {
            Shape shape = new Shape(sequences.size(), tokens.length / sequences.size());
            NDArray input = scratch.create(Arrays.stream(tokens).asLongStream().toArray(), shape);
            float[] logits =
                    model.next(
                                    new ParameterStore(scratch, false),
                                    input,
                                    sequences.stream().map(Continuation::cache).toList())
                            .toFloatArray();
            int row = model.getConfig().vocabSize();
            for (int i = 0; i < sequences.size(); i++) {
                int begin = i * row;
                sequences.get(i).accept(drawable(Arrays.copyOfRange(logits, begin, begin + row)));
            }
        }
    }
}
