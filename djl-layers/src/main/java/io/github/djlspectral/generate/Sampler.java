package io.github.djlspectral.generate;

import io.github.djlspectral.text.BadInputException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Draws the tokens of one sequence, as {@link GenerationOptions} describes. */
final class Sampler {

    private final GenerationOptions options;
    private final SplittableRandom random;

    Sampler(GenerationOptions options) {
        this.options = options;
        random = new SplittableRandom(options.seed());
    }

    /** Tokens to draw from and their weights, which are proportional to probabilities. */
    @SuppressWarnings("ArrayRecordComponent")
    record Candidates(int[] tokens, double[] weights) {}

    /**
     * Draws a token.
     *
     * @param logits one per token of the vocabulary [V]
     * @param seen the tokens of the sequence so far
     * @return a number in [0, V)
     * @throws BadInputException if a logit is not a number
     */
    int next(float[] logits, BitSet seen) {
        Candidates candidates = candidates(logits, seen);
        double left = random.nextDouble() * Arrays.stream(candidates.weights).sum();
        int last = 0;
        for (int i = 0; i < candidates.tokens.length; i++) {
            if (candidates.weights[i] > 0) {
                left -= candidates.weights[i];
                last = candidates.tokens[i];
                if (left < 0) {
                    return last;
                }
            }
        }
        return last; // rounding left a sliver of probability
    }

    /** Returns what is drawn from; among equals the smaller token is preferred. */
    Candidates candidates(float[] logits, BitSet seen) {
        float[] scores = penalised(logits, seen);
        int best = best(scores);
        if (options.temperature() == 0) {
            return new Candidates(new int[] {best}, new double[] {1});
        }
        double[] weights = new double[scores.length];
        for (int i = 0; i < weights.length; i++) {
            // in double precision, so that the difference of two floats is exact
            weights[i] = Math.exp(((double) scores[i] - scores[best]) / options.temperature());
        }
        int[] tokens = nucleus(mostLikely(scores, weights), weights);
        return new Candidates(tokens, Arrays.stream(tokens).mapToDouble(t -> weights[t]).toArray());
    }

    private float[] penalised(float[] logits, BitSet seen) {
        float penalty = (float) options.repetitionPenalty();
        if (penalty == 1) {
            return logits;
        }
        float[] scores = logits.clone();
        seen.stream()
                .forEach(
                        t -> scores[t] = scores[t] > 0 ? scores[t] / penalty : scores[t] * penalty);
        return scores;
    }

    private static int best(float[] scores) {
        int best = 0;
        for (int i = 0; i < scores.length; i++) {
            if (Float.isNaN(scores[i]) || scores[i] == Float.POSITIVE_INFINITY) {
                throw new BadInputException(
                        "The model's score of token "
                                + i
                                + " is "
                                + scores[i]
                                + ": its weights are damaged, or its training diverged");
            }
            if (scores[i] > scores[best]) {
                best = i;
            }
        }
        return best;
    }

    /** Returns the tokens that top-k keeps, or all that top-p may; in order if either is on. */
    private int[] mostLikely(float[] scores, double[] weights) {
        if (options.topK() > 0) {
            return tokens(largest(scores, Math.min(options.topK(), scores.length)));
        }
        if (options.topP() == 1) {
            return IntStream.range(0, scores.length).toArray();
        }
        // All tokens below this weight together have less than the probability 1 - topP, so that
        // none of them is needed, and sorting a large vocabulary is saved.
        double least = (1 - options.topP()) * Arrays.stream(weights).sum() / weights.length;
        return tokens(
                IntStream.range(0, scores.length)
                        .filter(i -> weights[i] >= least)
                        .mapToLong(i -> key(scores[i], i))
                        .sorted()
                        .toArray());
    }

    /** Returns the fewest of the tokens, from the first on, that have the probability topP. */
    private int[] nucleus(int[] tokens, double[] weights) {
        if (options.topP() == 1) {
            return tokens;
        }
        IntStream all =
                options.topK() > 0 ? Arrays.stream(tokens) : IntStream.range(0, weights.length);
        double enough = options.topP() * all.mapToDouble(i -> weights[i]).sum();
        double sum = 0;
        int count = 0;
        while (count < tokens.length && (count == 0 || sum < enough)) {
            sum += weights[tokens[count++]];
        }
        return Arrays.copyOf(tokens, count);
    }

    /** Returns the keys of the k largest scores, the largest first, without sorting all. */
    private static long[] largest(float[] scores, int k) {
        long[] keys = new long[2 * k];
        int size = 0;
        long last = Long.MAX_VALUE;
        for (int i = 0; i < scores.length; i++) {
            long key = key(scores[i], i);
            if (key < last) {
                keys[size++] = key;
                if (size == keys.length) {
                    Arrays.sort(keys);
                    size = k;
                    last = keys[k - 1];
                }
            }
        }
        Arrays.sort(keys, 0, size);
        return Arrays.copyOf(keys, k);
    }

    /** A number that is smaller the larger the score and, among equals, the smaller the token. */
    private static long key(float score, int token) {
        int bits = Float.floatToIntBits(score + 0f); // -0 becomes 0
        int ascending = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
        return (long) ~ascending << Integer.SIZE | token;
    }

    private static int[] tokens(long[] keys) {
        return Arrays.stream(keys).mapToInt(key -> (int) key).toArray();
    }
}
