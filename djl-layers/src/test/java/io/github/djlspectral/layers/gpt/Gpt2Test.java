package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.ParameterList;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.TrainingConfig;
import ai.djl.training.loss.SoftmaxCrossEntropyLoss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.util.Pair;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
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
        // At most 43 rows of logits at a time: chunks of 25 and 24 rows.
        agreesWithStockBlocks(new Gpt2Config(300_007, 7, 1, 2, 8, 0, true), new Shape(7, 7));
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

    @Test
    void bfloat16IsCloseToFloat32AndGivesFloat32() {
        Gpt2Config config = new Gpt2Config(97, 32, 4, 4, 64, 0, true);
        NDArray tokens = tokens(config, new Shape(4, 32), 1);
        NDArray targets = tokens(config, new Shape(4, 32), 2);
        float[] loss = new float[2];
        NDList[] gradients = {new NDList(), new NDList()};
        for (Precision precision : Precision.values()) {
            Gpt2 model = initialised(config, precision);
            // Several times: TorchScript may treat early calls differently.
            for (int i = 0; i < 4; i++) {
                loss[precision.ordinal()] = backward(model, tokens, targets);
            }
            for (Parameter parameter : model.getParameters().values()) {
                NDArray gradient = parameter.getArray().getGradient();
                assertThat(gradient.getDataType()).isEqualTo(DataType.FLOAT32);
                gradients[precision.ordinal()].add(gradient);
            }
            NDArray logits = model.forward(store, new NDList(tokens), true).singletonOrThrow();
            assertThat(logits.getDataType()).isEqualTo(DataType.FLOAT32);
            assertThat(model.loss(store, tokens, targets, false).getFloat())
                    .isCloseTo(loss[precision.ordinal()], within(1e-6f));
        }
        assertThat(loss[1]).isCloseTo(loss[0], within(1e-2f)).isNotEqualTo(loss[0]);
        for (int i = 0; i < gradients[0].size(); i++) {
            // bfloat16 rounds to 2^-9; some dozen roundings lie on the way of a gradient.
            assertThat(relativeError(gradients[1].get(i), gradients[0].get(i)))
                    .isBetween(1e-9, 5e-2);
        }
    }

    @Test
    void dropoutIsDeterminedByTheSeedOffInEvaluationAndKeepsTheMean() {
        Gpt2Config config = new Gpt2Config(11, 8, 1, 1, 512, 0.25f, true);
        Gpt2 model = initialised(config, Precision.FLOAT32);
        Gpt2 plain = initialised(config.withDropout(0), Precision.FLOAT32);
        NDList input = new NDList(tokens(config, new Shape(4, 8), 1));
        NDArray first = seededForward(model, input, 1);
        assertThat(seededForward(model, input, 1)).isEqualTo(first);
        assertThat(seededForward(model, input, 2)).isNotEqualTo(first);
        NDArray exact = model.forward(store, input, false).singletonOrThrow();
        assertThat(seededForward(model, input, 3)).isNotEqualTo(exact);
        assertThat(plain.forward(store, input, true).singletonOrThrow()).isEqualTo(exact);
        assertThat(plain.forward(store, input, false).singletonOrThrow()).isEqualTo(exact);
    }

    @Test
    void dropoutOfTheEmbeddingDropsItsShareAndScalesTheRest() {
        // Without layers' contributions the logits are the normalised embeddings times wte; here
        // each embedding is all ones, so that what is left of it shows in its norm.
        Gpt2Config config = new Gpt2Config(2, 64, 1, 1, 1024, 0.25f, false);
        NDArray table = manager.ones(new Shape(2, 1024));
        NDArray x =
                Gpt2Kernels.of(config, Precision.FLOAT32)
                        .callWithGradient(
                                manager,
                                "embed",
                                manager.zeros(new Shape(4, 64), DataType.INT64),
                                table,
                                manager.zeros(new Shape(64, 1024)))
                        .singletonOrThrow();
        NDArray kept = x.neq(0);
        assertThat(kept.toType(DataType.FLOAT32, true).mean().getFloat())
                // 2^18 draws: five standard deviations of their mean are 0.0042.
                .isCloseTo(0.75f, within(0.0042f));
        assertThat(x.max().getFloat()).isCloseTo(1 / 0.75f, within(1e-6f));
        assertThat(x.get(kept).min().getFloat()).isCloseTo(1 / 0.75f, within(1e-6f));
    }

    private NDArray seededForward(Gpt2 model, NDList input, int seed) {
        engine.setRandomSeed(seed);
        return model.forward(store, input, true).singletonOrThrow();
    }

    @Test
    void laterTokensDoNotInfluenceEarlierLogits() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(1, 16), 1);
        NDArray changed = tokens.duplicate();
        changed.set(new NDIndex("0,9"), tokens.getLong(0, 9) == 0 ? 1 : 0);
        NDArray a = model.forward(store, new NDList(tokens), false).singletonOrThrow();
        NDArray b = model.forward(store, new NDList(changed), false).singletonOrThrow();
        assertThat(b.get(":,:9")).isEqualTo(a.get(":,:9"));
        assertThat(b.get(":,9:")).isNotEqualTo(a.get(":,9:"));
    }

    @Test
    void namesShapesAndInitialValuesAreThePublishedOnes() {
        Gpt2Config config = new Gpt2Config(500, 100, 2, 4, 64, 0.1f, true);
        Gpt2 model = initialised(config, Precision.FLOAT32);
        ParameterList parameters = model.getParameters();
        assertThat(parameters.keys())
                .startsWith(
                        "wte.weight",
                        "wpe.weight",
                        "h.0.ln_1.weight",
                        "h.0.ln_1.bias",
                        "h.0.attn.c_attn.weight",
                        "h.0.attn.c_attn.bias",
                        "h.0.attn.c_proj.weight",
                        "h.0.attn.c_proj.bias",
                        "h.0.ln_2.weight",
                        "h.0.ln_2.bias",
                        "h.0.mlp.c_fc.weight",
                        "h.0.mlp.c_fc.bias",
                        "h.0.mlp.c_proj.weight",
                        "h.0.mlp.c_proj.bias",
                        "h.1.ln_1.weight")
                .endsWith("ln_f.weight", "ln_f.bias")
                .hasSize(2 + 2 * 12 + 2);
        assertThat(parameters.get("h.1.attn.c_attn.weight").getShape())
                .isEqualTo(new Shape(192, 64));
        assertThat(parameters.get("h.1.mlp.c_proj.weight").getShape())
                .isEqualTo(new Shape(64, 256));
        for (Pair<String, Parameter> pair : parameters) {
            NDArray values = pair.getValue().getArray();
            String name = pair.getKey();
            if (name.matches(".*ln_.\\.weight")) {
                assertThat(values).as(name).isEqualTo(values.onesLike());
            } else if (name.endsWith(".bias")) {
                assertThat(values).as(name).isEqualTo(values.zerosLike());
            } else {
                double deviation = name.endsWith("c_proj.weight") ? 0.02 / Math.sqrt(4) : 0.02;
                // At least 4096 draws: five standard deviations of their root mean square are 5.6%.
                assertThat(Math.sqrt(values.square().mean().getFloat()))
                        .as(name)
                        .isCloseTo(deviation, withinPercentage(5.6));
            }
        }
        Gpt2 again = initialised(config, Precision.BFLOAT16);
        assertThat(again.getParameters().get("h.1.mlp.c_fc.weight").getArray())
                .isEqualTo(parameters.get("h.1.mlp.c_fc.weight").getArray());
    }

    @Test
    void withoutBiasNoParameterIsABias() {
        Gpt2 model = Gpt2.builder().setConfig(new Gpt2Config(5, 4, 2, 1, 8, 0, false)).build();
        assertThat(model.getParameters().keys())
                .hasSize(2 + 2 * 6 + 1)
                .noneMatch(name -> name.endsWith("bias"));
    }

    @Test
    void publishedSizesHaveThePublishedNumbersOfParameters() {
        // Radford et al. 2019, with the counts of the released checkpoints.
        assertThat(parameterCount(Gpt2Config.gpt2Small())).isEqualTo(124_439_808);
        assertThat(parameterCount(Gpt2Config.gpt2Medium())).isEqualTo(354_823_168);
        assertThat(parameterCount(Gpt2Config.gpt2Large())).isEqualTo(774_030_080);
        assertThat(parameterCount(Gpt2Config.gpt2Xl())).isEqualTo(1_557_611_200);
    }

    private static long parameterCount(Gpt2Config config) {
        return Gpt2.builder().setConfig(config).build().getParameters().values().stream()
                .mapToLong(parameter -> parameter.getShape().size())
                .sum();
    }

    @Test
    void trainsWithATrainerAndSurvivesSavingAndLoading(@TempDir Path directory)
            throws IOException, MalformedModelException {
        NDList batch =
                new NDList(tokens(SMALL, new Shape(2, 16), 1), tokens(SMALL, new Shape(2, 16), 2));
        NDArray trained;
        try (Model model = Model.newInstance("gpt2", "PyTorch")) {
            model.setBlock(Gpt2.builder().setConfig(SMALL).build());
            TrainingConfig training =
                    new DefaultTrainingConfig(new SoftmaxCrossEntropyLoss())
                            .optOptimizer(
                                    Optimizer.adam()
                                            .optLearningRateTracker(Tracker.fixed(1e-2f))
                                            .build());
            try (Trainer trainer = model.newTrainer(training)) {
                trainer.initialize(new Shape(2, 16), new Shape(2, 16));
                float first = step(trainer, batch);
                // Uniform guessing costs log 53 = 3.97; the untrained model is close to that.
                assertThat(first).isCloseTo(3.97f, within(0.1f));
                float last = first;
                for (int i = 0; i < 30; i++) {
                    last = step(trainer, batch);
                }
                assertThat(last).isLessThan(0.5f * first);
                trained = trainer.evaluate(new NDList(batch.get(0))).singletonOrThrow();
            }
            model.save(directory, "gpt2");
        }
        try (Model model = Model.newInstance("gpt2", "PyTorch")) {
            Gpt2 block = Gpt2.builder().setConfig(SMALL).build();
            model.setBlock(block);
            model.load(directory, "gpt2");
            assertThat(block.forward(store, new NDList(batch.get(0)), false).singletonOrThrow())
                    .isEqualTo(trained);
        }
    }

    private static float step(Trainer trainer, NDList batch) {
        try (GradientCollector collector = trainer.newGradientCollector()) {
            NDArray loss = trainer.forward(batch).singletonOrThrow();
            collector.backward(loss);
            trainer.step();
            return loss.getFloat();
        }
    }

    @Test
    void memoryIsFlat() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        long[] tokens = new long[32];
        List<Integer> managed = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            try (NDManager step = manager.newSubManager()) {
                NDArray batch = step.create(tokens, new Shape(2, 16));
                backward(model, batch, batch);
                // The batch, the loss, and the seed of the backward pass: nothing of the layers.
                assertThat(step.getManagedArrays()).hasSizeLessThanOrEqualTo(4);
            }
            managed.add(manager.getManagedArrays().size());
        }
        assertThat(managed.get(199)).isEqualTo(managed.get(9));
    }

    @Test
    void outputShapesAreWhatForwardReturns() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        Shape shape = new Shape(2, 7);
        NDArray tokens = tokens(SMALL, shape, 1);
        assertThat(model.getOutputShapes(new Shape[] {shape}))
                .containsExactly(model.forward(store, new NDList(tokens), false).get(0).getShape());
        assertThat(model.getOutputShapes(new Shape[] {shape, shape}))
                .containsExactly(
                        model.forward(store, new NDList(tokens, tokens), true).get(0).getShape());
    }

    @Test
    void badInputIsNamed() {
        Gpt2 model = initialised(SMALL, Precision.FLOAT32);
        NDArray good = tokens(SMALL, new Shape(2, 16), 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.loss(store, good.add(53), good, true))
                .withMessageContaining("tokens must be in [0, 53)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.loss(store, good, good.sub(53), false))
                .withMessageContaining("targets must be in [0, 53)");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.loss(store, good, good.get(":1"), true))
                .withMessageContaining("(2, 16) and (1, 16)");
        NDArray longer = tokens(SMALL, new Shape(1, 17), 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.forward(store, new NDList(longer), false))
                .withMessageContaining("at most contextLength = 16 tokens per sequence, got 17");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.forward(store, new NDList(good.flatten()), false))
                .withMessageContaining("int64 [batch, length]");
        NDArray floats = manager.zeros(new Shape(2, 16));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.forward(store, new NDList(floats), false))
                .withMessageContaining("float32");
        assertThatIllegalArgumentException().isThrownBy(() -> Gpt2.builder().build());
    }

    @Test
    void badConfigurationIsNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Gpt2Config(0, 1, 1, 1, 1, 0, true))
                .withMessage("vocabSize must be at least 1, got 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Gpt2Config(1, 1, 1, 3, 4, 0, true))
                .withMessage("width must be a multiple of heads, got width 4, heads 3");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Gpt2Config.gpt2Small().withDropout(1))
                .withMessage("dropout must be in [0, 1), got 1.0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Gpt2Config.gpt2Small().withDropout(Float.NaN));
    }

    private float backward(Gpt2 model, NDArray tokens, NDArray targets) {
        try (GradientCollector collector = engine.newGradientCollector()) {
            NDArray loss = model.loss(store, tokens, targets, true);
            collector.backward(loss);
            return loss.getFloat();
        }
    }

    private Gpt2 initialised(Gpt2Config config, Precision precision) {
        Gpt2 model = Gpt2.builder().setConfig(config).optPrecision(precision).build();
        engine.setRandomSeed(7);
        model.initialize(manager, DataType.FLOAT32, new Shape(1, config.contextLength()));
        return model;
    }

    /** The largest difference, relative to the largest element. */
    private static double relativeError(NDArray actual, NDArray exact) {
        assertThat(actual.getShape()).isEqualTo(exact.getShape());
        double difference =
                actual.toType(DataType.FLOAT64, true)
                        .sub(exact.toType(DataType.FLOAT64, true))
                        .abs()
                        .max()
                        .getDouble();
        return difference / exact.toType(DataType.FLOAT64, true).abs().max().getDouble();
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
