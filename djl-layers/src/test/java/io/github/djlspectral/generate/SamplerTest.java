package io.github.djlspectral.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.text.BadInputException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerTest {

    /** Logits of the distribution 0.1, 0.4, 0.2, 0.3, shifted: a shift must not matter. */
    private static final float[] LOGITS = {log(0.1) + 7, log(0.4) + 7, log(0.2) + 7, log(0.3) + 7};

    /** Float32 logits near 7 carry 2^-22 of rounding, which is also the probabilities' relative. */
    private static final double TOLERANCE = 1e-6;

    private static final BitSet NONE = new BitSet();

    @Test
    void temperatureOneIsTheModelsDistribution() {
        assertDistribution(sampler(1, 0, 1), 0.1, 0.4, 0.2, 0.3);
    }

    @Test
    void temperatureIsThePowerOfTheProbabilities() {
        // T = 1/2 squares: 0.01, 0.16, 0.04, 0.09, of 0.30
        assertDistribution(sampler(0.5, 0, 1), 1 / 30.0, 16 / 30.0, 4 / 30.0, 9 / 30.0);
    }

    @Test
    void temperatureZeroTakesTheMostLikely() {
        assertDistribution(sampler(0, 0, 1), 0, 1, 0, 0);
        assertThat(sampler(0, 0, 1).next(new float[] {1, 3, 3}, NONE)).isEqualTo(1);
    }

    @Test
    void topKKeepsTheMostLikely() {
        assertDistribution(sampler(1, 2, 1), 0, 4 / 7.0, 0, 3 / 7.0);
        assertDistribution(sampler(1, 100, 1), 0.1, 0.4, 0.2, 0.3);
    }

    @Test
    void topPKeepsTheFewestThatReachIt() {
        assertDistribution(sampler(1, 0, 0.69), 0, 4 / 7.0, 0, 3 / 7.0);
        assertDistribution(sampler(1, 0, 0.71), 0, 4 / 9.0, 2 / 9.0, 3 / 9.0);
        assertDistribution(sampler(1, 0, 1e-9), 0, 1, 0, 0);
    }

    @Test
    void topPCountsWithinTopK() {
        // after top-k 3 the probabilities are 4/9, 3/9, 2/9: two of them reach 0.7
        assertDistribution(sampler(1, 3, 0.7), 0, 4 / 7.0, 0, 3 / 7.0);
    }

    @Test
    void equalLogitsKeepTheSmallestTokens() {
        assertThat(probabilities(sampler(1, 2, 1), new float[] {0f, -0f, 0f}, NONE))
                .containsExactly(0.5, 0.5, 0);
    }

    /** Against sorting everything, with many ties and both signs. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 50, 999, 1000})
    void topKOfManyIsTheHeadOfTheSortedList(int k) {
        Random random = new Random(k);
        float[] logits = new float[1000];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = random.nextInt(200) - 100;
        }
        Integer[] order = IntStream.range(0, 1000).boxed().toArray(Integer[]::new);
        Arrays.sort(order, Comparator.comparing(token -> -logits[token]));
        assertThat(sampler(1, k, 1).candidates(logits, NONE).tokens())
                .containsExactly(Arrays.stream(order, 0, k).mapToInt(i -> i).toArray());
    }

    /** Against sorting everything. */
    @ParameterizedTest
    @ValueSource(doubles = {1e-9, 0.1, 0.5, 0.9, 0.99, 0.999999})
    void topPOfManyIsTheHeadOfTheSortedList(double p) {
        Random random = new Random(5);
        float[] logits = new float[1000];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) (3 * random.nextGaussian());
        }
        double[] all = probabilities(sampler(1, 0, 1), logits, NONE);
        Integer[] order = IntStream.range(0, 1000).boxed().toArray(Integer[]::new);
        Arrays.sort(order, Comparator.comparing(token -> -logits[token]));
        double sum = 0;
        int count = 0;
        while (sum < p) {
            sum += all[order[count++]];
        }
        assertThat(sampler(1, 0, p).candidates(logits, NONE).tokens())
                .containsExactly(Arrays.stream(order, 0, count).mapToInt(i -> i).toArray());
    }

    @Test
    void repetitionPenaltyMakesSeenTokensLessLikelyWhateverTheirSign() {
        BitSet seen = new BitSet();
        seen.set(0);
        seen.set(2);
        float[] logits = {3, 1, -1, -2};
        double[] expected = {1.5, 1, -2, -2};
        double sum = Arrays.stream(expected).map(Math::exp).sum();
        Sampler sampler =
                new Sampler(new GenerationOptions().withTemperature(1).withRepetitionPenalty(2));
        double[] actual = probabilities(sampler, logits, seen);
        for (int i = 0; i < 4; i++) {
            assertThat(actual[i]).isCloseTo(Math.exp(expected[i]) / sum, within(1e-12));
        }
        assertThat(logits).containsExactly(3, 1, -1, -2);
    }

    @Test
    void drawsFollowTheDistribution() {
        Sampler sampler = sampler(1, 0, 1);
        int[] counts = new int[4];
        int draws = 40_000;
        for (int i = 0; i < draws; i++) {
            counts[sampler.next(LOGITS, NONE)]++;
        }
        double[] expected = {0.1, 0.4, 0.2, 0.3};
        for (int token = 0; token < counts.length; token++) {
            double p = expected[token];
            // five standard deviations; the seed is fixed
            assertThat(counts[token] / (double) draws)
                    .isCloseTo(p, within(5 * Math.sqrt(p * (1 - p) / draws)));
        }
    }

    @Test
    void equalSeedsDrawEqually() {
        Sampler one = sampler(1, 0, 1);
        Sampler two = sampler(1, 0, 1);
        for (int i = 0; i < 100; i++) {
            assertThat(one.next(LOGITS, NONE)).isEqualTo(two.next(LOGITS, NONE));
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
    void aDamagedModelIsNamed(float logit) {
        float[] logits = {1, logit, Float.NEGATIVE_INFINITY};
        assertThatThrownBy(() -> sampler(0, 0, 1).next(logits, NONE))
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining("score of token 1 is " + logit);
    }

    @ParameterizedTest
    @CsvSource({
        "-1, 0, 1, 1, temperature is -1.0",
        "NaN, 0, 1, 1, temperature is NaN",
        "Infinity, 0, 1, 1, temperature is Infinity",
        "1, -1, 1, 1, top-k is -1",
        "1, 0, 0, 1, top-p is 0.0",
        "1, 0, 1.5, 1, top-p is 1.5",
        "1, 0, NaN, 1, top-p is NaN",
        "1, 0, 1, 0.9, repetition-penalty is 0.9",
        "1, 0, 1, NaN, repetition-penalty is NaN"
    })
    void rejectsWhatIsOutOfRange(
            double temperature, int topK, double topP, double penalty, String message) {
        assertThatThrownBy(
                        () ->
                                new GenerationOptions()
                                        .withTemperature(temperature)
                                        .withTopK(topK)
                                        .withTopP(topP)
                                        .withRepetitionPenalty(penalty))
                .isInstanceOf(BadInputException.class)
                .hasMessageStartingWith(message);
    }

    private static float log(double p) {
        return (float) Math.log(p);
    }

    private static Sampler sampler(double temperature, int topK, double topP) {
        return new Sampler(
                new GenerationOptions().withTemperature(temperature).withTopK(topK).withTopP(topP));
    }

    private static double[] probabilities(Sampler sampler, float[] logits, BitSet seen) {
        Sampler.Candidates candidates = sampler.candidates(logits, seen);
        double sum = Arrays.stream(candidates.weights()).sum();
        double[] probabilities = new double[logits.length];
        for (int i = 0; i < candidates.tokens().length; i++) {
            probabilities[candidates.tokens()[i]] = candidates.weights()[i] / sum;
        }
        return probabilities;
    }

    private static void assertDistribution(Sampler sampler, double... expected) {
        double[] actual = probabilities(sampler, LOGITS, NONE);
        for (int token = 0; token < expected.length; token++) {
            assertThat(actual[token]).isCloseTo(expected[token], within(TOLERANCE));
        }
    }
}
