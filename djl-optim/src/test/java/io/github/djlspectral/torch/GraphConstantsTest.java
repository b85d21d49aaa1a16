package io.github.djlspectral.torch;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class GraphConstantsTest {

    /** With {@link NDArray#mul(Number)} the gradient is of the order of the bytes written here. */
    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT32", "FLOAT64"})
    void gradientsSurviveGarbageCollection(DataType type) {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray x = manager.ones(new Shape(3), type);
            x.setRequiresGradient(true);
            try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
                NDArray y = GraphConstants.times(x, 0.25);
                try (NDArray weights = GraphConstants.of(manager, type, 1, 2, 3)) {
                    y = y.mul(weights);
                }
                System.gc();
                for (int i = 0; i < 2000; i++) {
                    manager.create(new double[] {7, 7, 7}).close(); // takes freed memory
                }
                collector.backward(y.sum());
            }
            NDArray gradient = x.getGradient().toType(DataType.FLOAT64, true);
            assertThat(gradient.toDoubleArray()).containsExactly(0.25, 0.5, 0.75);
        }
    }

    @Test
    void theProductIsOfTheSameShapeAndNothingIsLeft() {
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray x = manager.ones(new Shape(), DataType.FLOAT32);
            NDArray y = GraphConstants.times(x, -3);
            assertThat(y.getShape()).isEqualTo(new Shape());
            assertThat(manager.getManagedArrays()).hasSize(2);
            assertThat(y.getFloat()).isEqualTo(-3f);
        }
    }
}
