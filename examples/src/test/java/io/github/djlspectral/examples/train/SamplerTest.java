package io.github.djlspectral.examples.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.examples.data.BadInputException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplerTest {

    /** Logits of the distribution 0.1, 0.4, 0.2, 0.3, shifted: a shift must not matter. */
    private static final float[] LOGITS = {log(0.1) + 7, log(0.4) + 7, log(0.2) + 7, log(0.3) + 7};

    /** Float32 logits near 7 carry 2^-22 of rounding, which is also the probabilities' relative. */
    private static final double TOLERANCE = 1e-6;

    @Test
    void temperatureOneIsTheModelsDistribution() {
        assertDistribution(new Sampler(1, 0, 1, 0), 0.1, 0.4, 0.2, 0.3);
    }

    @Test
    void temperatureIsThePowerOfTheProbabilities() {
        // T = 1/2 squares: 0.01, 0.16, 0.04, 0.09, of 0.30
        assertDistribution(new Sampler(0.5, 0, 1, 0), 1 / 30.0, 16 / 30.0, 4 / 30.0, 9 / 30.0);
    }

    @Test
    void temperatureZeroTakesTheMostLikely() {
        assertDistribution(new Sampler(0, 0, 1, 0), 0, 1, 0, 0);
    }

    @Test
    void topKKeepsTheMostLikely() {
        assertDistribution(new Sampler(1, 2, 1, 0), 0, 4 / 7.0, 0, 3 / 7.0);
    }

    @Test
    void topPKeepsTheFewestThatReachIt() {
        assertDistribution(new Sampler(1, 0, 0.69, 0), 0, 4 / 7.0, 0, 3 / 7.0);
        assertDistribution(new Sampler(1, 0, 0.71, 0), 0, 4 / 9.0, 2 / 9.0, 3 / 9.0);
        assertDistribution(new Sampler(1, 0, 1e-9, 0), 0, 1, 0, 0);
    }

    @Test
    void topPCountsWithinTopK() {
        // after top-k 3 the probabilities are 4/9, 3/9, 2/9: two of them reach 0.7
        assertDistribution(new Sampler(1, 3, 0.7, 0), 0, 4 / 7.0, 0, 3 / 7.0);
    }

    @Test
    void equalLogitsKeepTheSmallestTokens() {
        assertThat(new Sampler(1, 2, 1, 0).probabilities(new float[] {1, 1, 1}))
                .containsExactly(0.5, 0.5, 0);
    }

    @Test
    void drawsFollowTheDistribution() {
        Sampler sampler = new Sampler(1, 0, 1, 42);
        int[] counts = new int[4];
        int draws = 40_000;
        for (int i = 0; i < draws; i++) {
            counts[sampler.next(LOGITS)]++;
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
        Sampler one = new Sampler(1, 0, 1, 7);
        Sampler two = new Sampler(1, 0, 1, 7);
        for (int i = 0; i < 100; i++) {
            assertThat(one.next(LOGITS)).isEqualTo(two.next(LOGITS));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "-1, 0, 1, --temperature is -1.0",
        "NaN, 0, 1, --temperature is NaN",
        "Infinity, 0, 1, --temperature is Infinity",
        "1, -1, 1, --top-k is -1",
        "1, 0, 0, --top-p is 0.0",
        "1, 0, 1.5, --top-p is 1.5",
        "1, 0, NaN, --top-p is NaN"
    })
    void rejectsWhatIsOutOfRange(double temperature, int topK, double topP, String message) {
        assertThatThrownBy(() -> new Sampler(temperature, topK, topP, 0))
                .isInstanceOf(BadInputException.class)
                .hasMessageStartingWith(message);
    }

    private static float log(double p) {
        return (float) Math.log(p);
    }

    private static void assertDistribution(Sampler sampler, double... expected) {
        double[] actual = sampler.probabilities(LOGITS);
        for (int token = 0; token < expected.length; token++) {
            assertThat(actual[token]).isCloseTo(expected[token], within(TOLERANCE));
        }
    }
}
