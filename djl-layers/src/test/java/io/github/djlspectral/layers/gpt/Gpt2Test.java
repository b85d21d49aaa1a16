package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.loss.SoftmaxCrossEntropyLoss;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Gpt2Test {

    private static final Gpt2Config SMALL = new Gpt2Config(53, 16, 3, 4, 32, 0, true);

    private final Engine engine = Engine.getEngine("PyTorch");
    private NDManager manager;
    private ParameterStore store;

    @BeforeEach
    void open() {
        manager = NDManager.newBaseManager("PyTorch");
        store = new ParameterStore(manager, false);
    }

    @AfterEach
    void close() {
        manager.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void logitsLossAndEveryGradientAgreeWithStockBlocksInDoublePrecision(boolean bias) {
        Gpt2Config config = new Gpt2Config(53, 16, 3, 4, 32, 0, bias);
        agreesWithStockBlocks(config, new Shape(3, 13));
    }

    @Test
    void chunksOfLogitsAddUp() {
        // 21 rows of logits are 25 MB: two full chunks and 8 rows.
        agreesWithStockBlocks(new Gpt2Config(300_007, 25, 1, 2, 8, 0, true), new Shape(2, 25));
    }

    private void agreesWithStockBlocks(Gpt2Config config, Shape shape) {
        Gpt2 model = perturbed(config, Precision.FLOAT32);
        ComposedGpt2 oracle = new ComposedGpt2(config, ComposedGpt2::tanhGelu);
        oracle.startFrom(model);
        oracle.initialize(manager, DataType.FLOAT64, shape);
        NDArray tokens = tokens(config, shape, 1);
        NDArray targets = tokens(config, shape, 2);

        NDArray exactLogits;
        double exactLoss;
        try (GradientCollector collector = engine.newGradientCollector()) {
            exactLogits = oracle.forward(store, new NDList(tokens), true).singletonOrThrow();
            NDArray loss =
                    new SoftmaxCrossEntropyLoss()
                            .evaluate(
                                    new NDList(targets.flatten()),
                                    new NDList(exactLogits.reshape(-1, config.vocabSize())));
            exactLoss = loss.getDouble();
            collector.backward(loss);
        }
        NDArray logits = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        assertThat(logits.getShape()).isEqualTo(shape.add(config.vocabSize()));
        // float32 has 6e-8; sums of some hundred terms in a few layers lose a digit or two.
        assertThat(relativeError(logits, exactLogits)).isLessThan(2e-6);
        assertThat(model.loss(store, tokens, targets, false).getFloat())
                .isCloseTo((float) exactLoss, within(2e-6f * (float) exactLoss));

        // Twice, as the gradient accumulates in the second.
        for (int i = 1; i <= 2; i++) {
            try (GradientCollector collector = engine.newGradientCollector()) {
                NDArray loss = model.loss(store, tokens, targets, true);
                assertThat(loss.getShape()).isEqualTo(new Shape());
                assertThat(loss.getFloat())
                        .isCloseTo((float) exactLoss, within(2e-6f * (float) exactLoss));
                collector.backward(loss.mul(3));
            }
            List<Parameter> mine = model.getParameters().values();
            List<Parameter> exact = oracle.trainable();
            assertThat(mine).hasSameSizeAs(exact);
            for (int j = 0; j < mine.size(); j++) {
                assertThat(
                                relativeError(
                                        mine.get(j).getArray().getGradient(),
                                        exact.get(j).getArray().getGradient().mul(3 * i)))
                        .as(mine.get(j).getName())
                        .isLessThan(1e-5);
            }
        }
    }

    /** The largest difference, relative to the largest element. */
    private static double relativeError(NDArray actual, NDArray exact) {
        assertThat(actual.getShape()).isEqualTo(exact.getShape());
        double difference =
                actual.toType(DataType.FLOAT64, true).sub(exact).abs().max().getDouble();
        return difference / exact.abs().max().getDouble();
    }

    /**
     * A model none of whose parameters is at a special value, as scales and biases are at first.
     */
    private Gpt2 perturbed(Gpt2Config config, Precision precision) {
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
        model.initialize(manager, DataType.FLOAT32, new Shape(1, config.contextLength()));
        return model;
    }

    private NDArray tokens(Gpt2Config config, Shape shape, long seed) {
        long[] tokens = new Random(seed).longs(shape.size(), 0, config.vocabSize()).toArray();
        return manager.create(tokens, shape);
    }
}
