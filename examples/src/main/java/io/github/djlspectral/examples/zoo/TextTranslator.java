package io.github.djlspectral.examples.zoo;

import ai.djl.ndarray.NDList;
import ai.djl.translate.NoBatchifyTranslator;
import ai.djl.translate.TranslateException;
import ai.djl.translate.TranslatorContext;
import io.github.djlspectral.examples.data.Tokenizer;
import io.github.djlspectral.examples.train.TextContinuation;
import io.github.djlspectral.layers.gpt.Gpt2;

/**
 * Continues texts: returns what follows, without the prompt. It holds no state, so predictors on
 * several threads share it. A predictor calls the model once per input; generation calls it per
 * token, and so gives the predictor nothing to call it with.
 */
final class TextTranslator implements NoBatchifyTranslator<String, String> {

    private static final String PROMPT = "prompt";

    private final Gpt2 gpt2;
    private final Tokenizer tokenizer;
    private final GenerationOptions options;

    TextTranslator(Gpt2 gpt2, Tokenizer tokenizer, GenerationOptions options) {
        this.gpt2 = gpt2;
        this.tokenizer = tokenizer;
        this.options = options;
    }

    @Override
    public NDList processInput(TranslatorContext context, String prompt) throws TranslateException {
        if (prompt.isEmpty()) {
            throw new TranslateException("The text is empty, but needs at least one token");
        }
        context.setAttachment(PROMPT, prompt);
        return new NDList();
    }

    @Override
    public String processOutput(TranslatorContext context, NDList nothing) {
        return TextContinuation.of(
                gpt2,
                context.getNDManager(),
                tokenizer,
                (String) context.getAttachment(PROMPT),
                options.maxTokens(),
                options.newSampler());
    }
}
