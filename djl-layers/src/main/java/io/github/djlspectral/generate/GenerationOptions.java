package io.github.djlspectral.generate;

import io.github.djlspectral.text.BadInputException;
import java.util.List;

/**
 * How a text is continued. Of a model's logits, those of tokens seen before are penalised first;
 * then all are divided by the temperature; then the {@code topK} most likely tokens are kept; then,
 * of these, the fewest whose probabilities sum to {@code topP}; one of them is drawn.
 *
 * @param maxTokens the most tokens to add; at least 1
 * @param temperature 0 always takes the most likely token, 1 the model's distribution; at least 0
 * @param topK the number of tokens to choose from, at least 1; 0 for all
 * @param topP the probability to choose from, in (0, 1]; 1 for all
 * @param repetitionPenalty at least 1, which is none: positive logits of tokens that occur in the
 *     prompt or the new text are divided by it, negative ones multiplied. Keskar et al. 2019,
 *     "CTRL", section 4.1, with 1.2 there; its formula divides all, which would reward negative
 *     ones, and its released code and later ones multiply those
 * @param stops the new text ends before the first of these strings that is complete; none empty
 * @param seed equal seeds give equal texts, whatever else is generated at the same time
 */
public record GenerationOptions(
        int maxTokens,
        double temperature,
        int topK,
        double topP,
        double repetitionPenalty,
        List<String> stops,
        long seed) {

    /**
     * Checks the ranges.
     *
     * @param maxTokens the most tokens to add
     * @param temperature the divisor of the logits
     * @param topK the number of tokens to choose from
     * @param topP the probability to choose from
     * @param repetitionPenalty the penalty of tokens seen before
     * @param stops what ends the text
     * @param seed the seed of the draws
     * @throws BadInputException if a value is out of its range
     */
    public GenerationOptions {
        require(maxTokens >= 1, "max-tokens is " + maxTokens + ", but must be at least 1");
        require(
                temperature >= 0 && temperature < Double.POSITIVE_INFINITY,
                "temperature is " + temperature + ", but must be a number of at least 0");
        require(topK >= 0, "top-k is " + topK + ", but must be at least 1, or 0 for all tokens");
        require(topP > 0 && topP <= 1, "top-p is " + topP + ", but must be in (0, 1]");
        require(
                repetitionPenalty >= 1 && repetitionPenalty < Double.POSITIVE_INFINITY,
                "repetition-penalty is "
                        + repetitionPenalty
                        + ", but must be a number of at least 1");
        require(
                stops.stream().noneMatch(String::isEmpty),
                "stop has an empty string, but each must have a character");
        stops = List.copyOf(stops);
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new BadInputException(message);
        }
    }

    /**
     * Creates a builder.
     *
     * @return a builder of 256 tokens, temperature 0.8, seed 1337, and nothing else
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Returns these options with another seed.
     *
     * @param seed the seed of the draws
     * @return the changed copy
     */
    public GenerationOptions withSeed(long seed) {
        return new GenerationOptions(
                maxTokens, temperature, topK, topP, repetitionPenalty, stops, seed);
    }

    /** Builds {@link GenerationOptions}. */
    public static final class Builder {

        private int maxTokens = 256;
        private double temperature = 0.8;
        private int topK;
        private double topP = 1;
        private double repetitionPenalty = 1;
        private List<String> stops = List.of();
        private long seed = 1337;

        private Builder() {}

        /**
         * Sets the most tokens to add.
         *
         * @param maxTokens at least 1; 256 by default
         * @return this builder
         */
        public Builder optMaxTokens(int maxTokens) {
            this.maxTokens = maxTokens;
            return this;
        }

        /**
         * Sets the divisor of the logits.
         *
         * @param temperature at least 0; 0 takes the most likely token; 0.8 by default
         * @return this builder
         */
        public Builder optTemperature(double temperature) {
            this.temperature = temperature;
            return this;
        }

        /**
         * Sets the number of tokens to choose from.
         *
         * @param topK at least 1, or 0 for all, the default
         * @return this builder
         */
        public Builder optTopK(int topK) {
            this.topK = topK;
            return this;
        }

        /**
         * Sets the probability to choose from.
         *
         * @param topP in (0, 1]; 1 by default
         * @return this builder
         */
        public Builder optTopP(double topP) {
            this.topP = topP;
            return this;
        }

        /**
         * Sets the penalty of tokens that occurred before.
         *
         * @param repetitionPenalty at least 1, which is none and the default
         * @return this builder
         */
        public Builder optRepetitionPenalty(double repetitionPenalty) {
            this.repetitionPenalty = repetitionPenalty;
            return this;
        }

        /**
         * Sets what ends the text.
         *
         * @param stops strings of at least one character; none by default
         * @return this builder
         */
        public Builder optStops(List<String> stops) {
            this.stops = stops;
            return this;
        }

        /**
         * Sets the seed of the draws.
         *
         * @param seed any number; 1337 by default
         * @return this builder
         */
        public Builder optSeed(long seed) {
            this.seed = seed;
            return this;
        }

        /**
         * Builds the options.
         *
         * @return the options
         * @throws BadInputException if a value is out of its range
         */
        public GenerationOptions build() {
            return new GenerationOptions(
                    maxTokens, temperature, topK, topP, repetitionPenalty, stops, seed);
        }
    }
}
