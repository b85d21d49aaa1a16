package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.github.djlspectral.optim.minimax.PartialFractions;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.Scale;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The coefficients of {@link SpectralMap#polar} on a CPU: x (w + v / (x + d))^2 is near 1. */
class HalleyStepsTest {

    private static double image(double[] step, double x) {
        return x * Math.pow(step[0] + step[1] / (x + step[2]), 2);
    }

    /**
     * From another program, with 40 digits: (alpha + beta x) / (1 + gamma x) and the error of the
     * last step, of which nothing but rounding is left here below 1e-16.
     */
    @ParameterizedTest
    @CsvSource({
        "1e-4, 1, 68.568417238705914, 897.2640686147078, 764.19439535307777, 0.59316243216440922",
        "1e-4, 2, 3.4410664461301145, 1.3843204659224535, 3.8350878167914833, 0.0048278928510415387",
        "1e-4, 3, 3.000021852113626, 1.0000174817685765, 3.0000393339076699, 1.7583380934560208e-9",
        "1e-6, 1, 345.88931051476144, 21617.742367435999, 16000.251304493001, 0.8840846542955959",
        "1e-6, 2, 4.9256619912545384, 3.1290598135163323, 7.2079106478324819, 0.037785330762323885",
        "1e-8, 1, 1642.9531504217439, 479581.99164134078, 342580.24259810812, 0.97319089191879002",
        "1e-8, 2, 8.0832204749859177, 9.0328375235269136, 16.916431652539363, 0.12046711162025625",
        "1e-14, 1, 165396.10992997678, 4836128895.6721873, 3420010373.9581554, 0.9997264599785545",
        "1e-14, 2, 43.278807741923576, 254.11161237630789, 311.3574821095737, 0.56351349264680419",
        "1e-14, 3, 3.3848073567028269, 1.3318151707211002, 3.7240674802703829, 0.003956685107378336"
    })
    void areThoseOfAnIndependentProgram(
            double lower, int number, double alpha, double beta, double gamma, double error) {
        List<double[]> steps = PolarMap.halley(lower, error * (1 + 1e-6));
        assertThat(steps).hasSize(number);
        double[] last = steps.get(number - 1);
        Percentage tolerance = Percentage.withPercentage(1e-11);
        assertThat(last[0] + last[1] / last[2]).isCloseTo(alpha, tolerance);
        assertThat(last[0] / last[2]).isCloseTo(beta, tolerance);
        assertThat(1 / last[2]).isCloseTo(gamma, tolerance);
    }

    /** Four points of alternation for three coefficients prove a step best on its interval. */
    @Property(tries = 200)
    void everyStepEquioscillates(
            @ForAll @Scale(6) @DoubleRange(min = 0.1, max = 14) double decades,
            @ForAll @Scale(6) @DoubleRange(min = 0.1, max = 9) double digits) {
        double tolerance = Math.pow(10, -digits);
        double low = Math.pow(10, -decades);
        double high = 1;
        double error = 1;
        for (double[] step : PolarMap.halley(low, tolerance)) {
            assertThat(error).isGreaterThan(tolerance); // or one step fewer would have done
            error = image(step, high) - 1;
            // zeros of the derivative of ln x + 2 ln(w + v / (x + d)), which is a quadratic
            double p = 2 * step[2] - step[1] / step[0];
            double q = step[2] * (step[2] + step[1] / step[0]);
            double larger = (Math.sqrt(p * p - 4 * q) - p) / 2;
            double[] points = {low, q / larger, larger, high};
            if (high - low > 1e-6) { // closer zeros are lost in the rounding of the quadratic
                assertThat(points).isSorted();
            }
            for (int i = 0; i < 4; i++) {
                double level = i % 2 == 0 ? -error : error;
                assertThat(image(step, points[i]) - 1)
                        .isCloseTo(level, within(1e-9 * error + 1e-13));
            }
            low = 1 - error;
            high = 1 + error;
        }
        assertThat(error).isLessThanOrEqualTo(tolerance);
    }

    /** Two steps are Zolotarev's function of four poles, but for the scale. */
    @Test
    void twoStepsAreZolotarevs() {
        double lower = 3.6e-6;
        PartialFractions zolotarev = PartialFractions.inversePower(0.5, lower, 0.02);
        assertThat(zolotarev.poles()).hasSize(4);
        List<double[]> steps = PolarMap.halley(lower, 0.04);
        assertThat(steps).hasSize(2);
        double[] flat = SpectralMap.flat(steps);
        double scale = Double.NaN;
        for (int i = 0; i <= 1000; i++) {
            double s = Math.pow(lower, i / 2000.0);
            double expected = zolotarev.constant();
            for (int j = 0; j < 4; j++) {
                expected += zolotarev.weights()[j] / (s * s + zolotarev.poles()[j]);
            }
            double actual = ClosedForms.halley(flat, s) / s;
            scale = i == 0 ? actual / expected : scale;
            assertThat(actual).isCloseTo(scale * expected, Percentage.withPercentage(1e-7));
        }
    }
}
