package io.github.djlspectral.examples.train;

import io.github.djlspectral.examples.data.BadInputException;
import io.github.djlspectral.examples.data.Tokenizer;
import java.util.Arrays;
import java.util.function.Consumer;

/** Continues a text token by token. */
final class TextGenerator {

    /** UTF-8 needs at most this many bytes per character, hence tokens. */
    private static final int LONGEST_CHARACTER = 4;

    private final LanguageModel model;
    private final Tokenizer tokenizer;
    private final Sampler sampler;

    TextGenerator(LanguageModel model, Tokenizer tokenizer, Sampler sampler) {
        this.model = model;
        this.tokenizer = tokenizer;
        this.sampler = sampler;
    }

    /**
     * Continues a prompt.
     *
     * @param prompt at least one token
     * @param count the number of tokens to add
     * @param sink receives the new text in pieces, each of whole characters
     * @throws BadInputException if the prompt is empty
     */
    void generate(String prompt, int count, Consumer<String> sink) {
        generate(tokenizer.encode(prompt), count, sink);
    }

    /** Continues a prompt of tokens; see {@link #generate(String, int, Consumer)}. */
    void generate(int[] prompt, int count, Consumer<String> sink) {
        int length = prompt.length;
        if (length == 0) {
            throw new BadInputException("--prompt is empty, but needs at least one token");
        }
        int[] tokens = Arrays.copyOf(prompt, length + count);
        int shown = length;
        for (int end = length; end < tokens.length; ) {
            tokens[end] = sampler.next(model.nextLogits(Arrays.copyOf(tokens, end)));
            end++;
            String text = tokenizer.decode(Arrays.copyOfRange(tokens, shown, end));
            boolean cut = text.endsWith("\uFFFD") && end - shown < LONGEST_CHARACTER;
            if (!cut || end == tokens.length) {
                sink.accept(text);
                shown = end;
            }
        }
    }
}
