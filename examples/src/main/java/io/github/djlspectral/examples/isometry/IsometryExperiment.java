package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;

/**
 * Every family at every depth with every seed. Each first tries the learning rates on the training
 * images alone, holding out the last tenth of them, unless there is only one.
 *
 * @param families what to train
 * @param depths how deep
 * @param rates the learning rates to choose from
 * @param seeds how many, from 1 on
 * @param settings the rest
 */
record IsometryExperiment(
        List<Family> families,
        List<Integer> depths,
        List<Double> rates,
        int seeds,
        IsometrySettings settings) {

    private static final int HELD_OUT_SHARE = 10;
    private static final double PERCENT = 100;

    /** Checks the numbers. */
    IsometryExperiment {
        if (rates.isEmpty()) {
            throw new BadInputException("--lr is empty, but must have a learning rate");
        }
        OptionCheck.requirePositive("--seeds", seeds);
        for (Family family : families) {
            if (settings.regularizer() == Regularizer.WEIGHT && !family.hasOrthogonalWeights()) {
                throw new BadInputException(
                        "--regularizer is weight, but "
                                + family
                                + " has no orthogonal weights: choose another --family");
            }
            for (int depth : depths) {
                rates.forEach(rate -> new DeepRun(family, depth, settings, rate, seeds));
            }
        }
    }

    /**
     * Runs what is not done yet.
     *
     * @throws BadInputException if there are too few images, or files of other runs
     */
    void run(ImageData data, OutcomeFiles files, PrintStream out) {
        NetworkProbe.requireTwo(data.test());
        files.requireComparable(settings, DeepOutcome.Images.of(data, data.train(), data.test()));
        Runner runner = new Runner(data, files, new DeepProgress(runsLeft(files), settings, out));
        for (int depth : depths) {
            for (Family family : families) {
                double rate = runner.bestRate(family, depth);
                for (int seed = 1; seed <= seeds; seed++) {
                    runner.outcome(new DeepRun(family, depth, settings, rate, seed));
                }
            }
        }
    }

    /** An estimate: which learning rate the seeds will have is not known yet. */
    private int runsLeft(OutcomeFiles files) {
        int left = 0;
        for (Family family : families) {
            for (int depth : depths) {
                if (rates.size() > 1) {
                    for (double rate : rates) {
                        boolean tried = has(files, family, depth, rate, DeepRun.TUNING_SEED);
                        left += tried ? 0 : 1;
                    }
                }
                for (int seed = 1; seed <= seeds; seed++) {
                    int number = seed;
                    boolean done =
                            rates.stream()
                                    .anyMatch(rate -> has(files, family, depth, rate, number));
                    left += done ? 0 : 1;
                }
            }
        }
        return left;
    }

    private boolean has(OutcomeFiles files, Family family, int depth, double rate, int seed) {
        return files.has(new DeepRun(family, depth, settings, rate, seed));
    }

    /** Runs, or reads what was run. */
    private final class Runner {

        private final ImageData data;
        private final OutcomeFiles files;
        private final DeepProgress progress;

        Runner(ImageData data, OutcomeFiles files, DeepProgress progress) {
            this.data = data;
            this.files = files;
            this.progress = progress;
        }

        /** Returns the learning rate with the most right answers on held-out training images. */
        double bestRate(Family family, int depth) {
            if (rates.size() == 1) {
                return rates.get(0);
            }
            double best = rates.get(0);
            double most = -1;
            for (double rate : rates) {
                DeepRun run = new DeepRun(family, depth, settings, rate, DeepRun.TUNING_SEED);
                double accuracy = outcome(run).accuracy();
                progress.line(
                        String.format(
                                Locale.ROOT,
                                "%s: %.2f%% of held-out training images",
                                run,
                                PERCENT * accuracy));
                if (accuracy > most) {
                    most = accuracy;
                    best = rate;
                }
            }
            return best;
        }

        DeepOutcome outcome(DeepRun run) {
            ImageSet train = run.isTuning() ? data.train().part(0, cut()) : data.train();
            ImageSet test =
                    run.isTuning() ? data.train().part(cut(), data.train().size()) : data.test();
            DeepOutcome.Images images = DeepOutcome.Images.of(data, train, test);
            return files.find(run, images).orElseGet(() -> train(run, images, train, test));
        }

        private DeepOutcome train(
                DeepRun run, DeepOutcome.Images images, ImageSet train, ImageSet test) {
            try (DeepTraining training = new DeepTraining(run, data.classes(), train, test)) {
                DeepOutcome outcome = training.run(images, progress);
                files.write(outcome);
                return outcome;
            }
        }

        private int cut() {
            int all = data.train().size();
            if (all < 2 * HELD_OUT_SHARE) {
                throw new BadInputException(
                        "There are only "
                                + all
                                + " training images, too few to choose a learning rate: give one"
                                + " with --lr");
            }
            return all - all / HELD_OUT_SHARE;
        }
    }
}
