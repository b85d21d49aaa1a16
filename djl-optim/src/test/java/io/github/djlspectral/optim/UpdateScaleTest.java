package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.tracker.Tracker;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How long steps are: by the shape of a matrix, and beside the fallback. */
class UpdateScaleTest {

    private NDManager manager;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"SPECTRAL", "MATCH_RMS", "SPECTRAL_CONDITION", "NONE"})
    void vectorsHaveNoScale(UpdateScale scale) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> scale.factor(new Shape(3)))
                .withMessageContaining("rank 2 or more, got shape (3)");
    }

    /**
     * The Frobenius norm of k orthonormal directions is sqrt(k); entries are then to be counted.
     */
    @ParameterizedTest
    @CsvSource({
        "MATCH_RMS,24,6,1", "MATCH_RMS,6,24,1", "MATCH_RMS,9,9,1", "MATCH_RMS,6,4,6",
        "SPECTRAL,24,6,1", "SPECTRAL,6,24,1", "SPECTRAL,9,9,1", "SPECTRAL,32,2,4",
        "NONE,24,6,1", "NONE,6,24,1", "SPECTRAL_CONDITION,24,6,1", "SPECTRAL_CONDITION,6,8,3"
    })
    void theScaleOfAWholeStepIsThatOfTheShape(UpdateScale scale, int rows, int columns, int area) {
        Shape shape = area == 1 ? new Shape(rows, columns) : new Shape(rows, columns, area);
        int width = columns * area;
        double[][] g = PlainMatrix.gaussian(new Random(6), rows, width);
        NDArray weight = manager.ones(shape, DataType.FLOAT64);
        double factor =
                switch (scale.toString()) {
                    case "MATCH_RMS" -> 0.2 * Math.sqrt(Math.max(rows, width));
                    case "SPECTRAL" -> Math.sqrt(Math.max(1, (double) rows / width));
                    case "SPECTRAL_CONDITION" -> Math.sqrt((double) rows / width);
                    default -> 1;
                };
        double[][] ones = PlainMatrix.of(weight);
        try (Muon muon =
                Muon.builder()
                        .optLearningRateTracker(Tracker.fixed(0.5f))
                        .optUpdateScale(scale)
                        .build()) {
            muon.update("w", weight, manager.create(PlainMatrix.flat(g), shape));
        }
        double[][] step = PlainMatrix.sum(1, ones, -1, PlainMatrix.of(weight));
        assertThat(PlainMatrix.flat(step))
                .containsExactly(
                        PlainMatrix.flat(PlainMatrix.sum(0.5 * factor, PlainMatrix.polar(g), 0, g)),
                        within(1e-9));
        if (scale == UpdateScale.MATCH_RMS) {
            double square = 0;
            for (double x : PlainMatrix.flat(step)) {
                square += x * x / (rows * width);
            }
            assertThat(Math.sqrt(square)).isCloseTo(0.5 * 0.2, within(1e-9)); // AdamW's
        }
    }

    @ParameterizedTest
    @CsvSource({"SPECTRAL,0.02", "NONE,0.02", "MATCH_RMS,0.002"})
    void theDefaultRateIsThatOfTheScale(UpdateScale scale, double rate) {
        NDArray matrix = manager.zeros(new Shape(4, 4), DataType.FLOAT64);
        NDArray bias = manager.zeros(new Shape(4), DataType.FLOAT64);
        try (Muon muon = Muon.builder().optUpdateScale(scale).build()) {
            muon.update("w", matrix, manager.eye(4, 4, 0, DataType.FLOAT64));
            muon.update("b", bias, bias.onesLike());
        }
        double moved = -rate * scale.factor(new Shape(4, 4));
        assertThat(matrix.getDouble(0, 0)).isCloseTo(moved, within(1e-6 * rate));
        assertThat(bias.getDouble(0)).isCloseTo(-rate * scale.fallbackRatio(), within(1e-9));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN, Double.POSITIVE_INFINITY})
    void aScaleOfOnesOwnThatIsIllegalChangesNothing(double factor) {
        NDArray weight = manager.ones(new Shape(2, 3));
        try (Muon muon = Muon.builder().optUpdateScale((outputs, inputs) -> factor).build()) {
            assertThatThrownBy(() -> muon.update("w", weight, weight.duplicate()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("update scale", "was " + factor, "step 1", " w");
            assertThat(muon.firstState("w")).isNull();
        }
        assertThat(weight.toFloatArray()).containsOnly(1f);
    }

    @Test
    void constantsAreFoundByName() {
        assertThat(UpdateScale.of("match_rms")).isSameAs(UpdateScale.MATCH_RMS);
        assertThat(UpdateScale.of("spectral")).isSameAs(UpdateScale.SPECTRAL);
        assertThat(UpdateScale.of("Spectral_Condition")).isSameAs(UpdateScale.SPECTRAL_CONDITION);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UpdateScale.of("spectra"))
                .withMessage(
                        "There is no update scale spectra, but"
                                + " [spectral, match_rms, spectral_condition, none]");
    }

    /** Of a kernel, inputs are its area times channels. */
    @Test
    void aShapeHasTheFactorOfItsRowsAndAllOthers() {
        Shape shape = new Shape(24, 2, 3, 1);
        assertThat(UpdateScale.SPECTRAL.factor(shape)).isEqualTo(2);
        assertThat(UpdateScale.SPECTRAL_CONDITION.factor(new Shape(2, 4, 2))).isEqualTo(0.5);
        UpdateScale own = (outputs, inputs) -> 100 * outputs + inputs;
        assertThat(own.factor(shape)).isEqualTo(2406);
    }
}
