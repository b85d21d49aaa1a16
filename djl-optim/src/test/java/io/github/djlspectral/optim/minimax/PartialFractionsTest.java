package io.github.djlspectral.optim.minimax;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class PartialFractionsTest {

    private static final int GRID = 40_001;

    /** A best approximation of type (n, n) has 2n + 2 alternating extrema of equal size. */
    @Property(tries = 40)
    void relativeErrorEquioscillates(
            @ForAll @DoubleRange(min = 2, max = 10) double decades,
            @ForAll @IntRange(min = 1, max = 6) int terms) {
        double lower = Math.pow(10, -decades);
        PartialFractions r = PartialFractions.inverseSquareRoot(lower, terms);

        List<Double> extrema = extrema(r);
        assertThat(extrema).hasSize(2 * terms + 2);
        for (int i = 0; i < extrema.size(); i++) {
            // the grid misses an extremum by a step, where the error is quadratic
            assertThat(extrema.get(i))
                    .isCloseTo(i % 2 == 0 ? -r.error() : r.error(), within(1e-5 * r.error()));
        }
        assertThat(r.poles()).isSorted();
        for (int j = 0; j < terms; j++) {
            assertThat(r.poles()[j]).isPositive();
            assertThat(r.weights()[j]).isPositive();
        }
    }

    /** Signed relative errors where they turn, both ends included. */
    private static List<Double> extrema(PartialFractions r) {
        double[] e = new double[GRID];
        for (int i = 0; i < GRID; i++) {
            double x = Math.pow(r.lower(), 1 - i / (GRID - 1.0));
            e[i] = Math.sqrt(x) * r.valueAt(x) - 1;
        }
        List<Double> extrema = new ArrayList<>();
        extrema.add(e[0]);
        for (int i = 1; i < GRID - 1; i++) {
            if ((e[i] - e[i - 1]) * (e[i + 1] - e[i]) < 0) {
                extrema.add(e[i]);
            }
        }
        extrema.add(e[GRID - 1]);
        return extrema;
    }

    @Test
    void takesTheFewestTermsForATolerance() {
        PartialFractions r = PartialFractions.inverseSquareRoot(3.6e-6, 0.02);

        assertThat(r.poles()).hasSize(4);
        assertThat(r.error()).isLessThan(0.02);
        assertThat(PartialFractions.inverseSquareRoot(3.6e-6, 3).error()).isGreaterThan(0.02);
    }

    @Test
    void rejectsWhatHasNoApproximation() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PartialFractions.inverseSquareRoot(0, 3))
                .withMessageContaining("0.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PartialFractions.inverseSquareRoot(1, 3));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PartialFractions.inverseSquareRoot(Double.NaN, 3));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PartialFractions.inverseSquareRoot(0.1, 0));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PartialFractions.inverseSquareRoot(0.1, 0.0));
    }
}
