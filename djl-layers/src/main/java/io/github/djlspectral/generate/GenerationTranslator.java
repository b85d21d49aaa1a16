package io.github.djlspectral.generate;

import ai.djl.Model;
import ai.djl.ndarray.NDList;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorContext;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenizer;
import java.util.List;

/**
 * Text in, continued text out, for a DJL {@link Model} whose block is a {@link Gpt2}.
 *
 * <p>The prompts of a {@code batchPredict} are continued together, whatever their lengths. Nothing
 * is left in memory after a prediction. The translator is immutable: predictors of several threads
 * may share it and the model, one predictor per thread. A model of another block is refused.
 *
 * <p>{@link #forPrompts} passes text on while it grows. This is not DJL's {@code streamingPredict}:
 * there the block makes a stream of arrays by itself, but what follows here depends on the token
 * that was drawn, which is the translator's part; an output of type String cannot be iterated, one
 * prompt is taken at a time, and memory lasts until somebody closes the stream.
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
        return hand(ctx, prompts.stream().map(text -> new Prompt(text, piece -> {})).toList());
    }

    private static NDList hand(TranslatorContext ctx, List<Prompt> prompts) {
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
        List<Prompt> prompts = (List<Prompt>) ctx.getAttachment(PROMPTS);
        return new TextGenerator((Gpt2) ctx.getBlock(), tokenizer, ctx.getNDManager())
                .generate(prompts, options);
    }

    /** {@return the same translator for prompts with a listener and options of their own} */
    public Translator<Prompt, String> forPrompts() {
        GenerationTranslator texts = this;
        return new Translator<>() {
            @Override
            public void prepare(TranslatorContext ctx) {
                texts.prepare(ctx);
            }

            @Override
            public NDList processInput(TranslatorContext ctx, Prompt prompt) {
                return hand(ctx, List.of(prompt));
            }

            @Override
            public NDList batchProcessInput(TranslatorContext ctx, List<Prompt> prompts) {
                return hand(ctx, prompts);
            }

            @Override
            public String processOutput(TranslatorContext ctx, NDList list) {
                return texts.processOutput(ctx, list);
            }

            @Override
            public List<String> batchProcessOutput(TranslatorContext ctx, NDList list) {
                return texts.batchProcessOutput(ctx, list);
            }
        };
    }
}
