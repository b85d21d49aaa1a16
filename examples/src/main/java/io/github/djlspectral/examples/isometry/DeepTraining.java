package io.github.djlspectral.examples.isometry;

import ai.djl.TrainingDivergedException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.examples.classify.ClassifierTraining;
import io.github.djlspectral.examples.data.ImageSet;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/** One deep network in training. */
final class DeepTraining implements AutoCloseable {

    private static final int MEASURED_IMAGES = 8;
    private static final int STEPS_BETWEEN_LOOKS = 8;
    private static final double NANO = 1e-9;

    private final DeepRun run;
    private final ImageSet test;
    private final DeepNetwork network;
    private final ClassifierTraining training;
    private final ImageSet.Batches batches;
    private double deviation = Double.NaN;
    private double seconds;

    /** Creates the network at random. */
    DeepTraining(DeepRun run, int classes, ImageSet train, ImageSet test) {
        this.run = run;
        this.test = test;
        IsometrySettings settings = run.settings();
        batches = new ImageSet.Batches(train, settings.batch(), run.seed());
        network = run.network(train.side(), classes);
        int steps = settings.epochs() * batches.perEpoch();
        training =
                new ClassifierTraining(
                        network,
                        train.side(),
                        batches,
                        settings.optimizer()
                                .optimizer(run.rate(), settings.adamRate(), network, steps),
                        Float.POSITIVE_INFINITY,
                        run.seed());
        if (settings.regularizer() != Regularizer.NONE) {
            UnaryOperator<NDArray> penalty =
                    settings.regularizer()
                            .penalty(network.layers(), settings.strength(), run.seed());
            training.setPenalty(images -> penalty.apply(embed(images)));
        }
    }

    private NDArray embed(NDArray images) {
        ParameterStore store = new ParameterStore(images.getManager(), false);
        return network.embed(store, images, false);
    }

    /**
     * Trains as long as the run is to be.
     *
     * @param images what it is run on
     * @param progress hears about steps and epochs
     */
    DeepOutcome run(DeepOutcome.Images images, DeepProgress progress) {
        Measurement before = measure();
        List<DeepOutcome.Epoch> epochs = new ArrayList<>();
        String failure = null;
        while (failure == null && epochs.size() < run.settings().epochs()) {
            try {
                epochs.add(epoch(epochs.size() + 1, progress));
                progress.epoch(run, epochs.get(epochs.size() - 1));
            } catch (TrainingDivergedException e) {
                failure = e.getMessage();
                progress.diverged(run, failure, epochs.size());
            }
        }
        Measurement after = failure == null ? measure() : null;
        return new DeepOutcome(
                run, images, training.size(), epochs, before, after, deviation, seconds, failure);
    }

    private DeepOutcome.Epoch epoch(int number, DeepProgress progress) {
        long begin = System.nanoTime();
        double loss =
                training.trainEpoch(
                        (index, value) -> {
                            if (index % STEPS_BETWEEN_LOOKS == 0) {
                                look();
                            }
                            progress.step(run, number, index, batches.perEpoch(), value);
                        });
        seconds += (System.nanoTime() - begin) * NANO;
        ClassifierTraining.TestResult result = training.test(test);
        return new DeepOutcome.Epoch(number, loss, result.loss(), result.accuracy());
    }

    /** Notes how far orthogonal weights are from it, as the forward pass has used them. */
    private void look() {
        double now = WeightDeviation.of(network.layers(), training.manager());
        deviation = deviation >= now ? deviation : now;
    }

    private Measurement measure() {
        int points = Math.min(MEASURED_IMAGES, test.size());
        try (NDManager scratch = training.manager().newSubManager()) {
            NDArray images = test.part(0, points).batch().images(scratch);
            return Measurement.of(network.layers(), embed(images));
        }
    }

    /** Frees the network and the optimizer's state. */
    @Override
    public void close() {
        training.close();
    }
}
