package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.GradientCollector;
import ai.djl.training.loss.SoftmaxCrossEntropyLoss;
import io.github.djlspectral.torch.TorchScript;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class Gpt2NumericsTest extends Gpt2Fixture {

    private static final Gpt2Config DROPPING = new Gpt2Config(2, 64, 1, 1, 1024, 0.25f, true);

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
        comparePrecisions(new Gpt2Config(97, 32, 4, 4, 64, 0, true), new Shape(4, 32));
    }

    @Test
    void chunksOfLogitsAddUpInBfloat16() {
        comparePrecisions(new Gpt2Config(300_007, 7, 1, 2, 32, 0, true), new Shape(7, 7));
    }

    private void comparePrecisions(Gpt2Config config, Shape shape) {
        NDArray tokens = tokens(config, shape, 1);
        NDArray targets = tokens(config, shape, 2);
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

    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "ROUNDED"})
    void bothFormsOfBfloat16AreCloseToFloat32(ProductFormat format) {
        Gpt2Config config = new Gpt2Config(97, 32, 1, 4, 64, 0, true);
        engine.setRandomSeed(5);
        NDArray x = manager.randomNormal(new Shape(4, 32, 64));
        Gpt2Parameters shapes = new Gpt2Parameters(config);
        NDList layer = new NDList();
        for (Parameter parameter : shapes.layers.get(0)) {
            layer.add(manager.randomNormal(0, 0.1f, parameter.getShape(), DataType.FLOAT32));
        }
        TorchScript exact = ProductFormat.EXACT.kernels(config, true, null);
        TorchScript rounded = format.kernels(config, true, null);
        for (boolean gradient : new boolean[] {false, true}) {
            NDArray expected = run(exact, gradient, x, layer).sub(x);
            NDArray actual = run(rounded, gradient, x, layer).sub(x);
            // What the layer adds, after four products of operands rounded to 2^-9.
            assertThat(relativeError(actual, expected)).isBetween(1e-5, 2e-2);
        }
    }

    private NDArray run(TorchScript kernels, boolean gradient, NDArray x, NDList layer) {
        return (gradient
                        ? kernels.callWithGradient(manager, "layer", x, layer)
                        : kernels.call(manager, "layer", x, layer))
                .singletonOrThrow();
    }

    @Test
    void dropoutIsDeterminedByTheSeedAndOffInEvaluation() {
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
    void noProbabilityIsCompiledForItself() {
        TorchScript first = ProductFormat.EXACT.kernels(DROPPING.withDropout(0.1f), true, null);
        assertThat(ProductFormat.EXACT.kernels(DROPPING.withDropout(0.2f), true, null))
                .isSameAs(first);
        assertThat(ProductFormat.EXACT.kernels(DROPPING, false, null))
                .isNotSameAs(first)
                .isSameAs(ProductFormat.EXACT.kernels(DROPPING.withDropout(0), true, null));
    }

    @Test
    void dropoutOfTheEmbeddingDropsItsShareAndScalesTheRest() {
        NDArray x =
                ProductFormat.EXACT
                        .kernels(DROPPING, true, null)
                        .callWithGradient(
                                manager,
                                "embed",
                                manager.zeros(new Shape(4, 64), DataType.INT64),
                                new NDList(
                                        manager.ones(new Shape(2, 1024)),
                                        manager.zeros(new Shape(64, 1024)),
                                        manager.create(0.25)))
                        .singletonOrThrow();
        // 2^18 draws: five standard deviations of a share are at most 0.005.
        assertThat(share(x, 0)).isCloseTo(0.25, within(0.005));
        assertThat(share(x, 1 / 0.75f)).isEqualTo(1 - share(x, 0));
    }

    @Test
    void bothHalvesOfALayerDropWhatTheyAdd() {
        // With weights 0 a half layer adds its last bias, here 1.
        NDList halves = new NDList();
        for (Parameter parameter : new Gpt2Parameters(DROPPING).layers.get(0)) {
            halves.add(
                    parameter.getName().endsWith("c_proj.bias")
                            ? manager.ones(parameter.getShape())
                            : manager.zeros(parameter.getShape()));
        }
        NDArray x = runLayer(halves);
        assertThat(share(x, 0)).isCloseTo(0.0625, within(0.005));
        assertThat(share(x, 1 / 0.75f)).isCloseTo(0.375, within(0.005));
        assertThat(share(x, 2 / 0.75f)).isCloseTo(0.5625, within(0.005));
    }

    @Test
    void attentionDropsWeights() {
        // The values are 1 and the projection copies them, so that each row adds the sum of its
        // attention weights, where the layer's own dropout lets it.
        NDList layer = new NDList();
        for (Parameter parameter : new Gpt2Parameters(DROPPING).layers.get(0)) {
            NDArray values = manager.zeros(parameter.getShape());
            if (parameter.getName().endsWith("c_attn.bias")) {
                values.set(new NDIndex("2048:"), 1);
            } else if (parameter.getName().endsWith("attn.c_proj.weight")) {
                values = manager.eye(1024);
            }
            layer.add(values);
        }
        NDArray x = runLayer(layer);
        NDArray sums = x.max(new int[] {2}).mul(0.75f);
        for (float sum : sums.get(":,63").toFloatArray()) {
            // Each of 64 equal weights is dropped, or grows from 1 / 64 to 1 / 48.
            assertThat(sum * 48).isCloseTo(Math.round(sum * 48), within(1e-3f)).isNotEqualTo(48);
        }
        // A row of t weights has variance 1 / 3t; five standard deviations of the mean are 0.05.
        assertThat(sums.mean().getFloat()).isCloseTo(1, within(0.05f));
    }

    private NDArray runLayer(NDList parameters) {
        engine.setRandomSeed(5);
        parameters.add(manager.create(0.25));
        return ProductFormat.EXACT
                .kernels(DROPPING, true, null)
                .callWithGradient(
                        manager, "layer", manager.zeros(new Shape(4, 64, 1024)), parameters)
                .singletonOrThrow();
    }

    /** The share of elements that have this value. */
    private static double share(NDArray x, float value) {
        NDArray equal = x.sub(value).abs().lt(1e-6);
        return equal.countNonzero().getLong() / (double) x.size();
    }

    private NDArray seededForward(Gpt2 model, NDList input, int seed) {
        engine.setRandomSeed(seed);
        return model.forward(store, input, true).singletonOrThrow();
    }

    @Test
    void lastHiddenStatesAreThoseWhereEachSequenceEnds() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(3, 9), 1);
        NDArray hidden = model.hidden(store, tokens, false);
        NDArray whole = model.lastHidden(store, tokens, false);
        assertThat(whole.getShape()).isEqualTo(new Shape(3, 32));
        assertThat(relativeError(whole, hidden.get(":,8"))).isLessThan(1e-6);
        int[] lengths = {9, 1, 4};
        NDArray last = model.lastHidden(store, tokens, false, lengths);
        for (int i = 0; i < lengths.length; i++) {
            NDArray exact = hidden.get(i).get(lengths[i] - 1);
            assertThat(relativeError(last.get(i), exact)).isLessThan(1e-6);
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.lastHidden(store, tokens, false, 9, 0, 4))
                .withMessageContaining("one for each of 3 sequences, in [1, 9], got [9, 0, 4]");
    }

    @Test
    void theEncoderTakesTextsThatArePaddedAtTheirEnd() {
        Gpt2 model = perturbed(SMALL, Precision.FLOAT32);
        NDArray texts = manager.create(new long[][] {{3, 1, -1, -1}, {2, -100, -1, -1}});
        NDArray tokens = manager.create(new long[][] {{3, 1}, {2, 50}});
        NDArray states = model.encoder().forward(store, new NDList(texts), false).head();
        NDArray exact = model.lastHidden(store, tokens, false, 2, 1);
        assertThat(relativeError(states, exact)).isLessThan(1e-6);
        refused(model, manager.create(new long[][] {{3, -1, 1}}), "text 0 is so before 2");
        refused(model, manager.create(new long[][] {{3, 1}, {-1, -1}}), "in [1, 2], got [2, 0]");
        refused(
                model,
                manager.create(new long[] {3, 1}),
                "[batch, length], not empty, got int64 (2)");
    }

    private void refused(Gpt2 model, NDArray texts, String why) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> model.encoder().forward(store, new NDList(texts), false))
                .withMessageContaining(why);
    }

    /** The graph keeps which rows were chosen, and must not keep them in memory of Java's. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void gradientsOfChosenRowsSurviveGarbageCollection(boolean loss) {
        NDArray tokens = tokens(SMALL, new Shape(2, 3), 1);
        NDArray targets = manager.create(new long[][] {{-1, 7, -1}, {5, -1, -1}}); // rows 1, 3
        NDArray weights = manager.randomNormal(new Shape(2, 32));
        Gpt2[] models = new Gpt2[2]; // of which one meets a collection
        for (int i = 0; i < models.length; i++) {
            models[i] = perturbed(SMALL, Precision.FLOAT32);
            try (GradientCollector collector = engine.newGradientCollector()) {
                NDArray result =
                        loss
                                ? models[i].loss(store, tokens, targets, true)
                                : models[i].lastHidden(store, tokens, true, 2, 1).mul(weights);
                if (i == 1) {
                    System.gc();
                    for (int j = 0; j < 2000; j++) {
                        manager.create(new long[] {0, 2}).close(); // takes freed memory
                    }
                }
                collector.backward(result.sum());
            }
        }
        List<Parameter> exact = models[0].getParameters().values();
        List<Parameter> actual = models[1].getParameters().values();
        for (int i = 0; i < exact.size(); i++) {
            assertThat(actual.get(i).getArray().getGradient())
                    .as(exact.get(i).getName())
                    .isEqualTo(exact.get(i).getArray().getGradient());
        }
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
}
