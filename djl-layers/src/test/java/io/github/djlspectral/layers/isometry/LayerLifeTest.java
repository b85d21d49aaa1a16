package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.isometry.EveryLayer.INPUTS;
import static io.github.djlspectral.layers.isometry.EveryLayer.TEXT;
import static io.github.djlspectral.layers.isometry.EveryLayer.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.GradientCollector;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every block in evaluation beside what is trained, in memory, and for an empty batch. */
class LayerLifeTest extends ManagedTest {

    private static final int CALLS = 20;

    private Block initialised(String name) {
        return EveryLayer.initialised(manager, name);
    }

    private static GradientCollector collector() {
        return Engine.getEngine("PyTorch").newGradientCollector();
    }

    /**
     * The head's gradient is what the body gives it; the body, which could be trained, has none.
     */
    @ParameterizedTest
    @MethodSource("io.github.djlspectral.layers.isometry.EveryLayer#names")
    void evaluationFeedsATrainableHead(String name) {
        Block body = initialised(name);
        NDArray x = EveryLayer.input(manager, name);
        NDArray expected = run(body, x, false);
        NDArray head = manager.ones(expected.getShape());
        head.setRequiresGradient(true);
        try (GradientCollector collector = collector()) {
            collector.backward(run(body, x, false).mul(head).sum());
        }
        assertThat(head.getGradient()).isEqualTo(expected);
        body.getParameters().values().forEach(LayerLifeTest::assertNoGradient);
    }

    private static void assertNoGradient(Parameter parameter) {
        if (parameter.requiresGradient()) {
            NDArray gradient = parameter.getArray().getGradient();
            assertThat(gradient.abs().sum().getFloat()).as(parameter.getName()).isZero();
        }
    }

    /** Through a layer in evaluation, to a stem before it, as in training. */
    @ParameterizedTest
    @MethodSource("io.github.djlspectral.layers.isometry.EveryLayer#names")
    void evaluationLeadsBackToItsInput(String name) {
        if (INPUTS.get(name) == TEXT) {
            return;
        }
        Block body = initialised(name);
        NDArray x = EveryLayer.input(manager, name);
        x.setRequiresGradient(true);
        List<NDArray> gradients = new ArrayList<>();
        for (boolean training : new boolean[] {true, false}) {
            try (GradientCollector collector = collector()) {
                NDArray y = run(body, x.add(x).sub(x), training);
                collector.backward(y.mul(y).mul(y).sum());
            }
            gradients.add(x.getGradient().duplicate());
            x.getGradient().subi(x.getGradient());
        }
        assertThat(gradients.get(0).abs().sum().getFloat()).isPositive();
        assertThat(gradients.get(1)).isEqualTo(gradients.get(0));
    }

    @ParameterizedTest
    @MethodSource("io.github.djlspectral.layers.isometry.EveryLayer#names")
    void nothingIsLeftWithTheCaller(String name) {
        Block block = initialised(name);
        NDArray x = EveryLayer.input(manager, name);
        int before = 0;
        for (int i = 0; i < CALLS; i++) {
            run(block, x, false).close();
            try (GradientCollector collector = collector();
                    NDManager scratch = manager.newSubManager();
                    NDArray y = run(block, x, true)) {
                NDArray sum = y.sum();
                sum.attach(scratch); // where the engine leaves what a backward pass begins with
                if (!block.getParameters().isEmpty()) {
                    collector.backward(sum);
                }
            }
            if (i == 1) {
                before = manager.getManagedArrays().size();
            }
        }
        assertThat(manager.getManagedArrays()).hasSize(before);
    }

    /** As in a transformer. */
    @ParameterizedTest
    @MethodSource("io.github.djlspectral.layers.isometry.EveryLayer#namesOfVectors")
    void leadingDimensionsAreABatch(String name) {
        Block block = initialised(name);
        for (Shape leading : List.of(new Shape(1, 2), new Shape(2, 3, 4))) { // less than n and more
            NDArray x = manager.randomNormal(leading.add(4));
            NDArray rows = run(block, x.reshape(-1, 4), false);
            Shape expected = leading.add(rows.getShape().get(1));
            assertThat(block.getOutputShapes(new Shape[] {x.getShape()})[0]).isEqualTo(expected);
            for (boolean training : new boolean[] {false, true}) {
                NDArray y = run(block, x, training);
                assertThat(y.getShape()).isEqualTo(expected);
                NDArray difference = y.reshape(rows.getShape()).sub(rows).abs();
                assertThat(difference.max().getFloat()).isLessThan(1e-6f);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("io.github.djlspectral.layers.isometry.EveryLayer#names")
    void anEmptyBatchGivesAnEmptyBatch(String name) {
        Block block = initialised(name);
        Shape shape = INPUTS.get(name);
        Shape empty = new Shape(0).addAll(shape.slice(1));
        if (shape == TEXT) {
            NDArray none = manager.zeros(empty, DataType.INT64);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> run(block, none, false))
                    .withMessageContaining("not empty");
            return;
        }
        NDArray x = manager.zeros(empty);
        Shape expected = block.getOutputShapes(new Shape[] {empty})[0];
        assertThat(expected.get(0)).isZero();
        assertThat(run(block, x, false).getShape()).isEqualTo(expected);
        try (GradientCollector collector = collector()) {
            NDArray y = run(block, x, true);
            assertThat(y.getShape()).isEqualTo(expected);
            if (!block.getParameters().isEmpty()) {
                collector.backward(y.sum());
            }
        }
        block.getParameters().values().forEach(LayerLifeTest::assertNoGradient);
    }
}
