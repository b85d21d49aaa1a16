package io.github.djlspectral.zoo;

import ai.djl.Model;
import ai.djl.ndarray.NDList;
import ai.djl.translate.NoopTranslator;
import ai.djl.translate.TranslateException;
import ai.djl.translate.Translator;
import ai.djl.translate.TranslatorFactory;
import ai.djl.util.Pair;
import io.github.djlspectral.generate.GenerationOptions;
import io.github.djlspectral.generate.GenerationTranslator;
import io.github.djlspectral.generate.Prompt;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenizer;
import java.lang.reflect.Type;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Makes the translators of a published GPT-2: from text, or a {@link Prompt} that hears it while it
 * grows, to the text that follows, and from tokens, int64 [B, T], to logits [B, T, V]. The former
 * read these arguments, all optional, which {@link GenerationOptions} describes: {@code maxTokens},
 * {@code temperature}, {@code topK}, {@code topP}, {@code repetitionPenalty}, {@code stops} (a
 * string or a list of them) and {@code seed}. Published models name this class, so its name stays.
 */
public final class TextTranslatorFactory implements TranslatorFactory {

    /** The file that a model's tokenizer is published in. */
    public static final String TOKENIZER = "tokenizer.json";

    /** Creates the factory; DJL does it. */
    public TextTranslatorFactory() {}

    @Override
    public Set<Pair<Type, Type>> getSupportedTypes() {
        return Set.of(
                new Pair<>(String.class, String.class),
                new Pair<>(Prompt.class, String.class),
                new Pair<>(NDList.class, NDList.class));
    }

    @Override
    @SuppressWarnings("unchecked") // the types are compared first
    public <I, O> Translator<I, O> newInstance(
            Class<I> input, Class<O> output, Model model, Map<String, ?> arguments)
            throws TranslateException {
        if (!isSupported(input, output)) {
            throw new TranslateException("Cannot turn " + input + " into " + output);
        }
        if (input == NDList.class) {
            return (Translator<I, O>) new NoopTranslator();
        }
        Tokenizer tokenizer = Tokenizer.load(model.getModelPath().resolve(TOKENIZER));
        GenerationTranslator texts = new GenerationTranslator(tokenizer, options(arguments));
        return (Translator<I, O>) (input == Prompt.class ? texts.forPrompts() : texts);
    }

    private static final List<String> OPTIONS =
            List.of(
                    "maxTokens",
                    "temperature",
                    "topK",
                    "topP",
                    "repetitionPenalty",
                    "stops",
                    "seed");

    private static GenerationOptions options(Map<String, ?> arguments) {
        Arguments values = new Arguments(arguments, Map.of());
        GenerationOptions options = new GenerationOptions();
        for (String name : arguments.keySet()) {
            switch (name) {
                case "maxTokens" -> options = options.withMaxTokens(values.integer(name));
                case "temperature" -> options = options.withTemperature(values.real(name));
                case "topK" -> options = options.withTopK(values.integer(name));
                case "topP" -> options = options.withTopP(values.real(name));
                case "repetitionPenalty" ->
                        options = options.withRepetitionPenalty(values.real(name));
                case "stops" -> options = options.withStops(values.texts(name));
                case "seed" -> options = options.withSeed(values.wide(name));
                default -> requireNoMisspelling(name); // the block's
            }
        }
        return options;
    }

    /** An option that another style of writing hides would change nothing, silently. */
    private static void requireNoMisspelling(String name) {
        String plain = name.replaceAll("[_-]", "");
        for (String option : OPTIONS) {
            String message = "The argument %s changes nothing: write %s";
            BadInputException.unless(!option.equalsIgnoreCase(plain), message, name, option);
        }
    }
}
