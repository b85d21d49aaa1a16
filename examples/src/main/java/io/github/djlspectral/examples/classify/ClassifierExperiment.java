package io.github.djlspectral.examples.classify;

import ai.djl.TrainingDivergedException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.examples.classify.TokenClassifier.Mixer;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.data.Mnist;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.ImageOptimizer;
import io.github.djlspectral.examples.experiment.ImageTraining;
import io.github.djlspectral.examples.experiment.ImageTraining.Epoch;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.experiment.Tuning;
import io.github.djlspectral.layers.flow.AttentionFlow;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The same classifier with an attention flow and with ordinary attention. Each first tries the same
 * learning rates on the training images alone, holding out the last tenth of them; the best one
 * then trains on all of them, with several seeds. The same settings give the same numbers.
 *
 * @param settings what all runs have in common
 * @param rates the learning rates to try, positive, at least one; one is used untried
 * @param seeds the number of seeds, from 1 on
 * @param directory where results are written
 */
record ClassifierExperiment(Settings settings, List<Double> rates, int seeds, Path directory) {

    private static final int PROFILED_IMAGES = 100;
    private static final double PERCENT = 100;

    /** Checks the numbers. */
    ClassifierExperiment {
        BadInputException.unless(!rates.isEmpty(), "--lr is empty, but must have a learning rate");
        rates.forEach(rate -> OptionCheck.requirePositive("--lr", rate));
        OptionCheck.requirePositive("--seeds", seeds);
    }

    /** What trains the matrices between tokens. */
    enum Optimizer {
        /** Muon for them, AdamW for embeddings and head. */
        MUON(List.of(0.01, 0.02, 0.05, 0.1, 0.2)),
        /** AdamW for everything. */
        ADAMW(List.of(0.001, 0.003, 0.01));

        /** The learning rates to try if none are given. */
        final List<Double> rates;

