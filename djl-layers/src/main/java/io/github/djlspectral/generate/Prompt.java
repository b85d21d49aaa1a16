package io.github.djlspectral.generate;

import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/**
 * A text to continue, for a {@code Predictor<Prompt, String>} that passes the new text on while it
 * grows: {@link GenerationTranslator#forPrompts}, or {@code setTypes(Prompt.class, String.class)}
 * where a model is loaded from a zoo.
 *
 * @param text the text so far, at least one token
 * @param options makes this text's options of the translator's
 * @param sink receives the new text in whole characters, never a part of a stop string, on the
 *     thread that predicts; what it throws ends the prediction, that of a batch for all
 */
public record Prompt(String text, UnaryOperator<GenerationOptions> options, Consumer<String> sink) {

    /**
     * Creates a prompt that is continued with the translator's options.
     *
     * @param text the text so far, at least one token
     * @param sink receives the new text in whole characters, as it grows
     */
    public Prompt(String text, Consumer<String> sink) {
        this(text, UnaryOperator.identity(), sink);
    }
}
