package io.github.djlspectral.examples.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.examples.experiment.Stats.PowerLaw;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StatsTest {

    private static final double[] WIDTHS = {256, 512, 768, 1024, 1600};

    @Test
    void findsAnExactLaw() {
        PowerLaw fit = PowerLaw.fit(WIDTHS, law(1.7, 3e-6));
        assertThat(fit.exponent()).isCloseTo(1.7, within(1e-12));
        assertThat(fit.margin()).isLessThan(1e-6);
        assertThat(fit.at(768)).isCloseTo(3e-6 * Math.pow(768, 1.7), within(1e-15));
    }

    @Test
    void marginOfANoisyLawHoldsTheExponentNineteenTimesInTwenty() {
        Random random = new Random(1);
        int trials = 4000;
        int held = 0;
        for (int i = 0; i < trials; i++) {
            double[] y = law(1, 1);
            for (int j = 0; j < y.length; j++) {
                y[j] *= Math.exp(0.05 * random.nextGaussian());
            }
            PowerLaw fit = PowerLaw.fit(WIDTHS, y);
            held += Math.abs(fit.exponent() - 1) <= fit.margin() ? 1 : 0;
        }
        // three standard deviations of a share of 0.95 in 4000 trials are 0.010
        assertThat((double) held / trials).isCloseTo(0.95, within(0.011));
    }

    /** Exponents -1 and 1 about the middle: the least squares take their mean. */
    @Test
    void aKinkGetsTheMeanExponent() {
        PowerLaw fit = PowerLaw.fit(new double[] {1, 10, 100}, new double[] {10, 1, 10});
        assertThat(fit.exponent()).isCloseTo(0, within(1e-14));
    }

    @Test
    void twoPointsHaveNoMargin() {
        PowerLaw fit = PowerLaw.fit(new double[] {1, 4}, new double[] {3, 6});
        assertThat(fit.exponent()).isCloseTo(0.5, within(1e-12));
        assertThat(fit.margin()).isNaN();
    }

    private static double[] law(double exponent, double factor) {
        return Arrays.stream(WIDTHS).map(x -> factor * Math.pow(x, exponent)).toArray();
    }

    @Test
    void timeLeftIsInProportionToWhatIsLeft() {
        Eta eta = new Eta(4);
        assertThat(eta.left()).isEqualTo("0:00 min");
        assertThat(eta.tick()).matches("\\[1/4\\] ETA 0:0\\d min");
        eta.add(3);
        assertThat(eta.percent()).isEqualTo(100);
        assertThat(eta.left()).isEqualTo("0:00 min");
        assertThat(eta.due(0)).isTrue();
        assertThat(eta.due(1000)).isFalse();
    }
}
