package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.GradientCollector;
import io.github.djlspectral.torch.GraphConstants;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Gpt2BackpropagationTest extends Gpt2Fixture {

    @ParameterizedTest
    @CsvSource({
        "FLOAT64, 1e-10, true",
        "FLOAT64, 1e-10, false",
        "FLOAT32, 1e-5, true",
        "FLOAT32, 1e-5, false"
    })
    void lossAndGradientsAreThoseOfAutograd(DataType type, double tolerance, boolean bias) {
        agreesWithAutograd(
                new Gpt2Config(53, 16, 3, 4, 32, 0, bias), type, new Shape(3, 13), tolerance);
    }

    @Test
    void chunksOfLogitsAddUp() {
        agreesWithAutograd(
                new Gpt2Config(300_007, 7, 1, 2, 8, 0, true),
                DataType.FLOAT64,
                new Shape(7, 7),
                1e-10);
    }

    /** Over two batches with scales of their own. */
    private void agreesWithAutograd(
            Gpt2Config config, DataType type, Shape shape, double tolerance) {
        Gpt2 model = perturbed(config, Precision.FLOAT32, type);
        Gpt2 oracle = perturbed(config, Precision.FLOAT32, type);
        try (Gpt2Backpropagation pass = backpropagation(model, shape)) {
            for (int i = 1; i <= 2; i++) {
                NDArray tokens = tokens(config, shape, i);
                NDArray targets = tokens(config, shape, -i);
                double exact = backward(oracle, tokens, targets, 0.5 * i);
                assertThat(pass.accumulate(store, tokens, targets, 0.5 * i))
                        .isCloseTo(exact, within(tolerance * exact));
                compareGradients(model, oracle, tolerance);
            }
        }
    }

    static void compareGradients(Gpt2 actual, Gpt2 exact, double tolerance) {
        List<Parameter> mine = actual.getParameters().values();
        for (int i = 0; i < mine.size(); i++) {
            NDArray expected = exact.getParameters().valueAt(i).getArray().getGradient();
            assertThat(relativeError(mine.get(i).getArray().getGradient(), expected))
                    .as(mine.get(i).getName())
                    .isLessThan(tolerance);
        }
    }

    private Gpt2Backpropagation backpropagation(Gpt2 model, Shape shape) {
        return new Gpt2Backpropagation(model, manager, (int) shape.get(0), (int) shape.get(1));
    }

    final double backward(Gpt2 model, NDArray tokens, NDArray targets, double scale) {
        try (GradientCollector collector = engine.newGradientCollector()) {
            NDArray loss = model.loss(store, tokens, targets, true);
            collector.backward(GraphConstants.times(loss, scale));
            return loss.toType(DataType.FLOAT64, true).getDouble();
        }
    }
}
