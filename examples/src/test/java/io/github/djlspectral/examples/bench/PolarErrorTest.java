package io.github.djlspectral.examples.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.djlspectral.optim.SpectralMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PolarErrorTest {

    @Test
    void hasTheNumbersOfTheReferenceGenerator() {
        // SplitMix64 with state 0 begins with e220a8397b1dcdaf, 6e789e6aa1b965f4.
        assertThat(PolarError.number(0)).isEqualTo(0xe220a8 / (float) (1 << 23) - 1);
        assertThat(PolarError.number(1)).isEqualTo(0x6e789e / (float) (1 << 23) - 1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"16x64", "64x16", "32x32"})
    void tellsAnAccurateFactorFromFiveSteps(String shape) {
        assertThat(PolarError.of(SpectralMap.polar(), shape)).isLessThan(0.03);
        // The quintic maps most singular values into [0.68, 1.13] and no closer to 1.
        assertThat(PolarError.of(SpectralMap.newtonSchulz(), shape)).isBetween(0.1, 0.35);
    }

    @Test
    void isOneForAMatrixLeftAlone() {
        // c = 0 keeps the singular values but for their common factor; the largest stays largest.
        assertThat(PolarError.of(SpectralMap.power(0), "16x16")).isGreaterThan(0.5);
    }
}
