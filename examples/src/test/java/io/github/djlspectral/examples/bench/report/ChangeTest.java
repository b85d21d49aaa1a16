package io.github.djlspectral.examples.bench.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChangeTest {

    private static final int TRIALS = 20_000;

    private final Random random = new Random(7);

    @ParameterizedTest
    @CsvSource({"3, 0.2, 0.2", "5, 0.2, 0.2", "3, 0.2, 0.02"})
    void unchangedTimesAreFlaggedOnceInAHundred(int rounds, double oldNoise, double newNoise) {
        // noise so large that the floor of 5% hardly matters
        double share = flagged(rounds, oldNoise, newNoise, 1);
        // Welch's approximation may be off by a third of the level for so few rounds
        assertThat(share).isBetween(0.004, 0.0135);
    }

    @Test
    void usualNoiseIsFlaggedLessOftenBecauseOfTheFloor() {
        assertThat(flagged(3, 0.02, 0.02, 1)).isLessThan(0.004);
    }

    @Test
    void aFifthMoreIsFlagged() {
        assertThat(flagged(3, 0.02, 0.02, 1.2)).isGreaterThan(0.97);
    }

    @Test
    void lessThanTheFloorIsNotFlaggedHoweverSure() {
        Change change = Change.between(new double[] {1, 1, 1}, new double[] {1.04, 1.04, 1.04});
        assertThat(change.low()).isCloseTo(1.04, within(1e-9));
        assertThat(change.isRegression()).isFalse();
        assertThat(change.verdict()).isEmpty();
    }

    @Test
    void oneRoundIsNotJudged() {
        Change change = Change.between(new double[] {1}, new double[] {3, 3.1});
        assertThat(change.isRegression()).isFalse();
        assertThat(change.verdict()).isEqualTo("not judged");
        assertThat(change).hasToString("3.05");
    }

    @Test
    void aFasterOneIsBetter() {
        Change change = Change.between(new double[] {2, 2.02}, new double[] {1, 1.01});
        assertThat(change.verdict()).isEqualTo("better");
        assertThat(change).hasToString("0.50 [0.48, 0.53]");
    }

    /** Welch's interval of a textbook's example, by hand. */
    @Test
    void intervalIsWelchs() {
        double[] a = {Math.exp(1), Math.exp(2), Math.exp(3)};
        double[] b = {Math.exp(4), Math.exp(8)};
        Change change = Change.between(a, b);
        // variances of the means 1/3 and 4, 1.17 degrees of freedom, their 99% quantile 20.2
        double freedom = Math.pow(1.0 / 3 + 4, 2) / (1.0 / 18 + 16);
        double quantile =
                new org.apache.commons.math3.distribution.TDistribution(freedom)
                        .inverseCumulativeProbability(0.99);
        assertThat(Math.log(change.ratio())).isCloseTo(4, within(1e-12));
        assertThat(Math.log(change.high()) - 4)
                .isCloseTo(quantile * Math.sqrt(1.0 / 3 + 4), within(1e-6));
    }

    private double flagged(int rounds, double oldNoise, double newNoise, double slowdown) {
        int count = 0;
        for (int i = 0; i < TRIALS; i++) {
            Change change =
                    Change.between(times(rounds, oldNoise, 1), times(rounds, newNoise, slowdown));
            count += change.isRegression() ? 1 : 0;
        }
        return (double) count / TRIALS;
    }

    private double[] times(int rounds, double noise, double center) {
        return random.doubles(rounds)
                .map(unused -> center * Math.exp(noise * random.nextGaussian()))
                .toArray();
    }
}
