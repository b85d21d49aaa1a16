package io.github.djlspectral.optim;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.tracker.Tracker;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Numbers below 1.2e-38 take a CPU 40 times as long: none may stay in the state or the step. */
class DenormalsTest {

    private static final int DEAD = 3;

    /** A row of the gradient is finite once and zero from then on, as that of a dead unit. */
    @ParameterizedTest
    @CsvSource({"8,12", "200,180"})
    void aDecayingMomentumReachesZeroAndIsNeverDenormal(int rows, int columns) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon = Muon.builder().optMomentum(0.5f).build()) {
            NDArray weight = manager.ones(new Shape(rows, columns));
            float[] g = gaussian(rows, columns, 1e-34f);
            muon.update("w", weight, manager.create(g, weight.getShape()));
            NDArray rest = manager.create(gaussian(rows, columns, 0), weight.getShape());
            NDArray momentum = muon.state("w", weight).array(0);
            for (int step = 2; step <= 30; step++) {
                muon.update("w", weight, rest);
                for (float x : momentum.toFloatArray()) {
                    assertThat(x == 0 || Math.abs(x) >= Float.MIN_NORMAL).isTrue();
                }
            }
            assertThat(row(momentum, columns)).containsOnly(0);
        }
    }

    /** On the route that writes into the weight: what is far below rounding moves nothing. */
    @ParameterizedTest
    @CsvSource({"200,180", "180,200"})
    void aDeadUnitIsNotMovedByItsRounding(int rows, int columns) {
        Shape shape = new Shape(rows, columns);
        assertThat(SpectralMap.polar().kernel(shape, DataType.FLOAT32, Device.cpu()).toString())
                .startsWith("halley");
        try (NDManager manager = NDManager.newBaseManager("PyTorch");
                Muon muon =
                        Muon.builder()
                                .optNesterov(false)
                                .optLearningRateTracker(Tracker.fixed(1))
                                .build()) {
            NDArray weight = manager.zeros(shape);
            muon.update("w", weight, manager.create(gaussian(rows, columns, 1e-12f), shape));
            assertThat(row(weight, columns)).containsOnly(0);
        }
    }

    /** Independent normal numbers, those of the dead row times a factor. */
    private static float[] gaussian(int rows, int columns, float factor) {
        Random random = new Random(7);
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian() * (i / columns == DEAD ? factor : 1);
        }
        return values;
    }

    private static float[] row(NDArray matrix, int columns) {
        float[] row = new float[columns];
        System.arraycopy(matrix.toFloatArray(), DEAD * columns, row, 0, columns);
        return row;
    }
}
