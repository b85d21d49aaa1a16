package io.github.djlspectral.examples.train;

import io.github.djlspectral.examples.data.BadInputException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Draws the next token from a model's logits. Temperature divides the logits; then the {@code topK}
 * most likely tokens are kept; then, of these, the fewest whose probabilities sum to {@code topP}.
 */
public final class Sampler {

    private final double temperature;
    private final int topK;
    private final double topP;
    private final SplittableRandom random;

    /**
     * Creates a sampler; equal seeds give equal draws.
     *
     * @param temperature at least 0; 0 always takes the most likely token, 1 the model's
     *     distribution
     * @param topK the number of tokens to choose from, at least 1; 0 for all
     * @param topP the probability to choose from, in (0, 1]; 1 for all
     * @param seed the seed of the draws
     * @throws BadInputException if a value is out of its range
     */
    public Sampler(double temperature, int topK, double topP, long seed) {
        if (!(temperature >= 0) || Double.isInfinite(temperature)) {
            throw new BadInputException(
                    "--temperature is " + temperature + ", but must be a number of at least 0");
        }
        if (topK < 0) {
            throw new BadInputException(
                    "--top-k is " + topK + ", but must be at least 1, or 0 for all tokens");
        }
        if (!(topP > 0 && topP <= 1)) {
            throw new BadInputException("--top-p is " + topP + ", but must be in (0, 1]");
        }
        this.temperature = temperature;
        this.topK = topK;
        this.topP = topP;
        this.random = new SplittableRandom(seed);
    }

    /**
     * Draws a token.
     *
     * @param logits one per token of the vocabulary [V]
     * @return a number in [0, V)
     */
    int next(float[] logits) {
        double[] probabilities = probabilities(logits);
        double left = random.nextDouble();
        int last = 0;
        for (int token = 0; token < probabilities.length; token++) {
            if (probabilities[token] > 0) {
                left -= probabilities[token];
                last = token;
                if (left < 0) {
                    return token;
                }
            }
        }
        return last; // rounding left a sliver of probability
    }

    /** Returns the distribution that is drawn from [V]; among equals the smaller token wins. */
    double[] probabilities(float[] logits) {
        Integer[] order = IntStream.range(0, logits.length).boxed().toArray(Integer[]::new);
        Arrays.sort(order, Comparator.comparing(token -> -logits[token]));
        double[] result = new double[logits.length];
        if (temperature == 0) {
            result[order[0]] = 1;
            return result;
        }
        int kept = topK == 0 ? logits.length : Math.min(topK, logits.length);
        double top = logits[order[0]];
        double[] weights = new double[kept];
        for (int i = 0; i < kept; i++) {
            weights[i] = Math.exp((logits[order[i]] - top) / temperature);
        }
        double all = Arrays.stream(weights).sum();
        double sum = 0;
        int nucleus = 0;
        while (nucleus < kept && (nucleus == 0 || sum < topP * all)) {
            sum += weights[nucleus++];
        }
        for (int i = 0; i < nucleus; i++) {
            result[order[i]] = weights[i] / sum;
        }
        return result;
    }
}
