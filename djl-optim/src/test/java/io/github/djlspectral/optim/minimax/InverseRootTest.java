package io.github.djlspectral.optim.minimax;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import io.github.djlspectral.optim.minimax.InverseRoot.Step;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Scale;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class InverseRootTest {

    private static final int GRID = 4001;

    /** Of x w^b in double arithmetic: b times that of w, which takes a few operations a step. */
    private static final double ROUNDING = 2e-15;

    static Stream<Arguments> independentCoefficients() throws IOException {
        try (Reader reader =
                new InputStreamReader(
                        InverseRootTest.class.getResourceAsStream("minimax-coefficients.json"),
                        StandardCharsets.UTF_8)) {
            return JsonParser.parseReader(reader).getAsJsonObject().entrySet().stream()
                    .map(InverseRootTest::parsed);
        }
    }

    private static Arguments parsed(Map.Entry<String, JsonElement> entry) {
        String[] key = entry.getKey().split("[=,]"); // b=..,l0=..
        List<double[]> steps =
                entry.getValue().getAsJsonArray().asList().stream()
                        .map(step -> step.getAsJsonArray().asList().stream())
                        .map(step -> step.mapToDouble(JsonElement::getAsDouble).toArray())
                        .toList();
        return Arguments.of(Integer.parseInt(key[1]), Double.parseDouble(key[3]), steps);
    }

    /**
     * Computed with 40 digits, down to errors of 1e-41. An error is cubic in the one before it, so
     * its relative rounding error triples with every step: 4e-16 to 1e-13 in five.
     */
    @ParameterizedTest
    @MethodSource("independentCoefficients")
    void reproducesIndependentCoefficients(int root, double lower, List<double[]> expected) {
        Percentage tolerance = Percentage.withPercentage(100 * 5e-13);

        InverseRoot computed = InverseRoot.within(root, lower, 1e-15);

        assertThat(computed.steps()).hasSameSizeAs(expected);
        for (int i = 0; i < expected.size(); i++) {
            Step step = computed.steps().get(i);
            assertThat(step.alpha()).isCloseTo(expected.get(i)[0], tolerance);
            assertThat(step.beta()).isCloseTo(expected.get(i)[1], tolerance);
            assertThat(step.gamma()).isCloseTo(expected.get(i)[2], tolerance);
            assertThat(step.error()).isCloseTo(expected.get(i)[3], tolerance);
        }
    }

    /**
     * Four points of alternation for three coefficients prove a step best on its interval. Levels
     * are equal within 1e-9 of the error, where double arithmetic can see it: 1 - x w^b is no more
     * accurate than the rounding of 1.
     */
    @Property(tries = 200)
    void everyStepEquioscillates(
            @ForAll @IntRange(min = 2, max = 64) int root,
            @ForAll @Scale(6) @DoubleRange(min = 0.1, max = 14) double decades) {
        double low = Math.pow(10, -decades);
        double high = 1;
        for (Step step : InverseRoot.within(root, low, 1e-16).steps()) {
            if (step.error() < 1e-12) {
                break; // nothing to see in double arithmetic
            }
            double[] inner = stationaryPoints(root, step);
            double[] points = {low, inner[0], inner[1], high};
            assertThat(points).isSorted();
            for (int i = 0; i < 4; i++) {
                double w =
                        (step.alpha() + step.beta() * points[i]) / (1 + step.gamma() * points[i]);
                double deviation = points[i] * Math.pow(w, root) - 1;
                assertThat(deviation)
                        .isCloseTo(
                                i % 2 == 0 ? -step.error() : step.error(),
                                within(1e-9 * step.error() + root * ROUNDING));
            }
            low = 1 - step.error();
            high = 1 + step.error();
        }
    }

    /** Zeros of the derivative of ln(x w^b), a quadratic; the product of the two is known. */
    private static double[] stationaryPoints(int root, Step step) {
        double product = step.alpha() * step.gamma();
        double negativeSum = product + step.beta() - root * (product - step.beta());
        double quadratic = step.beta() * step.gamma();
        double discriminant = Math.sqrt(negativeSum * negativeSum - 4 * quadratic * step.alpha());
        double larger = (discriminant - negativeSum) / (2 * quadratic);
        return new double[] {step.alpha() / (quadratic * larger), larger};
    }

    @Property(tries = 100)
    void theCompositionMeetsItsErrorOnADenseGrid(
            @ForAll @IntRange(min = 2, max = 64) int root,
            @ForAll @Scale(6) @DoubleRange(min = 0.1, max = 14) double decades,
            @ForAll @Scale(6) @DoubleRange(min = 0.1, max = 15.9) double digits) {
        double lower = Math.pow(10, -decades);
        double tolerance = Math.pow(10, -digits);
        InverseRoot inverse = InverseRoot.within(root, lower, tolerance);

        double worst = 0;
        double worstRelative = 0;
        for (int i = 0; i < GRID; i++) {
            double x = Math.pow(lower, i / (GRID - 1.0));
            double c = inverse.valueAt(x);
            worst = Math.max(worst, Math.abs(x * Math.pow(c, root) - 1));
            worstRelative = Math.max(worstRelative, Math.abs(Math.pow(x, 1.0 / root) * c - 1));
        }
        // the ends are alternation points, so the grid has the worst point exactly
        double error = inverse.error();
        double relative = -Math.expm1(Math.log1p(-error) / root);
        assertThat(error).isLessThanOrEqualTo(tolerance);
        assertThat(worst).isCloseTo(error, within(1e-9 * error + root * ROUNDING));
        assertThat(worstRelative).isCloseTo(relative, within(1e-9 * relative + 1e-14));
    }

    /**
     * n Halley steps are Zolotarev's function of (3^n - 1)/2 poles, known from elliptic functions,
     * but for the scale that makes its error symmetric about 1.
     */
    @ParameterizedTest
    @CsvSource({"1e-2, 1", "1e-3, 2", "3.6e-6, 2", "1e-10, 2", "1e-14, 3"})
    void squareRootsAreZolotarevs(double lower, int steps) {
        int poles = (int) (Math.pow(3, steps) - 1) / 2;
        PartialFractions zolotarev = PartialFractions.inversePower(0.5, lower, poles);
        double largest = 1 + zolotarev.error();
        double least = 1 - zolotarev.error();
        double error = (largest * largest - least * least) / (largest * largest + least * least);
        InverseRoot composed = InverseRoot.within(2, lower, error * (1 + 1e-9));

        assertThat(composed.steps()).hasSize(steps);
        assertThat(composed.error()).isCloseTo(error, Percentage.withPercentage(1e-7));
        double scale = composed.valueAt(1) / zolotarev.valueAt(1);
        for (int i = 0; i < GRID; i++) {
            double x = Math.pow(lower, i / (GRID - 1.0));
            assertThat(composed.valueAt(x))
                    .isCloseTo(scale * zolotarev.valueAt(x), Percentage.withPercentage(1e-7));
        }
    }

    @Property(tries = 100)
    void takesTheFewestStepsWithPositiveFallingMaps(
            @ForAll @IntRange(min = 2, max = 1000) int root,
            @ForAll @Scale(6) @DoubleRange(min = 1e-6, max = 300) double decades,
            @ForAll @Scale(6) @DoubleRange(min = 0.1, max = 15.9) double digits) {
        double tolerance = Math.pow(10, -digits);
        InverseRoot inverse = InverseRoot.within(root, Math.pow(10, -decades), tolerance);

        List<Step> steps = inverse.steps();
        assertThat(inverse.error()).isEqualTo(steps.get(steps.size() - 1).error());
        for (int i = 0; i < steps.size(); i++) {
            Step step = steps.get(i);
            assertThat(step.beta()).isPositive();
            assertThat(step.alpha()).isGreaterThan(step.beta() / step.gamma());
            assertThat(step.gamma()).isPositive().isFinite();
            assertThat(step.error() > tolerance).isEqualTo(i < steps.size() - 1);
        }
    }

    /** The limit is Halley's iteration for the b-th root. */
    @Test
    void theLastStepsAreHalleys() {
        for (int root = 2; root < 20; root++) {
            List<Step> steps = InverseRoot.within(root, 1e-100, 1e-16).steps();
            Step last = steps.get(steps.size() - 1);
            double halley = (root + 1.0) / (root - 1);

            // with an interval of half-width e before the last step, alpha differs by about e^2
            double square = Math.pow(steps.get(steps.size() - 2).error(), 2);
            assertThat(last.alpha()).isCloseTo(halley, within(2 * square + 1e-15 * halley));
            assertThat(last.beta()).isCloseTo(1, within(2 * square + 1e-15));
            assertThat(last.gamma()).isCloseTo(halley, within(3 * square + 1e-15 * halley));
        }
    }

    /** The table in the class's documentation. */
    @ParameterizedTest
    @CsvSource({
        "2, 0.884, 0.0378, 8.4e-7, 9.4e-21",
        "4, 0.940, 0.0867, 1.3e-5, 4.1e-17",
        "6, 0.947, 0.0990, 2.0e-5, 1.6e-16",
        "8, 0.950, 0.1036, 2.3e-5, 2.5e-16",
        "10, 0.951, 0.1057, 2.5e-5, 3.1e-16"
    })
    void composedErrorsAreAsDocumented(int root, double e1, double e2, double e3, double e4) {
        List<Step> steps = InverseRoot.within(root, 1e-6, 1e-15).steps();
        double[] documented = {e1, e2, e3, e4};

        assertThat(steps).hasSize(4);
        for (int i = 0; i < 4; i++) {
            assertThat(steps.get(i).error())
                    .isCloseTo(documented[i], Percentage.withPercentage(i < 2 ? 0.1 : 3));
        }
    }

    @Test
    void rejectsWhatHasNoRoot() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> InverseRoot.within(1, 0.1, 0.1))
                .withMessage("root must be at least 2, was 1");
        for (double lower : new double[] {0, -1, 1, 2, Double.MIN_VALUE, Double.NaN}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> InverseRoot.within(3, lower, 0.1))
                    .withMessageContaining("lower")
                    .withMessageContaining(String.valueOf(lower));
        }
        for (double tolerance : new double[] {0, -1, 1, 9e-17, Double.NaN}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> InverseRoot.within(3, 0.1, tolerance))
                    .withMessageContaining("tolerance")
                    .withMessageContaining(String.valueOf(tolerance));
        }
    }
}
