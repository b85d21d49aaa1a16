package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.optim.SpectralMap;
import org.junit.jupiter.api.Test;

class PolarRangeTest {

    @Test
    void hasTheNumbersOfTheReferenceGenerator() {
        // SplitMix64 with state 0 begins with e220a8397b1dcdaf, 6e789e6aa1b965f4.
        assertThat(PolarRange.number(0)).isEqualTo(0xe220a8 / (float) (1 << 23) - 1);
        assertThat(PolarRange.number(1)).isEqualTo(0x6e789e / (float) (1 << 23) - 1);
    }

    @Test
    void tellsAnExactFactorFromFiveSteps() {
        PolarRange exact = PolarRange.measure(SpectralMap.polar(), "16x64");
        PolarRange steps = PolarRange.measure(SpectralMap.newtonSchulz(), "16x64");

        assertThat(exact.error()).isLessThan(0.01);
        // The quintic maps most singular values into [0.68, 1.13] and no closer to 1.
        assertThat(steps.error()).isBetween(0.1, 0.35);
        assertThat(steps.error())
                .isCloseTo(Math.max(1 - steps.smallest(), steps.largest() - 1), within(1e-12));
    }
}
