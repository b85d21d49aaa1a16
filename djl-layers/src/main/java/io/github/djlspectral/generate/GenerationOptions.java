package io.github.djlspectral.generate;

import static io.github.djlspectral.text.BadInputException.unless;

import java.util.List;
import java.util.function.Consumer;

/**
 * How a text is continued. Of a model's logits, those of tokens seen before are penalised first;
 * then all are divided by the temperature; then the {@code topK} most likely tokens are kept; then,
 * of these, the fewest whose probabilities sum to {@code topP}; one of them is drawn. Immutable;
 * what is out of its range is refused at once.
 */
public final class GenerationOptions implements Cloneable {

    int maxTokens = 256;
    double temperature = 0.8;
    int topK;
    double topP = 1;
    double repetitionPenalty = 1;
    List<String> stops = List.of();
    long seed = 1337;

    /** Creates the defaults. */
    public GenerationOptions() {}

    private GenerationOptions changed(Consumer<GenerationOptions> change) {
        try {
            GenerationOptions copy = (GenerationOptions) clone();
            change.accept(copy);
            return copy;
        } catch (CloneNotSupportedException e) {
            throw new IllegalStateException(e);
        }
    }

    /**
     * {@return these options with another number of tokens to add at most}
     *
     * @param maxTokens at least 1; 256 by default
     */
    public GenerationOptions withMaxTokens(int maxTokens) {
        unless(maxTokens >= 1, "max-tokens is %s, but must be at least 1", maxTokens);
        return changed(options -> options.maxTokens = maxTokens);
    }

    /**
     * {@return these options with another divisor of the logits}
     *
     * @param temperature 0 always takes the most likely token, 1 the model's distribution; at least
     *     0; 0.8 by default
     */
    public GenerationOptions withTemperature(double temperature) {
        boolean legal = temperature >= 0 && temperature < Double.POSITIVE_INFINITY;
        unless(legal, "temperature is %s, but must be a number of at least 0", temperature);
        return changed(options -> options.temperature = temperature);
    }

    /**
     * {@return these options with another number of most likely tokens to choose from}
     *
     * @param topK at least 1, or 0 for all, the default
     */
    public GenerationOptions withTopK(int topK) {
        unless(topK >= 0, "top-k is %s, but must be at least 1, or 0 for all tokens", topK);
        return changed(options -> options.topK = topK);
    }

    /**
     * {@return these options with another probability to choose from}
     *
     * @param topP in (0, 1]; 1 by default
     */
    public GenerationOptions withTopP(double topP) {
        unless(topP > 0 && topP <= 1, "top-p is %s, but must be in (0, 1]", topP);
        return changed(options -> options.topP = topP);
    }

    /**
     * {@return these options with another penalty of tokens in the prompt or the new text: positive
     * logits are divided by it, negative ones multiplied} Keskar et al. 2019, "CTRL", section 4.1,
     * with 1.2 there; its formula divides all, which would reward negative ones, and its released
     * code and later ones multiply those.
     *
     * @param penalty at least 1, which is none and the default
     */
    public GenerationOptions withRepetitionPenalty(double penalty) {
        boolean legal = penalty >= 1 && penalty < Double.POSITIVE_INFINITY;
        unless(legal, "repetition-penalty is %s, but must be a number of at least 1", penalty);
        return changed(options -> options.repetitionPenalty = penalty);
    }

    /**
     * {@return these options with other strings, before the first complete one of which the new
     * text ends}
     *
     * @param stops strings of at least one character; none by default
     */
    public GenerationOptions withStops(List<String> stops) {
        boolean legal = stops.stream().noneMatch(String::isEmpty);
        unless(legal, "stop has an empty string, but each must have a character");
        return changed(options -> options.stops = List.copyOf(stops));
    }

    /**
     * {@return these options with another seed of the draws}
     *
     * @param seed equal seeds give equal texts, whatever else is generated; 1337 by default
     */
    public GenerationOptions withSeed(long seed) {
        return changed(options -> options.seed = seed);
    }
}
