package io.github.djlspectral.examples.classify;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.TrainingDivergedException;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import io.github.djlspectral.examples.data.ImageBatch;
import io.github.djlspectral.examples.data.ImageBatches;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.data.Mnist;
import io.github.djlspectral.layers.flow.AttentionFlow;
import io.github.djlspectral.optim.GradientClipping;
import io.github.djlspectral.optim.StatefulOptimizer;
import java.util.Locale;

/** One classifier in training. */
final class ClassifierRun implements AutoCloseable {

    private static final String ENGINE = "PyTorch";
    private static final int TEST_BATCH = 500;
    private static final float MAX_NORM = 1;

    private final Mixer mixer;
    private final ImageBatches batches;
    private final ImageSet test;
    private final TokenClassifier classifier;
    private final Model model;
    private final StatefulOptimizer optimizer;
    private final Trainer trainer;
    private final Loss loss = Loss.softmaxCrossEntropyLoss();
    private int epoch;

    /**
     * Creates the model at random.
     *
     * @param seed decides the initial weights and the order of the images
     */
    ClassifierRun(
            ClassifierSettings settings,
            Mixer mixer,
            double rate,
            int seed,
            ImageSet train,
            ImageSet test) {
        this.mixer = mixer;
        this.test = test;
        batches = new ImageBatches(train, settings.batch(), seed);
        classifier = new TokenClassifier(mixer, settings);
        Shape shape = new Shape(1, 1, Mnist.SIDE, Mnist.SIDE);
        model = Model.newInstance("classifier", Device.cpu(), ENGINE);
        model.setBlock(classifier);
        Engine.getEngine(ENGINE).setRandomSeed(seed);
        classifier.initialize(model.getNDManager(), model.getDataType(), shape);
        int steps = settings.epochs() * batches.perEpoch();
        optimizer = settings.optimizer().optimizer(rate, settings.adamwRate(), classifier, steps);
        trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(loss)
                                .optDevices(new Device[] {Device.cpu()})
                                .optOptimizer(optimizer));
        trainer.initialize(shape);
    }

    /** The number of parameters. */
    long size() {
        return classifier.size();
    }

    /** The number of arrays held by the model and its trainer. */
    int arrays() {
        return model.getNDManager().getManagedArrays().size()
                + trainer.getManager().getManagedArrays().size();
    }

    /**
     * Trains on every image once.
     *
     * @return the mean loss, in nats, before each update
     * @throws TrainingDivergedException if the loss or a gradient is not a number
     */
    double trainEpoch() {
        double sum = 0;
        for (int i = 0; i < batches.perEpoch(); i++) {
            double value = backward(batches.batch(epoch, i));
            if (!Double.isFinite(value)) {
                throw diverged("The loss is " + value, null);
            }
            clip();
            trainer.step();
            sum += value;
        }
        epoch++;
        return sum / batches.perEpoch();
    }

    private double backward(ImageBatch batch) {
        try (NDManager scratch = trainer.getManager().newSubManager();
                GradientCollector collector = trainer.newGradientCollector()) {
            NDList logits = trainer.forward(new NDList(batch.images(scratch)));
            NDArray value = loss.evaluate(new NDList(batch.classes(scratch)), logits);
            collector.backward(value);
            return value.getFloat();
        }
    }

    private void clip() {
        try {
            GradientClipping.byGlobalNorm(trainer, MAX_NORM);
        } catch (IllegalStateException e) { // here it can only mean NaN or infinity
            throw diverged(e.getMessage(), e);
        }
    }

    private TrainingDivergedException diverged(String what, Exception cause) {
        return new TrainingDivergedException(
                String.format(
                        Locale.ROOT,
                        "%s, epoch %d: %s; lower --lr",
                        mixer.label(),
                        epoch + 1,
                        what),
                cause);
    }

    /** Measures loss and accuracy on the test images. */
    TestResult test() {
        double sum = 0;
        int right = 0;
        for (int from = 0; from < test.size(); from += TEST_BATCH) {
            int to = Math.min(from + TEST_BATCH, test.size());
            ImageBatch batch = test.part(from, to).batch();
            try (NDManager scratch = trainer.getManager().newSubManager()) {
                NDArray logits =
                        classifier
                                .forward(store(scratch), new NDList(batch.images(scratch)), false)
                                .singletonOrThrow();
                NDArray classes = batch.classes(scratch);
                sum +=
                        loss.evaluate(new NDList(classes), new NDList(logits)).getFloat()
                                * (double) batch.size();
                right += right(logits.argMax(1).toLongArray(), batch.labels());
            }
        }
        return new TestResult(sum / test.size(), (double) right / test.size());
    }

    private static int right(long[] answers, int[] labels) {
        int right = 0;
        for (int i = 0; i < labels.length; i++) {
            if (answers[i] == labels[i]) {
                right++;
            }
        }
        return right;
    }

    /**
     * Follows the flow along its depth for the first test images.
     *
     * @param images how many, at most
     * @throws IllegalStateException if the mixer is no flow
     */
    DepthProfile profile(int images) {
        if (!(classifier.mixer() instanceof AttentionFlow flow)) {
            throw new IllegalStateException("Only a flow has an energy along its depth");
        }
        ImageBatch batch = test.part(0, Math.min(images, test.size())).batch();
        try (NDManager scratch = trainer.getManager().newSubManager()) {
            ParameterStore store = store(scratch);
            NDArray tokens = classifier.embed(store, batch.images(scratch), false);
            NDArray moved = flow.forward(store, new NDList(tokens), false).singletonOrThrow();
            return DepthProfile.of(flow.paths(store, tokens), tokens, moved);
        }
    }

    private static ParameterStore store(NDManager scratch) {
        return new ParameterStore(scratch, false);
    }

    /** Frees the model and the optimizer's state. */
    @Override
    public void close() {
        trainer.close();
        optimizer.close();
        model.close();
    }

    /**
     * What a test found.
     *
     * @param loss mean cross-entropy in nats
     * @param accuracy the share of images whose class has the largest logit
     */
    record TestResult(double loss, double accuracy) {}
}
