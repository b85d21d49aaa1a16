package io.github.djlspectral.optim.minimax;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import net.jqwik.api.Assume;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Scale;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PartialFractionsTest {

    private static final int GRID = 4001;

    /** Of x^c r(x) in double arithmetic, whose weights are products of 60 factors: seen 3e-15. */
    private static final double ROUNDING = 1e-14;

    /**
     * A best approximation of type (n, n) has 2n + 2 alternating extrema of equal size. They are
     * equal within 1e-9 of the error, where double arithmetic can see it: {@code x^c r(x) - 1} is
     * no more accurate than the rounding of r.
     */
    @Property(tries = 150)
    void relativeErrorEquioscillates(
            @ForAll @Scale(6) @DoubleRange(min = 0.01, max = 0.99) double exponent,
            @ForAll @Scale(6) @DoubleRange(min = 2, max = 14) double decades,
            @ForAll @IntRange(min = 1, max = 30) int terms) {
        double lower = Math.pow(10, -decades);
        Assume.that(PartialFractions.expectedError(exponent, lower, terms) > 1e-12);

        assertEquioscillates(
                exponent, lower, PartialFractions.inversePower(exponent, lower, terms));
    }

    @ParameterizedTest
    @CsvSource({"0.001, 1e-16", "0.999, 1e-16", "0.5, 1e-16", "0.001, 0.01", "0.999, 0.01"})
    void alsoAtTheEndsOfTheRange(double exponent, double lower) {
        for (double tolerance : new double[] {0.99, 0.01, 1e-6, 2e-12}) {
            assertEquioscillates(
                    exponent, lower, PartialFractions.inversePower(exponent, lower, tolerance));
        }
    }

    private static void assertEquioscillates(double exponent, double lower, PartialFractions r) {
        List<Double> extrema = extrema(exponent, lower, r);
        assertThat(extrema).hasSize(2 * r.poles().length + 2);
        for (int i = 0; i < extrema.size(); i++) {
            double expected = i % 2 == 0 ? -r.error() : r.error();
            assertThat(extrema.get(i)).isCloseTo(expected, within(1e-9 * r.error() + ROUNDING));
        }
        assertThat(r.constant()).isPositive();
        assertThat(r.poles()).isSorted();
        for (int j = 0; j < r.poles().length; j++) {
            assertThat(r.poles()[j]).isPositive();
            assertThat(r.weights()[j]).isPositive();
        }
    }

    /** Signed relative errors where they are largest between changes of sign. */
    private static List<Double> extrema(double exponent, double lower, PartialFractions r) {
        double step = Math.log(lower) / (GRID - 1);
        DoubleUnaryOperator error =
                i -> {
                    double x = Math.exp(Math.min(0, (GRID - 1 - i) * step));
                    x = Math.max(x, lower);
                    return Math.pow(x, exponent) * valueAt(r, x) - 1;
                };
        List<Double> extrema = new ArrayList<>();
        double peakSign = 0;
        int peak = 0;
        for (int i = 0; i < GRID; i++) {
            double value = error.applyAsDouble(i);
            double sign = value == 0 ? peakSign : Math.signum(value);
            if (sign * peakSign < 0) {
                extrema.add(refined(error, peakSign, peak));
            }
            if (sign != peakSign || Math.abs(value) > Math.abs(error.applyAsDouble(peak))) {
                peak = i;
                peakSign = sign;
            }
        }
        extrema.add(refined(error, peakSign, peak));
        return extrema;
    }

    private static double valueAt(PartialFractions r, double x) {
        double sum = r.constant();
        for (int j = 0; j < r.poles().length; j++) {
            sum += r.weights()[j] / (x + r.poles()[j]);
        }
        return sum;
    }

    /** Thirds the surroundings of a peak of sign * error. */
    private static double refined(DoubleUnaryOperator error, double sign, int peak) {
        double low = Math.max(0, peak - 1);
        double high = Math.min(GRID - 1, peak + 1);
        for (int k = 0; k < 40; k++) {
            double left = (2 * low + high) / 3;
            double right = (low + 2 * high) / 3;
            if (sign * (error.applyAsDouble(left) - error.applyAsDouble(right)) < 0) {
                low = left;
            } else {
                high = right;
            }
        }
        double inside = sign * error.applyAsDouble((low + high) / 2);
        return sign * Math.max(inside, sign * error.applyAsDouble(peak)); // an end of the interval
    }

    @Property(tries = 150)
    void takesTheFewestTermsForATolerance(
            @ForAll @Scale(6) @DoubleRange(min = 0.01, max = 0.99) double exponent,
            @ForAll @Scale(6) @DoubleRange(min = 2, max = 14) double decades,
            @ForAll @Scale(6) @DoubleRange(min = 0.01, max = 12) double digits) {
        double lower = Math.pow(10, -decades);
        double tolerance = Math.pow(10, -digits);
        PartialFractions r = PartialFractions.inversePower(exponent, lower, tolerance);

        int terms = r.poles().length;
        assertThat(r.error()).isPositive().isLessThanOrEqualTo(tolerance);
        if (terms > 1) {
            PartialFractions fewer = PartialFractions.inversePower(exponent, lower, terms - 1);
            assertThat(fewer.error()).isGreaterThan(tolerance);
        }
        // what the search for the number of terms relies on
        assertThat(r.error() / PartialFractions.expectedError(exponent, lower, terms))
                .isBetween(0.5, 2.4);
    }

    /** The poles of c = 1/2 are known in closed form, whatever the exchange makes of its start. */
    @Test
    void theSquareRootIsZolotarevs() {
        PartialFractions r = PartialFractions.inversePower(0.5, 3.6e-6, 0.02);

        assertThat(r.poles()).hasSize(4);
        assertThat(r.error()).isLessThan(0.02);
        double lower = 3.6e-6;
        double unit = JacobiElliptic.quarterPeriod(lower) / 9;
        for (int j = 0; j < 4; j++) {
            double pole = lower * JacobiElliptic.squaredTangent((2 * j + 1) * unit, lower);
            assertThat(r.poles()[j]).isCloseTo(pole, Percentage.withPercentage(1e-8));
        }
    }

    @Test
    void rejectsWhatHasNoApproximation() {
        for (double exponent : new double[] {0, 1, -0.5, 1e-4, 0.9999, Double.NaN}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> PartialFractions.inversePower(exponent, 1e-6, 0.1))
                    .withMessageContaining("exponent")
                    .withMessageContaining(String.valueOf(exponent));
        }
        for (double lower : new double[] {0, 1, -1, 0.02, 1e-17, Double.NaN}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> PartialFractions.inversePower(0.3, lower, 0.1))
                    .withMessageContaining("lower")
                    .withMessageContaining(String.valueOf(lower));
        }
        for (double tolerance : new double[] {0, 1, -1, 9e-13, Double.NaN}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> PartialFractions.inversePower(0.3, 1e-6, tolerance))
                    .withMessageContaining("tolerance")
                    .withMessageContaining(String.valueOf(tolerance));
        }
    }
}
