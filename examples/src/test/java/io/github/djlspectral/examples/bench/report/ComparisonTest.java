package io.github.djlspectral.examples.bench.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.examples.bench.Suite;
import java.util.List;
import org.junit.jupiter.api.Test;

class ComparisonTest {

    private static final String SHAPE = "768x768";

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
    void slowerIsARegression() {
        Comparison comparison = new Comparison(muon(0.04).get(), muon(0.05).get());
        assertThat(comparison.hasRegressions()).isTrue();
        assertThat(comparison.lines()).anyMatch(line -> line.endsWith("| REGRESSION |"));
    }

    @Test
    void moreMemoryIsARegression() {
        Comparison comparison = new Comparison(memory(1).get(), memory(1.2).get());
        assertThat(comparison.hasRegressions()).isTrue();
        assertThat(comparison.lines())
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
}
