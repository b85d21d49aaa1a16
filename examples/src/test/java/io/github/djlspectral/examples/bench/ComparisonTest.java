package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.examples.bench.Comparison.Change;
import java.util.List;
import java.util.Random;
import org.apache.commons.math3.distribution.TDistribution;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ComparisonTest {

    private static final String SHAPE = "768x768";
    private static final int TRIALS = 20_000;

    private final Random random = new Random(7);

    @Test
    void sameResultsAreNoRegression() {
        Results results = muon(0.04).get();
        Comparison comparison = new Comparison(results, results);
        assertThat(comparison.hasRegressions()).isFalse();
        assertThat(comparison.lines())
                .contains(
                        "| optimizers, 768x768: Muon, ms | 40.1 ± 1.5 | 40.1 ± 1.5 | 1.00 [0.95,"
                                + " 1.05] |")
                .noneMatch(line -> line.contains("Warning") || line.contains("| REGRESSION |"));
    }

    @Test
    void slowerAndMoreMemoryAreRegressions() {
        Comparison slower = new Comparison(muon(0.04).get(), muon(0.05).get());
        assertThat(slower.hasRegressions()).isTrue();
        assertThat(slower.lines()).anyMatch(line -> line.endsWith("| REGRESSION |"));
        Comparison larger = new Comparison(memory(1).get(), memory(1.2).get());
        assertThat(larger.hasRegressions()).isTrue();
        assertThat(larger.lines())
                .contains(
                        "| growth, width=256: ours, peak GiB | 1.50 ± 0.00 | 1.70 ± 0.00 | 1.13"
                                + " [1.13, 1.13] | REGRESSION |");
    }

    @Test
    void whatCouldBeMeasuredAndFailsNowIsARegression() {
        SomeResults failing =
                new SomeResults().fail(Suite.OPTIMIZERS, SHAPE, "Muon", "out of memory");
        Comparison comparison = new Comparison(muon(0.04).get(), failing.get());
        assertThat(comparison.hasRegressions()).isTrue();
        assertThat(comparison.lines())
                .contains("- REGRESSION: optimizers, 768x768: Muon fails now: out of memory");
        assertThat(new Comparison(failing.get(), muon(0.04).get()).hasRegressions()).isFalse();
    }

    @Test
    void otherConditionsAreTold() {
        Results old = muon(0.04).get(); // 300 and 310 GFLOP/s
        Results close = new SomeResults(2.9e11, 3e11).get();
        assertThat(new Comparison(old, close).lines())
                .contains(
                        "- Matrix product, float32, 1024 x 1024, median of the rounds: old 305"
                                + " GFLOP/s, new 295.")
                .noneMatch(line -> line.startsWith("- Warning"));
        for (Results other :
                List.of(new SomeResults(2.8e11).get(), new SomeResults(3.3e11).get())) {
            assertThat(new Comparison(old, other).lines())
                    .contains(
                            "- Warning: the two differ by more than 5%, so that times are of"
                                    + " different conditions, and what seems slower or faster may"
                                    + " not be");
        }
    }

    @Test
    void anotherMachineIsToldAndNothingInCommonToo() {
        Results old =
                new Results(
                        SomeResults.machine(1), "then", false, "", List.of(), List.of(), List.of());
        Comparison comparison = new Comparison(old, muon(0.04).get());
        assertThat(comparison.lines())
                .containsExactly(
                        "## Against the results of then",
                        "",
                        "- Warning: not the same machine: threads 1, now 2",
                        "- Warning: one of the two is a quick run, which warms up less",
                        "- Nothing was measured in both.");
        assertThat(comparison.hasRegressions()).isFalse();
    }

    private static SomeResults muon(double seconds) {
        return new SomeResults().add(Suite.OPTIMIZERS, SHAPE, "Muon", seconds);
    }

    private static SomeResults memory(double gibi) {
        return new SomeResults().addWithMemory(Suite.GROWTH, "width=256", "ours", 1, gibi, 0);
    }

    @ParameterizedTest
    @CsvSource({"3, 0.2, 0.2", "5, 0.2, 0.2", "3, 0.2, 0.02"})
    void unchangedTimesAreFlaggedOnceInAHundred(int rounds, double oldNoise, double newNoise) {
        // noise so large that the floor of 5% hardly matters
        double share = flagged(rounds, oldNoise, newNoise, 1);
        // Welch's approximation may be off by a third of the level for so few rounds
        assertThat(share).isBetween(0.004, 0.0135);
    }

    @Test
    void usualNoiseIsFlaggedLessOftenBecauseOfTheFloorButAFifthMoreIs() {
        assertThat(flagged(3, 0.02, 0.02, 1)).isLessThan(0.004);
        assertThat(flagged(3, 0.02, 0.02, 1.2)).isGreaterThan(0.97);
    }

    @Test
    void changesHaveVerdicts() {
        Change sure = Change.between(new double[] {1, 1, 1}, new double[] {1.04, 1.04, 1.04});
        assertThat(sure.low()).isCloseTo(1.04, within(1e-9));
        assertThat(sure.isRegression()).as("less than the floor, however sure").isFalse();
        assertThat(sure.verdict()).isEmpty();
        Change one = Change.between(new double[] {1}, new double[] {3, 3.1});
        assertThat(one.isRegression()).isFalse();
        assertThat(one.verdict()).isEqualTo("not judged");
        assertThat(one).hasToString("3.05");
        Change faster = Change.between(new double[] {2, 2.02}, new double[] {1, 1.01});
        assertThat(faster.verdict()).isEqualTo("better");
        assertThat(faster).hasToString("0.50 [0.48, 0.53]");
    }

    /** Welch's interval of a textbook's example, by hand. */
    @Test
    void intervalIsWelchs() {
        double[] a = {Math.exp(1), Math.exp(2), Math.exp(3)};
        double[] b = {Math.exp(4), Math.exp(8)};
        Change change = Change.between(a, b);
        // variances of the means 1/3 and 4, 1.17 degrees of freedom, their 99% quantile 20.2
        double freedom = Math.pow(1.0 / 3 + 4, 2) / (1.0 / 18 + 16);
        double quantile = new TDistribution(freedom).inverseCumulativeProbability(0.99);
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
