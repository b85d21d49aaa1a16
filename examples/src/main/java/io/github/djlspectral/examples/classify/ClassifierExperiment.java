package io.github.djlspectral.examples.classify;

import ai.djl.TrainingDivergedException;
import io.github.djlspectral.examples.data.BadInputException;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.data.Mnist;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The same classifier with an attention flow and with ordinary attention. Each first tries the same
 * learning rates on the training images alone, holding out the last tenth of them; the best one
 * then trains on all of them, with several seeds.
 */
public final class ClassifierExperiment {

    private static final int TUNING_SEED = 0;
    private static final int HELD_OUT_SHARE = 10;
    private static final int PROFILED_IMAGES = 100;

    private final ClassifierSettings settings;
    private final List<Double> rates;
    private final int seeds;
    private final Path directory;

    /**
     * Describes the experiment.
     *
     * @param settings what all runs have in common
     * @param rates the learning rates to try, positive, at least one; one is used untried
     * @param seeds the number of seeds, from 1 on
     * @param directory where results are written
     * @throws BadInputException if a number is out of its range
     */
    public ClassifierExperiment(
            ClassifierSettings settings, List<Double> rates, int seeds, Path directory) {
        if (rates.isEmpty()) {
            throw new BadInputException("--lr is empty, but must have a learning rate");
        }
        rates.forEach(rate -> ClassifierSettings.requirePositive("--lr", rate));
        ClassifierSettings.requirePositive("--seeds", seeds);
        this.settings = settings;
        this.rates = List.copyOf(rates);
        this.seeds = seeds;
        this.directory = directory;
    }

    /**
     * Trains all and writes {@code metrics.csv}, {@code energy.csv}, {@code table.md}, {@code
     * accuracy.png} and {@code energy.png}. The same settings give the same numbers.
     *
     * @param data the images
     * @param out receives the progress and the table
     * @throws BadInputException if there are too few images
     * @throws TrainingDivergedException if a loss is not a number with the only or best rate
     * @throws java.io.UncheckedIOException if a file cannot be written
     */
    public void run(Mnist data, PrintStream out) {
        out.println(data.description());
        out.println("classify " + settings + " --seeds " + seeds);
        ClassifierFiles files = new ClassifierFiles(directory);
        int tried = rates.size() > 1 ? rates.size() : 0;
        Mixer[] mixers = Mixer.values();
        Countdown countdown = new Countdown(mixers.length * (tried + seeds) * settings.epochs());
        List<ClassifierReport.Contender> contenders = new ArrayList<>();
        for (Mixer mixer : mixers) {
            double rate = tried == 0 ? rates.get(0) : best(mixer, data.train(), countdown, out);
            List<Outcome> outcomes = new ArrayList<>();
            for (int seed = 1; seed <= seeds; seed++) {
                Outcome outcome =
                        train(mixer, rate, seed, data.train(), data.test(), countdown, out);
                files.append(outcome);
                outcomes.add(outcome);
            }
            contenders.add(new ClassifierReport.Contender(mixer, rate, outcomes));
        }
        ClassifierReport report = new ClassifierReport(rates, contenders);
        files.write("table.md", report.table());
        report.table().forEach(out::println);
        report.plotAccuracy(files.path("accuracy.png"));
        report.plotEnergy(files.path("energy.png"));
        out.println("Results are in " + directory);
    }

    /** Returns the learning rate with the most right answers on held-out training images. */
    private double best(Mixer mixer, ImageSet images, Countdown countdown, PrintStream out) {
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
                    heldOut(
                            mixer,
                            rate,
                            images.part(0, cut),
                            images.part(cut, images.size()),
                            countdown,
                            out);
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

    private double heldOut(
            Mixer mixer,
            double rate,
            ImageSet train,
            ImageSet rest,
            Countdown countdown,
            PrintStream out) {
        try {
            return train(mixer, rate, TUNING_SEED, train, rest, countdown, out).accuracy();
        } catch (TrainingDivergedException e) {
            out.println(e.getMessage());
            return 0;
        }
    }

    private Outcome train(
            Mixer mixer,
            double rate,
            int seed,
            ImageSet train,
            ImageSet test,
            Countdown countdown,
            PrintStream out) {
        try (ClassifierRun run = new ClassifierRun(settings, mixer, rate, seed, train, test)) {
            boolean profiled = mixer == Mixer.FLOW && seed != TUNING_SEED;
            DepthProfile before = profiled ? run.profile(PROFILED_IMAGES) : null;
            List<Outcome.Epoch> epochs = new ArrayList<>();
            for (int epoch = 1; epoch <= settings.epochs(); epoch++) {
                double loss = run.trainEpoch();
                ClassifierRun.TestResult result = run.test();
                epochs.add(new Outcome.Epoch(epoch, loss, result.loss(), result.accuracy()));
                out.printf(
                        Locale.ROOT,
                        "%s, rate %s, seed %d, epoch %d/%d: train %.4f, test %.4f, %.2f%%; %s%n",
                        mixer.label(),
                        rate,
                        seed,
                        epoch,
                        settings.epochs(),
                        loss,
                        result.loss(),
                        ClassifierReport.PERCENT * result.accuracy(),
                        countdown.tick());
            }
            DepthProfile after = profiled ? run.profile(PROFILED_IMAGES) : null;
            return new Outcome(mixer, rate, seed, run.size(), epochs, before, after);
        }
    }
}
