package io.github.djlspectral.optim.minimax;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.junit.jupiter.api.Test;

class PolarExpressTest {

    private static final int GRID = 20_001;

    @Property(tries = 200)
    void theCompositionMeetsItsErrorOnADenseGrid(
            @ForAll @DoubleRange(min = 0.01, max = 5) double decades,
            @ForAll @DoubleRange(min = 0.5, max = 13) double digits) {
        double lower = Math.pow(10, -decades);
        double tolerance = Math.pow(10, -digits);
        PolarExpress p = PolarExpress.within(lower, tolerance, 0);

        double worst = 0;
        for (int i = 0; i < GRID; i++) {
            worst = Math.max(worst, Math.abs(compose(p, Math.pow(lower, i / (GRID - 1.0))) - 1));
        }
        assertThat(p.error()).isLessThanOrEqualTo(tolerance);
        assertThat(worst).isCloseTo(p.error(), within(1e-3 * p.error() + 1e-14));
    }

    /** Values from an independent Remez exchange in another language. */
    @Test
    void firstStepMatchesAnIndependentExchange() {
        double[] first = PolarExpress.within(1e-3, 0.01, 0).steps().get(0);

        assertThat(first[0]).isCloseTo(8.4703, within(1e-4));
        assertThat(first[1]).isCloseTo(-25.1081, within(1e-4));
        assertThat(first[2]).isCloseTo(18.6293, within(1e-4));
    }

    private static double compose(PolarExpress p, double s) {
        for (double[] c : p.steps()) {
            double square = s * s;
            s *= c[0] + square * (c[1] + square * c[2]);
        }
        return s;
    }

    @Test
    void rejectsWhatHasNoApproximation() {
        assertThatIllegalArgumentException().isThrownBy(() -> PolarExpress.within(0, 0.1, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> PolarExpress.within(1.5, 0.1, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> PolarExpress.within(0.1, 0, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> PolarExpress.within(0.1, 1, 0));
    }
}
