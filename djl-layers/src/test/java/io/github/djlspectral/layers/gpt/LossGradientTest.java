package io.github.djlspectral.layers.gpt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.SoftmaxCrossEntropyLoss;
import ai.djl.util.RandomUtils;
import io.github.djlspectral.torch.Host;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class LossGradientTest extends Gpt2Fixture {

    private Model model;
    private Trainer trainer;

    @BeforeEach
    void newTrainer() {
        model = Model.newInstance("gpt2", manager.getDevice(), "PyTorch");
        model.setBlock(new SequentialBlock());
        Device[] devices = {manager.getDevice()};
        trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(new NextTokenLoss()).optDevices(devices));
    }

    @AfterEach
    void closeTrainer() {
        trainer.close();
        model.close();
    }

    private double add(Gpt2 gpt2, boolean recompute, NDArray tokens, NDArray targets, double f) {
        return new LossGradient(gpt2, trainer, recompute).add(new NDList(tokens, targets), f);
    }

    private static List<NDArray> gradients(Gpt2 gpt2) {
        return gpt2.getParameters().values().stream()
                .filter(Parameter::requiresGradient)
                .map(parameter -> parameter.getArray().getGradient().duplicate())
                .toList();
    }

    /** Targets of which about a half does not count, by both conventions. */
    private NDArray masked(Gpt2Config config, Shape shape, long seed) {
        long[] targets = tokens(config, shape, seed).toLongArray();
        Random random = new Random(seed);
        for (int i = 1; i < targets.length; i++) {
            targets[i] = random.nextInt(4) == 0 ? -1 : random.nextInt(3) == 0 ? -100 : targets[i];
        }
        return manager.create(targets, shape);
    }

    /** The loss and gradients of stock blocks: rows that do not count are taken out. */
    private double oracle(ComposedGpt2 oracle, NDArray tokens, NDArray targets, double factor) {
        try (GradientCollector collector = engine.newGradientCollector()) {
            NDArray logits = oracle.forward(store, new NDList(tokens), true).singletonOrThrow();
            long[] flat = targets.toLongArray();
            int[] rows = IntStream.range(0, flat.length).filter(i -> flat[i] >= 0).toArray();
            NDList chosen = new NDList();
            NDArray all = logits.reshape(flat.length, -1);
            IntStream.of(rows).forEach(row -> chosen.add(all.get(row)));
            NDArray labels = manager.create(IntStream.of(rows).mapToLong(i -> flat[i]).toArray());
            NDArray loss =
                    new SoftmaxCrossEntropyLoss()
                            .evaluate(new NDList(labels), new NDList(NDArrays.stack(chosen)));
            collector.backward(loss.mul(factor));
            return loss.getDouble();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "true, false, true",
        "true, false, false",
        "false, true, true",
        "true, true, true",
    })
    void lossAndGradientsAreThoseOfStockBlocks(boolean bias, boolean recompute, boolean masked) {
        Gpt2Config config = new Gpt2Config(53, 16, 3, 4, 32, 0, bias);
        Shape shape = new Shape(3, 13);
        Gpt2 gpt2 = perturbed(config, Precision.FLOAT32, DataType.FLOAT64);
        ComposedGpt2 oracle = new ComposedGpt2(config, ComposedGpt2::tanhGelu);
        oracle.startFrom(gpt2);
        oracle.initialize(manager, DataType.FLOAT64, shape);
        for (int i = 1; i <= 2; i++) { // over two batches with factors of their own
            NDArray tokens = tokens(config, shape, i);
            NDArray targets = masked ? masked(config, shape, -i) : tokens(config, shape, -i);
            double exact = oracle(oracle, tokens, targets, 0.5 * i);
            assertThat(add(gpt2, recompute, tokens, targets, 0.5 * i))
                    .isCloseTo(exact, within(1e-10));
            assertThat(gpt2.loss(store, tokens, targets, false).getDouble())
                    .isCloseTo(exact, within(1e-10));
            List<Parameter> mine = gpt2.getParameters().values();
            for (int j = 0; j < mine.size(); j++) {
                NDArray gradient = oracle.trainable().get(j).getArray().getGradient();
                assertThat(relativeError(mine.get(j).getArray().getGradient(), gradient))
                        .as(mine.get(j).getName())
                        .isLessThan(1e-10);
            }
        }
    }

    /** As with a collector, whatever does not count, over several chunks of logits too. */
    @ParameterizedTest
    @CsvSource({
        "1, 1, 7, FLOAT32, 1e-5",
        "4, 19, 2, FLOAT32, 1e-5",
        "2, 19, 53, BFLOAT16, 2e-2",
        "3, 19, 1000003, FLOAT32, 1e-5"
    })
    void agreesWithACollector(
            int batch, int length, int vocabulary, Precision precision, double tolerance) {
        Gpt2Config config = new Gpt2Config(vocabulary, 19, 2, 2, 8, 0, true);
        Shape shape = new Shape(batch, length);
        NDArray tokens = tokens(config, shape, 1);
        for (NDArray targets : List.of(tokens(config, shape, 2), masked(config, shape, 2))) {
            Gpt2 gpt2 = perturbed(config, precision);
            Gpt2 other = perturbed(config, precision);
            double loss = add(gpt2, false, tokens, targets, 1);
            assertThat(loss).isCloseTo(backward(other, tokens, targets), within(1e-4));
            List<NDArray> expected = gradients(other);
            List<NDArray> actual = gradients(gpt2);
            for (int i = 0; i < expected.size(); i++) {
                assertThat(relativeError(actual.get(i), expected.get(i))).isLessThan(tolerance);
            }
        }
    }

    /** To the bit, whatever is frozen; with dropout the second pass drops the same. */
    @ParameterizedTest
    @CsvSource({
        "FLOAT32, 0, nothing", "FLOAT32, 0.2, nothing", "BFLOAT16, 0, nothing",
        "FLOAT32, 0, w.e", "FLOAT32, 0.2, w.e|h.0", "FLOAT32, 0, h.[12]|ln_f|wte"
    })
    void recomputationChangesNothing(Precision precision, float dropout, String frozen) {
        List<List<NDArray>> gradients = new ArrayList<>();
        double[] losses = new double[2];
        for (boolean recompute : new boolean[] {false, true}) {
            Gpt2 gpt2 = perturbed(SMALL.withDropout(dropout), precision);
            gpt2.freezeParameters(
                    true, parameter -> parameter.getName().matches("(" + frozen + ").*"));
            engine.setRandomSeed(3);
            for (int i = 0; i < 2; i++) {
                NDArray tokens = tokens(SMALL, new Shape(2, 16), i);
                losses[recompute ? 1 : 0] += add(gpt2, recompute, tokens, tokens, 1);
            }
            gradients.add(gradients(gpt2));
        }
        assertThat(losses[1]).isEqualTo(losses[0]);
        for (int i = 0; i < gradients.get(0).size(); i++) {
            NDArray expected = gradients.get(0).get(i);
            assertThat(gradients.get(1).get(i)).isEqualTo(expected);
            assertThat(expected.abs().max().getFloat()).isPositive();
        }
    }

    @Test
    void dropoutIsNewEachTimeAndTheSeedsLeaveJavasAlone() {
        Gpt2 gpt2 = perturbed(SMALL.withDropout(0.2f), Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(2, 16), 1);
        engine.setRandomSeed(3);
        double first = add(gpt2, true, tokens, tokens, 1);
        int java = RandomUtils.nextInt();
        double second = add(gpt2, true, tokens, tokens, 1);
        assertThat(second).isNotEqualTo(first);
        engine.setRandomSeed(3);
        assertThat(RandomUtils.nextInt()).isEqualTo(java);
        assertThat(add(gpt2, false, tokens, tokens, 1)).isEqualTo(first);
    }

    @Test
    void layersThatWereReplacedAreTrained() {
        Gpt2 gpt2 = perturbed(SMALL, Precision.FLOAT32, DataType.FLOAT64);
        ParallelBlock layer =
                new ParallelBlock(
                        lists -> new NDList(lists.get(0).head().add(lists.get(1).head())));
        layer.add(x -> x);
        layer.add(
                new SequentialBlock()
                        .add(Linear.builder().setUnits(8).build())
                        .add(Activation::tanh)
                        .add(Linear.builder().setUnits(32).build()));
        gpt2.replaceLayer(1, layer);
        layer.initialize(manager, DataType.FLOAT64, new Shape(2, 5, 32));
        NDArray tokens = tokens(SMALL, new Shape(2, 5), 1);
        add(gpt2, false, tokens, tokens, 1);
        List<NDArray> straight = gradients(gpt2);
        gpt2.getParameters().values().forEach(p -> p.getArray().getGradient().muli(0));
        add(gpt2, true, tokens, tokens, 1);
        assertThat(gradients(gpt2)).isEqualTo(straight);
        // The slope along a replaced layer's gradient.
        Parameter weight =
                gpt2.getParameters().values().stream()
                        .filter(p -> p.getArray().getShape().equals(new Shape(8, 32)))
                        .findFirst()
                        .orElseThrow();
        NDArray gradient = weight.getArray().getGradient().duplicate();
        double[] losses = new double[2];
        for (int side = 0; side < 2; side++) {
            NDArray step = gradient.mul(side == 0 ? -1e-5 : 2e-5);
            weight.getArray().stopGradient().addi(step);
            losses[side] = gpt2.loss(store, tokens, tokens, false).getDouble();
        }
        double slope = gradient.square().sum().getDouble();
        assertThat((losses[1] - losses[0]) / 2e-5).isCloseTo(slope, within(1e-5 * slope));
        assertThatIllegalStateException()
                .isThrownBy(() -> gpt2.next(store, tokens, gpt2.newCache(manager, 2, 9), 0, 1))
                .withMessage("next needs the model's own layers, but h.1 was replaced");
    }

    /** A collector is the process's only one. */
    @Test
    void severalModelsTrainAtOnce() throws Exception {
        NDArray tokens = tokens(SMALL, new Shape(2, 16), 1);
        Gpt2 first = perturbed(SMALL, Precision.FLOAT32);
        Gpt2 second = perturbed(SMALL, Precision.FLOAT32);
        Gpt2 alone = perturbed(SMALL, Precision.FLOAT32);
        ExecutorService threads = Executors.newFixedThreadPool(2);
        CountDownLatch both = new CountDownLatch(2);
        try (GradientCollector somebodyElses = engine.newGradientCollector()) {
            assertThat(somebodyElses).isNotNull();
            List<Future<?>> futures =
                    Stream.of(first, second)
                            .<Future<?>>map(
                                    gpt2 ->
                                            threads.submit(
                                                    () -> {
                                                        both.countDown();
                                                        both.await();
                                                        for (int i = 0; i < 20; i++) {
                                                            add(
                                                                    gpt2,
                                                                    i % 2 == 0,
                                                                    tokens,
                                                                    tokens,
                                                                    1);
                                                        }
                                                        return null;
                                                    }))
                            .toList();
            for (Future<?> future : futures) {
                future.get();
            }
        } finally {
            threads.shutdownNow();
        }
        for (int i = 0; i < 20; i++) {
            add(alone, false, tokens, tokens, 1);
        }
        assertThat(gradients(first)).isEqualTo(gradients(alone)).isEqualTo(gradients(second));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void memoryIsFlat(boolean recompute) {
        Gpt2 gpt2 = perturbed(SMALL.withDropout(0.1f), Precision.FLOAT32);
        NDArray tokens = tokens(SMALL, new Shape(2, 5), 1);
        NDArray targets = masked(SMALL, new Shape(2, 5), 1);
        add(gpt2, recompute, tokens, targets, 1);
        int arrays = manager.getManagedArrays().size();
        int trainers = trainer.getManager().getManagedArrays().size();
        for (int i = 0; i < 200; i++) {
            add(gpt2, recompute, tokens, targets, 1);
        }
        assertThat(manager.getManagedArrays()).hasSize(arrays);
        assertThat(trainer.getManager().getManagedArrays()).hasSize(trainers);
    }

    @ParameterizedTest
    @EnumSource
    void notANumberStaysNotANumber(Precision precision) {
        Gpt2 gpt2 = perturbed(SMALL, precision);
        gpt2.getParameters().get("h.1.mlp.c_fc.bias").getArray().stopGradient().muli(Float.NaN);
        NDArray tokens = tokens(SMALL, new Shape(1, 4), 1);
        assertThat(add(gpt2, false, tokens, tokens, 1)).isNaN();
    }

    @Test
    void badBatchesAreRefusedBeforeAnythingChanges() {
        Gpt2 gpt2 = initialised(SMALL, Precision.FLOAT32);
        NDArray good = tokens(SMALL, new Shape(2, 4), 1);
        add(gpt2, false, good, good, 1);
        List<NDArray> before = gradients(gpt2);
        NDArray tooLarge = good.duplicate();
        tooLarge.set(new NDIndex("1,2"), 53);
        NDArray negative = good.duplicate();
        negative.set(new NDIndex("1,2"), -1);
        refused(gpt2, tooLarge, good, "tokens must be in [0, 53), got 53");
        refused(gpt2, negative, good, "tokens must be in [0, 53), got -1");
        refused(gpt2, good, tooLarge, "targets must be below 53, negative to be ignored, got 53");
        refused(gpt2, good, good.get(":1"), "(2, 4) and (1, 4)");
        refused(gpt2, good, good.toType(DataType.INT32, true), "targets must be int64");
        refused(gpt2, good, good.mul(0).sub(100), "nothing to learn: all 8 are below 0");
        assertThat(gradients(gpt2)).isEqualTo(before);
        gpt2.freezeParameters(true);
        assertThatIllegalStateException()
                .isThrownBy(() -> add(gpt2, false, good, good, 1))
                .withMessage("There is nothing to train: all parameters are frozen");
    }

    private void refused(Gpt2 gpt2, NDArray tokens, NDArray targets, String message) {
        for (boolean recompute : new boolean[] {false, true}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> add(gpt2, recompute, tokens, targets, 1))
                    .withMessageContaining(message);
        }
    }

    /** What counts is known on the host. */
    @Test
    void aBatchMadeByTheHostIsNotReadBack() {
        Gpt2 gpt2 = initialised(SMALL, Precision.FLOAT32);
        long[] values = {1, 2, -1, 4};
        NDArray tokens = tokens(SMALL, new Shape(2, 2), 1);
        NDArray targets = Host.create(manager, values, new Shape(2, 2));
        NDArray others = manager.create(values, new Shape(2, 2));
        assertThat(add(gpt2, false, tokens, targets, 1))
                .isEqualTo(add(gpt2, false, tokens, others, 1));
    }
}
