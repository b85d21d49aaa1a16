package io.github.djlspectral.examples.zoo;

import io.github.djlspectral.examples.data.BadInputException;
import io.github.djlspectral.examples.train.Sampler;

/**
 * How a text is continued.
 *
 * @param maxTokens the tokens to add; at least 1
 * @param temperature see {@link Sampler}, as for the others
 * @param topK the number of tokens to choose from
 * @param topP the probability to choose from
 * @param seed determines the draws
 */
record GenerationOptions(int maxTokens, double temperature, int topK, double topP, long seed) {

    private static final int DEFAULT_TOKENS = 256;
    private static final double DEFAULT_TEMPERATURE = 0.8;
    private static final long DEFAULT_SEED = 1337;

    GenerationOptions {
        if (maxTokens < 1) {
            throw new BadInputException("maxTokens is " + maxTokens + ", but must be at least 1");
        }
    }

    static GenerationOptions of(Arguments arguments) {
        GenerationOptions options =
                new GenerationOptions(
                        arguments.integer("maxTokens", DEFAULT_TOKENS),
                        arguments.real("temperature", DEFAULT_TEMPERATURE),
                        arguments.integer("topK", 0),
                        arguments.real("topP", 1),
                        arguments.number("seed", DEFAULT_SEED));
        options.newSampler(); // it checks the ranges
        return options;
    }

    /** Returns a sampler that begins its draws: each text has its own. */
    Sampler newSampler() {
        return new Sampler(temperature, topK, topP, seed);
    }
}