        Optimizer(List<Double> rates) {
            this.rates = rates;
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * What all runs of an experiment have in common.
     *
     * @param patch the height and width of a token's patch in pixels, a divisor of 28
     * @param width d, the length of a token's vector, a multiple of 4 from 4 on
     * @param depth the steps of the flow, or the layers of attention, from 1 on
     * @param stepSize the flow's time per step, positive
     * @param optimizer what trains the matrices between tokens
     * @param adamwRate the learning rate of all that Muon does not train, positive
     * @param epochs passes over the training images, from 1 on
     * @param batch images per step, from 1 on
     */
    record Settings(
            int patch,
            int width,
            int depth,
            double stepSize,
            Optimizer optimizer,
            double adamwRate,
            int epochs,
            int batch) {

        /** Checks the numbers. */
        Settings {
            BadInputException.unless(
                    patch >= 1 && Mnist.SIDE % patch == 0,
                    "--patch is %s, but must divide %s: 4, 7 or 14",
                    patch,
                    Mnist.SIDE);
            BadInputException.unless(
                    width >= Mixer.HEADS && width % Mixer.HEADS == 0,
                    "--width is %s, but must be a positive multiple of %s",
                    width,
                    Mixer.HEADS);
            OptionCheck.requirePositive("--depth", depth);
            OptionCheck.requirePositive("--step-size", stepSize);
            OptionCheck.requirePositive("--adamw-lr", adamwRate);
            OptionCheck.requirePositive("--epochs", epochs);
            OptionCheck.requirePositive("--batch", batch);
        }

        /** The number of tokens of an image. */
        int tokens() {
            int across = Mnist.SIDE / patch;
            return across * across;
        }

        /** Describes the settings in one line, as options. */
        @Override
        public String toString() {
            return Table.text(
                    "--patch %d --width %d --depth %d --step-size %s --optimizer %s --adamw-lr %s"
                            + " --epochs %d --batch %d",
                    patch, width, depth, stepSize, optimizer, adamwRate, epochs, batch);
        }
    }

    /**
     * What a run found.
     *
     * @param size the number of parameters
     * @param epochs one entry for each
     * @param before the flow along its depth before training; null if not looked at
     * @param after the same after training
     */
    record Outcome(
            Mixer mixer,
            double rate,
            int seed,
            long size,
            List<Epoch> epochs,
            DepthProfile before,
            DepthProfile after) {

        Epoch last() {
            return epochs.get(epochs.size() - 1);
        }
    }

    /**
     * Trains all and writes {@code metrics.csv}, {@code energy.csv}, {@code table.md}, {@code
     * accuracy.png} and {@code energy.png}.
     *
     * @throws BadInputException if there are too few images
     * @throws TrainingDivergedException if a loss is not a number with the only or best rate
     */
    void run(ImageData data, PrintStream out) {
        out.println(data.description());
        out.println("classify " + settings + " --seeds " + seeds);
        int tried = rates.size() > 1 ? rates.size() : 0;
        Eta left = new Eta(Mixer.values().length * (tried + seeds) * settings.epochs());
        ClassifierReport report = new ClassifierReport(rates, directory);
        for (Mixer mixer : Mixer.values()) {
            double rate = bestRate(mixer, data.train(), left, out);
            for (int seed = 1; seed <= seeds; seed++) {
                report.add(train(mixer, rate, seed, data.train(), data.test(), left, out));
            }
        }
        report.write().forEach(out::println);
        out.println("Results are in " + directory);
    }

    double bestRate(Mixer mixer, ImageSet images, Eta left, PrintStream out) {
        return Tuning.bestRate(
                rates,
                images,
                1,
                (rate, train, heldOut) -> {
                    try {
                        return train(mixer, rate, Tuning.SEED, train, heldOut, left, out)
                                .last()
                                .testAccuracy();
                    } catch (TrainingDivergedException e) {
                        out.println(e.getMessage());
                        return 0;
                    }
                },
                rate -> mixer.label() + ", learning rate " + rate,
                out);
    }

    private Outcome train(
            Mixer mixer,
            double rate,
            int seed,
            ImageSet train,
            ImageSet test,
            Eta left,
            PrintStream out) {
        try (Run run = new Run(settings, mixer, rate, seed, train, test)) {
            boolean profiled = mixer == Mixer.FLOW && seed != Tuning.SEED;
            DepthProfile before = profiled ? run.profile(PROFILED_IMAGES) : null;
            List<Epoch> epochs = new ArrayList<>();
            while (epochs.size() < settings.epochs()) {
                Epoch epoch = run.epoch();
                epochs.add(epoch);
                out.println(
                        Table.text(
                                "%s, rate %s, seed %d, epoch %d/%d: train %.4f, test %.4f, %.2f%%;"
                                        + " %s",
                                mixer.label(),
                                rate,
                                seed,
                                epoch.number(),
                                settings.epochs(),
                                epoch.trainLoss(),
                                epoch.testLoss(),
                                PERCENT * epoch.testAccuracy(),
                                left.tick()));
            }
            DepthProfile after = profiled ? run.profile(PROFILED_IMAGES) : null;
            return new Outcome(mixer, rate, seed, run.training.size(), epochs, before, after);
        }
    }

    /** One classifier in training. */
    static final class Run implements AutoCloseable {

        private static final float MAX_NORM = 1;
        private static final float WEIGHT_DECAY = 0.01f;

        /** The model and its trainer. */
        final ImageTraining training;

        private final Mixer mixer;
        private final ImageSet test;
        private final TokenClassifier classifier;

        /** Creates the model at random; the seed decides the order of the images, too. */
        Run(Settings settings, Mixer mixer, double rate, int seed, ImageSet train, ImageSet test) {
            this.mixer = mixer;
            this.test = test;
            ImageSet.Batches batches = new ImageSet.Batches(train, settings.batch(), seed);
            classifier = new TokenClassifier(mixer, settings);
            int steps = settings.epochs() * batches.perEpoch();
            training =
                    new ImageTraining(
                            classifier,
                            Mnist.SIDE,
                            batches,
                            new ImageOptimizer(rate, settings.adamwRate(), WEIGHT_DECAY, steps)
                                    .named(
                                            settings.optimizer().toString(),
                                            ParameterRouting.of(classifier)),
                            MAX_NORM,
                            seed);
        }

        /** Trains on every image once, then tests. */
        Epoch epoch() {
            try {
                return training.epoch(test, (index, loss) -> {});
            } catch (TrainingDivergedException e) {
                throw new TrainingDivergedException(mixer.label() + ", " + e.getMessage(), e);
            }
        }

        /** Follows the flow along its depth for the first test images; the mixer must be one. */
        DepthProfile profile(int images) {
            AttentionFlow flow = (AttentionFlow) classifier.mixer();
            ImageSet.Batch batch = test.part(0, Math.min(images, test.size())).batch();
            try (NDManager scratch = training.manager().newSubManager()) {
                ParameterStore store = new ParameterStore(scratch, false);
                NDArray tokens = classifier.embed(store, batch.images(scratch), false);
                NDArray moved = flow.forward(store, new NDList(tokens), false).singletonOrThrow();
                return DepthProfile.of(flow.paths(store, tokens), tokens, moved);
            }
        }

        @Override
        public void close() {
            training.close();
        }
    }
}
