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
        random = new SplittableRandom(options.seed);
    }

    /** Tokens to draw from and their weights, which are proportional to probabilities. */
    @SuppressWarnings("ArrayRecordComponent")
    record Candidates(int[] tokens, double[] weights) {}

    /** Draws one of V tokens, given their logits and which of them occurred before. */
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
        if (options.temperature == 0) {
            return new Candidates(new int[] {best}, new double[] {1});
        }
        double[] weights = new double[scores.length];
        for (int i = 0; i < weights.length; i++) {
            // in double precision, so that the difference of two floats is exact
            weights[i] = Math.exp(((double) scores[i] - scores[best]) / options.temperature);
        }
        int[] tokens = mostLikely(scores, weights);
        return new Candidates(tokens, Arrays.stream(tokens).mapToDouble(t -> weights[t]).toArray());
    }

    private float[] penalised(float[] logits, BitSet seen) {
        float penalty = (float) options.repetitionPenalty;
        if (penalty == 1) {
            return logits;
        }
        float[] s = logits.clone();
        seen.stream().forEach(t -> s[t] = s[t] > 0 ? s[t] / penalty : s[t] * penalty);
        return s;
    }

    private static int best(float[] scores) {
        int best = 0;
        for (int i = 0; i < scores.length; i++) {
            if (Float.isNaN(scores[i]) || scores[i] == Float.POSITIVE_INFINITY) {
                String what = "The model's score of token " + i + " is " + scores[i];
                String why = ": its weights are damaged, or its training diverged";
                throw new BadInputException(what + why);
            }
            best = scores[i] > scores[best] ? i : best;
        }
        return best;
    }

    /** Returns the tokens that top-k and then top-p keep; in order if either is on. */
    private int[] mostLikely(float[] scores, double[] weights) {
        IntStream all = IntStream.range(0, scores.length);
        if (options.topK == 0 && options.topP == 1) {
            return all.toArray();
        }
        double sum = Arrays.stream(weights).sum();
        int[] tokens;
        if (options.topK > 0) {
            tokens = tokens(largest(scores, Math.min(options.topK, scores.length)));
            sum = Arrays.stream(tokens).mapToDouble(t -> weights[t]).sum();
        } else {
            // All tokens below this weight together have less than the probability 1 - topP, so
            // that none of them is needed, and sorting a large vocabulary is saved.
            double least = (1 - options.topP) * sum / weights.length;
            IntStream some = all.filter(t -> weights[t] >= least);
            tokens = tokens(some.mapToLong(t -> key(scores[t], t)).sorted().toArray());
        }
        int count = 0;
        double kept = 0;
        while (count < tokens.length
                && (options.topP == 1 || count == 0 || kept < options.topP * sum)) {
            kept += weights[tokens[count++]];
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
