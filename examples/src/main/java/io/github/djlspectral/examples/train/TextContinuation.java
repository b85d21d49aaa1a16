package io.github.djlspectral.examples.train;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.data.Tokenizer;
import io.github.djlspectral.layers.gpt.Gpt2;

/** Continues texts with a model that is in memory already, such as one from a zoo. */
public final class TextContinuation {

    private TextContinuation() {}

    /**
     * Continues a text. Threads may do so at the same time with one model, each with a manager and
     * a sampler of its own. Cost: a forward pass over the text so far for each token.
     *
     * @param gpt2 the initialised model
     * @param manager a manager on the model's device
     * @param tokenizer the model's tokenizer
     * @param prompt at least one token
     * @param tokens the number of tokens to add, at least 1
     * @param sampler draws them
     * @return the new text
     * @throws io.github.djlspectral.examples.data.BadInputException if the prompt is empty or has a
     *     character that the tokenizer lacks
     */
    public static String of(
            Gpt2 gpt2,
            NDManager manager,
            Tokenizer tokenizer,
            String prompt,
            int tokens,
            Sampler sampler) {
        StringBuilder text = new StringBuilder();
        LanguageModel model = new LanguageModel(gpt2, gpt2.getConfig().contextLength(), manager);
        new TextGenerator(model, tokenizer, sampler).generate(prompt, tokens, text::append);
        return text.toString();
    }
}
