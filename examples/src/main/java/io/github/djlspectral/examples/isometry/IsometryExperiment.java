package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Finished;
import io.github.djlspectral.examples.experiment.ImageTraining.Epoch;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.experiment.Tuning;
import io.github.djlspectral.examples.isometry.DeepRun.Outcome;
import io.github.djlspectral.examples.isometry.IsometrySettings.Regularizer;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Every family at every depth with every seed. Each first tries the learning rates on the training
 * images alone, unless there is only one. Finished runs are files, so that several processes may
 * add some.
 *
 * @param families what to train
 * @param depths how deep
 * @param rates the learning rates to choose from
 * @param seeds how many, from 1 on
 * @param settings the rest
 * @param directory above {@code runs}, and {@code tuning} for trials of learning rates
 */
record IsometryExperiment(
        List<Family> families,
        List<Integer> depths,
        List<Double> rates,
        int seeds,
        IsometrySettings settings,
        Path directory) {

    /** Checks the numbers. */
    IsometryExperiment {
        BadInputException.unless(!rates.isEmpty(), "--lr is empty, but must have a learning rate");
        OptionCheck.requirePositive("--seeds", seeds);
        for (Family family : families) {
            BadInputException.unless(
                    settings.regularizer() != Regularizer.WEIGHT || family.hasOrthogonalWeights(),
                    "--regularizer is weight, but %s has no orthogonal weights: choose another"
                            + " --family",
                    family);
            for (int depth : depths) {
                rates.forEach(rate -> new DeepRun(family, depth, settings, rate, seeds));
            }
        }
    }

    private static Finished<Outcome> finished(Path directory, boolean tuning) {
        return new Finished<>(directory.resolve(tuning ? "tuning" : "runs"), Outcome.class);
    }

    /**
     * Returns all runs in a directory but those for tuning, in the order of their files' names.
     *
     * @throws BadInputException if there is none or a file is damaged
     */
    static List<Outcome> outcomes(Path directory) {
        List<Outcome> outcomes = finished(directory, false).all(null);
        BadInputException.unless(!outcomes.isEmpty(), "There is no finished run in %s", directory);
        BadInputException.unless(
                outcomes.stream().allMatch(o -> o.run() != null && o.epochs() != null),
                "A file in %s is damaged, as it lacks its run or epochs; delete it to run it again",
                directory.resolve("runs"));
        return outcomes;
    }

    /**
     * Runs what is not done yet.
     *
     * @throws BadInputException if there are too few images, or files of other runs
     */
    void run(ImageData data, PrintStream out) {
        NetworkProbe.requireTwo(data.test());
        finished(directory, false).all(of(data, data.train(), data.test()));
        Progress progress = new Progress(runsLeft(), settings, out);
        for (int depth : depths) {
            for (Family family : families) {
                double rate =
                        Tuning.bestRate(
                                rates,
                                data.train(),
                                2,
                                (tried, train, heldOut) ->
                                        outcome(
                                                        tuning(family, depth, tried),
                                                        data,
                                                        train,
                                                        heldOut,
                                                        progress)
                                                .accuracy(),
                                tried -> tuning(family, depth, tried).toString(),
                                out);
                for (int seed = 1; seed <= seeds; seed++) {
                    DeepRun run = new DeepRun(family, depth, settings, rate, seed);
                    outcome(run, data, data.train(), data.test(), progress);
                }
            }
        }
    }

    /** Tells what runs in one table must have in common: settings, and images by a checksum. */
    private String of(ImageData data, ImageSet train, ImageSet test) {
        return Table.text(
                "%s\nside=%s, classes=%s, train=%s, test=%s, checksum=%s",
                settings.common(),
                data.side(),
                data.classes(),
                train.size(),
                test.size(),
                train.checksum() << Integer.SIZE | test.checksum());
    }

    private DeepRun tuning(Family family, int depth, double rate) {
        return new DeepRun(family, depth, settings, rate, Tuning.SEED);
    }

    /** An estimate: which learning rate the seeds will have is not known yet. */
    private int runsLeft() {
        long left = 0;
        for (Family family : families) {
            for (int depth : depths) {
                if (rates.size() > 1) {
                    left += rates.stream().filter(r -> !has(tuning(family, depth, r))).count();
                }
                left +=
                        IntStream.rangeClosed(1, seeds)
                                .filter(seed -> !hasAtAnyRate(family, depth, seed))
                                .count();
            }
        }
        return (int) left;
    }

    private boolean hasAtAnyRate(Family family, int depth, int seed) {
        return rates.stream()
                .anyMatch(rate -> has(new DeepRun(family, depth, settings, rate, seed)));
    }

    private boolean has(DeepRun run) {
        return finished(directory, run.isTuning()).has(run.fileName());
    }

    /** Runs, or reads what was run. */
    private Outcome outcome(
            DeepRun run, ImageData data, ImageSet train, ImageSet test, Progress progress) {
        Finished<Outcome> files = finished(directory, run.isTuning());
        String of = of(data, train, test);
        return files.find(run.fileName(), of)
                .orElseGet(
                        () -> {
                            try (DeepRun.Training training =
                                    new DeepRun.Training(run, data.classes(), train, test)) {
                                Outcome outcome = training.run(progress);
                                files.write(run.fileName(), of, outcome);
                                return outcome;
                            }
                        });
    }

    /** Tells how it goes: a line for each epoch, and some in between where they are long. */
    static final class Progress {

        private static final double PERCENT = 100;
        private static final double SECONDS_BETWEEN_LINES = 10;
        private static final double NANO = 1e-9;

        private final Eta left;
        private final int epochs;
        private final int batch;
        private final PrintStream out;
        private long lastLine = System.nanoTime();
        private int stepsSinceLine;

        private Progress(int runs, IsometrySettings settings, PrintStream out) {
            this.left = new Eta(runs * settings.epochs());
            this.epochs = settings.epochs();
            this.batch = settings.batch();
            this.out = out;
        }

        /** Notes a step, and says so from time to time. */
        void step(DeepRun run, int epoch, int index, int steps, double loss) {
            stepsSinceLine++;
            double seconds = (System.nanoTime() - lastLine) * NANO;
            if (seconds >= SECONDS_BETWEEN_LINES) {
                line(
                        "%s, epoch %d/%d, step %d/%d: train %.4f, %.0f images/s",
                        run,
                        epoch,
                        epochs,
                        index + 1,
                        steps,
                        loss,
                        stepsSinceLine * batch / seconds);
            }
        }

        /** Tells of an epoch. */
        void epoch(DeepRun run, Epoch epoch) {
            line(
                    "%s, epoch %d/%d: train %.4f, test %.4f, %.2f%%; %s",
                    run,
                    epoch.number(),
                    epochs,
                    epoch.trainLoss(),
                    epoch.testLoss(),
                    PERCENT * epoch.testAccuracy(),
                    left.tick());
        }

        /** Tells that a run cannot go on; its other epochs are done with. */
        void diverged(DeepRun run, String why, int epochsDone) {
            left.add(epochs - epochsDone - 1);
            line("%s, %s; %s", run, why, left.tick());
        }

        private void line(String format, Object... arguments) {
            out.println(Table.text(format, arguments));
            lastLine = System.nanoTime();
            stepsSinceLine = 0;
        }
    }
}
