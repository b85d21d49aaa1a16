package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.tracker.Tracker;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class TruncatedSgdTest {

    /** Every spectrum: the largest go to zero, the ratios of the others stay, mean square 1. */
    @Property(tries = 60)
    void theLargestSingularValuesAreDropped(
            @ForAll @IntRange(min = 1, max = 80) int rows,
            @ForAll @IntRange(min = 1, max = 80) int columns,
            @ForAll @DoubleRange(min = 0, max = 0.99) double fraction) {
        Engine.getEngine("PyTorch").setRandomSeed(rows * 100 + columns);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            int k = Math.min(rows, columns);
            int dropped = (int) Math.min(Math.round(fraction * k), k - 1);
            NDArray input = manager.randomNormal(new Shape(rows, columns));
            double[] before = Oracle.singularValues(input);
            NDArray mapped = SpectralMap.truncated(fraction).apply(input);
            double[] after = Oracle.singularValues(mapped);
            double squares = 0;
            for (int i = dropped; i < k; i++) {
                squares += before[i] * before[i];
            }
            double scale = Math.sqrt(k / squares);
            for (int i = 0; i < k; i++) {
                double expected = i < k - dropped ? scale * before[dropped + i] : 0;
                // of the largest: the result is rounded to float32
                assertThat(after[i]).isCloseTo(expected, within(2e-6 * after[0]));
            }
        }
    }

    /** Truncating all that there is leaves rounding, which must not be blown up. */
    @Test
    void aMatrixOfRankOneGivesZero() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray column = manager.randomNormal(new Shape(50, 1));
            NDArray row = manager.randomNormal(new Shape(1, 70));
            NDArray mapped = SpectralMap.truncated(0.05).apply(column.matMul(row));
            assertThat(mapped.abs().max().getFloat()).isZero();
            // nothing is dropped of fewer singular values than 1 / (2 * 0.05)
            assertThat(SpectralMap.truncated(0.05).apply(row).norm().getFloat())
                    .isCloseTo(1, within(1e-6f));
        }
    }

    @Test
    void stepsAlongTheTruncatedMomentum() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                TruncatedSgd sgd =
                        TruncatedSgd.builder()
                                .optFraction(0.25)
                                .optLearningRateTracker(Tracker.fixed(0.5f))
                                .build()) {
            NDArray gradient = manager.randomNormal(new Shape(20, 30));
            NDArray weight = manager.zeros(new Shape(20, 30));
            sgd.update("w", weight, gradient);
            NDArray expected = SpectralMap.truncated(0.25).apply(gradient).mul(-0.5f);
            assertThat(Oracle.relativeDistance(weight, expected)).isLessThan(1e-6);
        }
    }

    @Test
    void badFractionsAreNamed() {
        for (double bad : new double[] {-0.01, 1, Double.NaN}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> TruncatedSgd.builder().optFraction(bad).build())
                    .withMessageContaining("[0, 1)")
                    .withMessageContaining(String.valueOf(bad));
        }
    }
}
