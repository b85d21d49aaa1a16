package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** What the tests of {@link Gpt2} share: an engine, a manager for each test, small models. */
abstract class Gpt2Fixture {

    static final Gpt2Config SMALL = new Gpt2Config(53, 16, 3, 4, 32, 0, true);

    final Engine engine = Engine.getEngine("PyTorch");
    NDManager manager;
    ParameterStore store;

    @BeforeEach
    void open() {
        manager = engine.newBaseManager(device());
        store = new ParameterStore(manager, false);
    }

    Device device() {
        return engine.defaultDevice();
    }

    @AfterEach
    void close() {
        manager.close();
    }

    final float backward(Gpt2 model, NDArray tokens, NDArray targets) {
        try (GradientCollector collector = engine.newGradientCollector()) {
            NDArray loss = model.loss(store, tokens, targets, true);
            collector.backward(loss);
            return loss.getFloat();
        }
    }

    final Gpt2 initialised(Gpt2Config config, Precision precision) {
        Gpt2 model = Gpt2.builder().setConfig(config).optPrecision(precision).build();
        engine.setRandomSeed(7);
        model.initialize(manager, DataType.FLOAT32, new Shape(1, config.contextLength()));
        return model;
    }

    final NDArray tokens(Gpt2Config config, Shape shape, long seed) {
        long[] tokens = new Random(seed).longs(shape.size(), 0, config.vocabSize()).toArray();
        return manager.create(tokens, shape);
    }

    /**
     * A model none of whose parameters is at a special value, as scales and biases are at first.
     */
    final Gpt2 perturbed(Gpt2Config config, Precision precision) {
        return perturbed(config, precision, DataType.FLOAT32);
    }

    final Gpt2 perturbed(Gpt2Config config, Precision precision, DataType dataType) {
        Gpt2 model = Gpt2.builder().setConfig(config).optPrecision(precision).build();
        model.getParameters()
                .values()
                .forEach(
                        parameter -> {
                            float center = parameter.getType() == Parameter.Type.GAMMA ? 1 : 0;
                            parameter.setInitializer(
                                    (m, shape, type) -> m.randomNormal(center, 0.3f, shape, type));
                        });
        engine.setRandomSeed(7);
        model.initialize(manager, dataType, new Shape(1, config.contextLength()));
        return model;
    }

    /** The largest difference, relative to the largest element. */
    static double relativeError(NDArray actual, NDArray exact) {
        assertThat(actual.getShape()).isEqualTo(exact.getShape());
        double difference =
                actual.toType(DataType.FLOAT64, true)
                        .sub(exact.toType(DataType.FLOAT64, true))
                        .abs()
                        .max()
                        .getDouble();
        return difference / exact.toType(DataType.FLOAT64, true).abs().max().getDouble();
    }
}
