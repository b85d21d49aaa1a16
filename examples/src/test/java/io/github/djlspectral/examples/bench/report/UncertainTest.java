package io.github.djlspectral.examples.bench.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class UncertainTest {

    private static final double STUDENT_2 = 4.302653; // 97.5% quantile, two degrees of freedom

    @Test
    void marginIsThatOfStudent() {
        Uncertain mean = Uncertain.mean(new double[] {1, 2, 3});
        assertThat(mean.value()).isEqualTo(2);
        assertThat(mean.margin()).isCloseTo(STUDENT_2 / Math.sqrt(3), within(1e-5));
        assertThat(Uncertain.mean(new double[] {7}).margin()).isNaN();
    }

    @Test
    void geometricMeanTakesLogarithms() {
        Uncertain ratio = Uncertain.geometricMean(new double[] {0.5, 1, 2});
        assertThat(ratio.value()).isCloseTo(1, within(1e-12));
        assertThat(ratio.margin()).isCloseTo(STUDENT_2 * Math.log(2) / Math.sqrt(3), within(1e-5));
    }

    @Test
    void reciprocalKeepsTheRelativeMargin() {
        Uncertain rate = new Uncertain(4, 0.4).under(1024);
        assertThat(rate.value()).isEqualTo(256);
        assertThat(rate.margin()).isCloseTo(25.6, within(1e-9));
    }

    @Test
    void printsThreeDigits() {
        assertThat(new Uncertain(4193.4, 41.7)).hasToString("4193 ± 42");
        assertThat(new Uncertain(41.16, 0.83)).hasToString("41.2 ± 0.8");
        assertThat(new Uncertain(0.3612, 0.02)).hasToString("0.361 ± 0.020");
        assertThat(new Uncertain(0, Double.NaN)).hasToString("0 ± ?");
    }
}
