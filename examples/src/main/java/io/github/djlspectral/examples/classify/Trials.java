package io.github.djlspectral.examples.classify;

import ai.djl.TrainingDivergedException;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Trains classifiers one after another and tells how it goes.
 *
 * @param settings what all have in common
 * @param countdown counts epochs
 * @param out receives the progress
 */
record Trials(ClassifierSettings settings, Eta countdown, PrintStream out) {

    private static final int TUNING_SEED = 0;
    private static final int HELD_OUT_SHARE = 10;
    private static final int PROFILED_IMAGES = 100;

    /**
     * Returns the learning rate with the most right answers on the last tenth of the images after
     * training on the others.
     *
     * @throws BadInputException if there are too few images to hold some out
     */
    double bestRate(Mixer mixer, List<Double> rates, ImageSet images) {
        int cut = images.size() - images.size() / HELD_OUT_SHARE;
        if (cut == images.size()) {
            throw new BadInputException(
                    "There are only "
                            + cut
                            + " training images, too few to choose a learning rate: give one with"
                            + " --lr");
        }
        double best = rates.get(0);
        double most = -1;
        for (double rate : rates) {
            double accuracy =
                    accuracy(mixer, rate, images.part(0, cut), images.part(cut, images.size()));
            out.printf(
                    Locale.ROOT,
                    "%s, learning rate %s: %.2f%% of held-out training images%n",
                    mixer.label(),
                    rate,
                    ClassifierReport.PERCENT * accuracy);
            if (accuracy > most) {
                most = accuracy;
                best = rate;
            }
        }
        return best;
    }

    private double accuracy(Mixer mixer, double rate, ImageSet train, ImageSet rest) {
        try {
            return train(mixer, rate, TUNING_SEED, train, rest).accuracy();
        } catch (TrainingDivergedException e) {
            out.println(e.getMessage());
            return 0;
        }
    }

    /**
     * Trains a classifier.
     *
     * @param test measured after each epoch
     * @throws TrainingDivergedException if a loss or gradient is not a number
     */
    Outcome train(Mixer mixer, double rate, int seed, ImageSet train, ImageSet test) {
        try (ClassifierRun run = new ClassifierRun(settings, mixer, rate, seed, train, test)) {
            boolean profiled = mixer == Mixer.FLOW && seed != TUNING_SEED;
            DepthProfile before = profiled ? run.profile(PROFILED_IMAGES) : null;
            List<Outcome.Epoch> epochs = new ArrayList<>();
            for (int number = 1; number <= settings.epochs(); number++) {
                double loss = run.trainEpoch();
                ClassifierTraining.TestResult result = run.test();
                Outcome.Epoch epoch =
                        new Outcome.Epoch(number, loss, result.loss(), result.accuracy());
                epochs.add(epoch);
                tell(mixer, rate, seed, epoch);
            }
            DepthProfile after = profiled ? run.profile(PROFILED_IMAGES) : null;
            return new Outcome(mixer, rate, seed, run.size(), epochs, before, after);
        }
    }

    private void tell(Mixer mixer, double rate, int seed, Outcome.Epoch epoch) {
        out.printf(
                Locale.ROOT,
                "%s, rate %s, seed %d, epoch %d/%d: train %.4f, test %.4f, %.2f%%; %s%n",
                mixer.label(),
                rate,
                seed,
                epoch.number(),
                settings.epochs(),
                epoch.trainLoss(),
                epoch.testLoss(),
                ClassifierReport.PERCENT * epoch.testAccuracy(),
                countdown.tick());
    }
}
