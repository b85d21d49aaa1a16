package io.github.djlspectral.generate;

import ai.djl.Model;
import ai.djl.ndarray.NDList;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorContext;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenizer;
import java.util.Collections;
import java.util.List;

/**
 * Text in, continued text out, for a DJL {@link Model} whose block is a {@link Gpt2}.
 *
 * <p>The prompts of a {@code batchPredict} are continued together. Nothing is left in memory after
 * a prediction. The translator is immutable: predictors of several threads may share it and the
 * model, one predictor per thread. A model of another block is refused.
 */
public final class GenerationTranslator implements Translator<String, String> {

    private static final String PROMPTS = GenerationTranslator.class.getName();

    private final Tokenizer tokenizer;
    private final GenerationOptions options;

    /**
     * Creates a translator.
     *
     * @param tokenizer the tokenizer of the texts that the model was trained on
     * @param options how to continue a text
     */
    public GenerationTranslator(Tokenizer tokenizer, GenerationOptions options) {
        this.tokenizer = tokenizer;
        this.options = options;
    }

    @Override
    public void prepare(TranslatorContext ctx) {
        BadInputException.unless(
                ctx.getBlock() instanceof Gpt2,
                "GenerationTranslator needs a model whose block is a Gpt2, but that of %s is a %s",
                ctx.getModel().getName(),
                ctx.getBlock().getClass().getName());
    }

    @Override
    public NDList processInput(TranslatorContext ctx, String prompt) {
        return batchProcessInput(ctx, List.of(prompt));
    }

    /** Hands the prompts on: generating takes many passes, not one. */
    @Override
    public NDList batchProcessInput(TranslatorContext ctx, List<String> prompts) {
        ctx.setAttachment(PROMPTS, prompts);
        return new NDList(); // the predictor then leaves the block alone
    }

    @Override
    public String processOutput(TranslatorContext ctx, NDList list) {
        return batchProcessOutput(ctx, list).get(0);
    }

    @Override
    @SuppressWarnings("unchecked")
    public List<String> batchProcessOutput(TranslatorContext ctx, NDList list) {
        List<String> prompts = (List<String>) ctx.getAttachment(PROMPTS);
        return new TextGenerator((Gpt2) ctx.getBlock(), tokenizer, ctx.getNDManager())
                .generate(prompts, Collections.nCopies(prompts.size(), options));
    }
}
