package io.github.djlspectral.examples.classify;

import ai.djl.TrainingDivergedException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.examples.classify.ClassifierTraining.TestResult;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.data.Mnist;
import io.github.djlspectral.layers.flow.AttentionFlow;

/** One classifier with tokens in training. */
final class ClassifierRun implements AutoCloseable {

    private static final float MAX_NORM = 1;

    private final Mixer mixer;
    private final ImageSet test;
    private final TokenClassifier classifier;
    private final ClassifierTraining training;

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
        ImageSet.Batches batches = new ImageSet.Batches(train, settings.batch(), seed);
        classifier = new TokenClassifier(mixer, settings);
        int steps = settings.epochs() * batches.perEpoch();
        training =
                new ClassifierTraining(
                        classifier,
                        Mnist.SIDE,
                        batches,
                        settings.optimizer()
                                .optimizer(rate, settings.adamwRate(), classifier, steps),
                        MAX_NORM,
                        seed);
    }

    /** The number of parameters. */
    long size() {
        return training.size();
    }

    /** The number of arrays held by the model and its trainer. */
    int arrays() {
        return training.arrays();
    }

    /**
     * Trains on every image once.
     *
     * @return the mean loss, in nats, before each update
     * @throws TrainingDivergedException if the loss or a gradient is not a number
     */
    double trainEpoch() {
        try {
            return training.trainEpoch((index, loss) -> {});
        } catch (TrainingDivergedException e) {
            throw new TrainingDivergedException(mixer.label() + ", " + e.getMessage(), e);
        }
    }

    /** Measures loss and accuracy on the test images. */
    TestResult test() {
        return training.test(test);
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
        ImageSet.Batch batch = test.part(0, Math.min(images, test.size())).batch();
        try (NDManager scratch = training.manager().newSubManager()) {
            ParameterStore store = new ParameterStore(scratch, false);
            NDArray tokens = classifier.embed(store, batch.images(scratch), false);
            NDArray moved = flow.forward(store, new NDList(tokens), false).singletonOrThrow();
            return DepthProfile.of(flow.paths(store, tokens), tokens, moved);
        }
    }

    /** Frees the model and the optimizer's state. */
    @Override
    public void close() {
        training.close();
    }
}
