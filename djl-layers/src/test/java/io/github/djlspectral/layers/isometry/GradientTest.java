package io.github.djlspectral.layers.isometry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.NormalInitializer;
import io.github.djlspectral.layers.gpt.Gpt2;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The gradient of every block by every parameter and input, in float64. */
class GradientTest extends ManagedTest {

    private static final double STEP = 1e-5;

    static Stream<Arguments> blocks() {
        Stream<Arguments> every =
                EveryLayer.names()
                        .map(
                                name ->
                                        arguments(
                                                name,
                                                EveryLayer.LAYERS.get(name).get(),
                                                EveryLayer.INPUTS.get(name)));
        Stream<Arguments> kernels =
                KernelLayers.layers(4).stream()
                        .map(layer -> arguments("kernel " + layer, layer, EveryLayer.IMAGES));
        Stream<Arguments> others =
                IsometryCatalogue.layers(4).entrySet().stream()
                        .map(e -> arguments(e.getKey(), e.getValue(), EveryLayer.VECTORS));
        return Stream.of(every, kernels, others).flatMap(s -> s);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("blocks")
    void everyGradientIsTheDerivative(String name, Block block, Shape shape) {
        initialise(block, shape);
        if (block instanceof Gpt2) {
            NDArray tokens = EveryLayer.input(manager, shape);
            check(block, new NDList(tokens));
            check(block, new NDList(tokens, EveryLayer.input(manager, shape))); // its loss
            return;
        }
        check(block, new NDList(onSphere(normal(shape.getShape()))));
        if (shape == EveryLayer.VECTORS) { // more than n, other native functions may serve them
            check(block, new NDList(normal(12, shape.get(1))));
        }
    }

    /** Off all special values: biases and free entries begin at 0, scales at 1, angles at pi/2. */
    private void initialise(Block block, Shape shape) {
        block.setInitializer(new NormalInitializer(0.3f), Parameter.Type.BIAS);
        block.setInitializer(new NormalInitializer(0.3f), Parameter.Type.BETA);
        block.setInitializer(
                new NormalInitializer(0.5f),
                p -> p.getName().endsWith("angles") || p.getName().endsWith("skew"));
        if (block instanceof Gpt2) {
            block.setInitializer(new NormalInitializer(0.3f), Parameter.Type.WEIGHT);
        }
        block.setInitializer(
                (m, s, type) -> m.randomNormal(1, 0.3f, s, type), Parameter.Type.GAMMA);
        block.initialize(manager, DataType.FLOAT64, shape);
    }

    private void check(Block block, NDList inputs) {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        block.getParameters().stream()
                .filter(p -> p.getValue().requiresGradient())
                .forEach(p -> arrays.put(p.getKey(), p.getValue().getArray()));
        if (inputs.head().getDataType() == DataType.FLOAT64) {
            arrays.put("input", inputs.head());
        }
        NDArray u = manager.randomNormal(0, 1, output(block, inputs).getShape(), DataType.FLOAT64);
        for (NDArray array : arrays.values()) {
            array.setRequiresGradient(true);
        }
        try (GradientCollector collector = Engine.getEngine("PyTorch").newGradientCollector()) {
            collector.zeroGradients();
            collector.backward(output(block, inputs).mul(u).sum());
        }
        arrays.forEach(
                (key, array) -> {
                    NDArray gradient = array.getGradient().duplicate();
                    if (inputs.head().getShape().get(0) != 3) { // so few may fold nothing
                        assertThat(IsometryCatalogue.norm(gradient)).as(key).isPositive();
                    }
                    for (int i = 0; i < 2; i++) {
                        checkSlope(key, block, inputs, array, gradient, u);
                    }
                });
    }

    /**
     * Along a random direction. Where the array really was is read after the pass: a weight may
     * have been brought back to orthogonality, tokens are to the sphere.
     */
    private void checkSlope(
            String key, Block block, NDList inputs, NDArray array, NDArray gradient, NDArray u) {
        NDArray origin = array.duplicate();
        NDArray step = manager.randomNormal(0, 1, array.getShape(), DataType.FLOAT64).mul(STEP);
        double[] values = new double[2];
        NDArray[] places = new NDArray[2];
        for (int i = 0; i < 2; i++) {
            onSphere(i == 0 ? origin.sub(step) : origin.add(step)).copyTo(array);
            values[i] = output(block, inputs).mul(u).sum().getDouble();
            places[i] = array.duplicate();
        }
        origin.copyTo(array);
        NDArray moved = places[1].sub(places[0]);
        double length = IsometryCatalogue.norm(moved);
        assertThat(length).as(key).isGreaterThan(1e-3 * IsometryCatalogue.norm(step));
        double tolerance = 1e-7 * length * IsometryCatalogue.norm(gradient);
        assertThat(gradient.mul(moved).sum().getDouble())
                .as(key)
                .isCloseTo(values[1] - values[0], within(tolerance));
    }

    private static NDArray onSphere(NDArray x) {
        return x.getShape().equals(EveryLayer.TOKENS) ? x.div(x.norm(new int[] {2}, true)) : x;
    }

    /** In training, with the same elements dropped each time. */
    private NDArray output(Block block, NDList inputs) {
        Engine.getEngine("PyTorch").setRandomSeed(3);
        NDManager owner = inputs.head().getManager();
        return block.forward(new ParameterStore(owner, false), inputs, true).singletonOrThrow();
    }
}
