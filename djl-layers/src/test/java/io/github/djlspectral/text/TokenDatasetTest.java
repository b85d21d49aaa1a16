package io.github.djlspectral.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Batch;
import ai.djl.training.evaluator.Accuracy;
import ai.djl.training.listener.EvaluatorTrainingListener;
import ai.djl.training.listener.TrainingListenerAdapter;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.LossGradient;
import io.github.djlspectral.layers.gpt.NextTokenLoss;
import io.github.djlspectral.optim.Muon;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenDatasetTest {

    private static final int VOCAB_SIZE = 16;
    private static final int BATCH = 4;
    private static final int CONTEXT = 8;
    private static final int STEPS = 6;

    private final NDManager manager = NDManager.newBaseManager(Device.cpu());
    @TempDir private Path folder;
    private TokenShard shard;

    /** Each token is 3 more than the one before it: easily learned. */
    @BeforeEach
    void writeShard() {
        Path file = folder.resolve("tokens.bin");
        TokenShard.write(file, IntStream.range(0, 500).map(i -> 3 * i % VOCAB_SIZE).toArray());
        shard = TokenShard.open(file, VOCAB_SIZE);
    }

    @AfterEach
    void close() {
        shard.close();
        manager.close();
    }

    private TokenBatches random() {
        return TokenBatches.random(List.of(shard), BATCH, CONTEXT, 7);
    }

    private TokenDataset validation() {
        return new TokenDataset(TokenBatches.inOrder(List.of(shard), BATCH, CONTEXT), 3);
    }

    private static Model model() {
        Engine.getInstance().setRandomSeed(1);
        Model model = Model.newInstance("gpt2", Device.cpu());
        model.setBlock(
                Gpt2.builder()
                        .setConfig(new Gpt2Config(VOCAB_SIZE, CONTEXT, 1, 2, 16, 0, false))
                        .build());
        return model;
    }

    /** Counts arrays and losses; DJL's own listener measures the epochs. */
    private static final class Watch extends TrainingListenerAdapter {
        private final List<Float> losses = new ArrayList<>();
        private final List<Float> validations = new ArrayList<>();
        private final List<Integer> arrays = new ArrayList<>();

        @Override
        public void onTrainingBatch(Trainer trainer, BatchData batch) {
            losses.add(batch.getPredictions().get(Device.cpu()).head().getFloat());
        }

        @Override
        public void onEpoch(Trainer trainer) {
            validations.add(trainer.getTrainingResult().getValidateLoss());
            arrays.add(trainer.getManager().getManagedArrays().size());
        }
    }

    private static Trainer trainer(Model model, Muon muon, Watch watch) {
        Trainer trainer =
                model.newTrainer(
                        muon.attachTo(
                                new DefaultTrainingConfig(new NextTokenLoss())
                                        .optDevices(new Device[] {Device.cpu()})
                                        .addTrainingListeners(
                                                new EvaluatorTrainingListener(), watch)));
        trainer.initialize(new Shape(BATCH, CONTEXT));
        return trainer;
    }

    private static Muon muon() {
        return Muon.builder().optLearningRateTracker(Tracker.fixed(0.02f)).build();
    }

    /** By autograd and DJL's parameter server, and by the hand-written gradient. */
    @Test
    void easyTrainDoesWhatALoopOfOnesOwnDoes() throws Exception {
        Watch watch = new Watch();
        try (Model model = model();
                Muon muon = muon();
                Trainer trainer = trainer(model, muon, watch)) {
            EasyTrain.fit(trainer, 3, new TokenDataset(random(), STEPS), validation());
        }
        List<Double> losses = new ArrayList<>();
        try (Model model = model();
                Muon muon = muon();
                Trainer trainer = trainer(model, muon, new Watch())) {
            LossGradient gradient = new LossGradient((Gpt2) model.getBlock(), trainer, false);
            for (int i = 0; i < watch.losses.size(); i++) {
                try (NDManager scratch = manager.newSubManager()) {
                    losses.add(gradient.add(random().batch(i, scratch), 1));
                }
                trainer.step();
            }
        }
        assertThat(losses).hasSize(3 * STEPS);
        assertThat((double) watch.losses.get(0)).isEqualTo(losses.get(0), within(1e-6));
        for (int i = 0; i < losses.size(); i++) {
            assertThat((double) watch.losses.get(i)).isCloseTo(losses.get(i), within(1e-3));
        }
        assertThat(losses.get(0)).isCloseTo(Math.log(VOCAB_SIZE), within(0.1));
        assertThat(watch.validations).isSortedAccordingTo((a, b) -> Float.compare(b, a));
        assertThat(watch.validations.get(2)).isLessThan(0.8f * watch.validations.get(0));
        assertThat(watch.arrays.get(2)).isEqualTo(watch.arrays.get(0));
    }

    /** The loss of the logits is the one that the block computes; labels are for evaluators. */
    @Test
    void inputsOnlyGiveLogitsToEvaluators() throws Exception {
        try (Model model = model();
                Muon muon = muon();
                Trainer ofLoss = trainer(model, muon, new Watch());
                Trainer ofLogits =
                        model.newTrainer(
                                new DefaultTrainingConfig(new NextTokenLoss())
                                        .optDevices(new Device[] {Device.cpu()})
                                        .addEvaluator(new Accuracy("Accuracy", 2))
                                        .addTrainingListeners(new EvaluatorTrainingListener()))) {
            EasyTrain.evaluateDataset(ofLoss, validation());
            EasyTrain.evaluateDataset(ofLogits, validation().inputsOnly());
            float loss = ofLoss.getLoss().getAccumulator(EvaluatorTrainingListener.VALIDATE_EPOCH);
            assertThat(ofLogits.getLoss().getAccumulator(EvaluatorTrainingListener.VALIDATE_EPOCH))
                    .isCloseTo(loss, within(1e-5f));
            assertThat(
                            ofLogits.getEvaluators()
                                    .get(0)
                                    .getAccumulator(EvaluatorTrainingListener.VALIDATE_EPOCH))
                    .isBetween(0f, 0.5f);
        }
    }

    private static List<Long> list(long[] values) {
        return Arrays.stream(values).boxed().toList();
    }

    private List<List<Long>> epoch(TokenDataset dataset) {
        List<List<Long>> inputs = new ArrayList<>();
        for (Batch batch : dataset.getData(manager)) {
            inputs.add(list(batch.getData().head().toLongArray()));
            assertThat(batch.getLabels().head()).isEqualTo(batch.getData().get(1));
            assertThat((long) batch.getSize()).isEqualTo(batch.getLabels().head().size(0));
            batch.close();
        }
        return inputs;
    }

    @Test
    void randomBatchesGoOnAndOthersBeginAnew() {
        TokenDataset dataset = new TokenDataset(random(), 2);
        epoch(dataset);
        List<List<Long>> second = epoch(dataset);
        assertThat(dataset.position()).isEqualTo(4);
        assertThat(second.get(1)).isEqualTo(list(random().batch(3).inputs()));
        assertThat(epoch(new TokenDataset(random(), 2).startAt(2))).isEqualTo(second);
        TokenDataset inOrder = // an odd number of rows: else all batches are the same
                new TokenDataset(TokenBatches.inOrder(List.of(shard), 3, CONTEXT), 3);
        assertThat(epoch(inOrder)).isEqualTo(epoch(inOrder)).hasSize(3);
        assertThat(epoch(new TokenDataset(TokenBatches.inOrder(List.of(shard), 60, CONTEXT), 9)))
                .hasSize(2);
    }

    @Test
    void lossOfLogitsIgnoresLabelsBelowZeroAsTheModelDoes() {
        NDArray logits = manager.randomNormal(0, 2, new Shape(2, 3, 5), DataType.FLOAT64);
        long[] all = {4, -1, 2, -100, -1, 0};
        NDArray labels = manager.create(all, new Shape(2, 3));
        NDArray scores = logits.reshape(6, 5).logSoftmax(1);
        double expected = 0;
        for (int row : new int[] {0, 2, 5}) {
            expected -= scores.getDouble(row, all[row]) / 3;
        }
        logits.setRequiresGradient(true);
        try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
            NDList predictions = new NDList(logits);
            NDArray loss = new NextTokenLoss().evaluate(new NDList(labels), predictions);
            assertThat(loss.getDouble()).isCloseTo(expected, within(1e-12));
            collector.backward(loss);
        }
        NDArray gradient = logits.getGradient().reshape(6, 5).abs().sum(new int[] {1});
        double[] rows = gradient.toDoubleArray();
        for (int row = 0; row < 6; row++) {
            assertThat(rows[row] > 0).isEqualTo(all[row] >= 0);
        }
        NDList none = new NDList(manager.full(new Shape(2, 3), -1, DataType.INT64));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new NextTokenLoss().evaluate(none, new NDList(logits)))
                .withMessageContaining("All labels are below 0");
    }

    @Test
    void whatCannotBeIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TokenDataset(random(), 0))
                .withMessageContaining("epoch is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TokenDataset(random(), 1).startAt(-1))
                .withMessageContaining("position is -1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> validation().startAt(1))
                .withMessageContaining("in order");
        NDList logits = new NDList(manager.zeros(new Shape(BATCH, CONTEXT, VOCAB_SIZE)));
        NDList labels = new NDList(manager.zeros(new Shape(BATCH, CONTEXT - 1), DataType.INT64));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new NextTokenLoss().evaluate(labels, logits))
                .withMessageContaining("got (4, 8, 16) for (4, 7)");
        NDList deep = new NDList(manager.zeros(new Shape(BATCH, CONTEXT - 1, 2, 3)));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new NextTokenLoss().evaluate(labels, deep))
                .withMessageContaining("got (4, 7, 2, 3) for (4, 7)");
    }
}
