package io.github.djlspectral.examples.isometry;

import ai.djl.TrainingDivergedException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.ImageTraining;
import io.github.djlspectral.examples.experiment.ImageTraining.Epoch;
import io.github.djlspectral.examples.experiment.ImageTraining.ImageOptimizer;
import io.github.djlspectral.examples.experiment.ImageTraining.Tuning;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.isometry.NetworkProbe.Measurement;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.layers.isometry.loss.JacobianLoss;
import io.github.djlspectral.layers.isometry.loss.OrthogonalityLoss;
import io.github.djlspectral.text.BadInputException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;

/**
 * One training run: what it may differ in from others in one table.
 *
 * @param depth L, the number of layers
 * @param strength the regularizer's factor; 0 if there is none
 * @param rate the learning rate
 * @param seed of initial weights and the order of images; {@link Tuning#SEED} for trials of
 *     learning rates on training images alone
 */
record DeepRun(
        Family family,
        int depth,
        Optimizer optimizer,
        Parametrization parametrization,
        Regularizer regularizer,
        double strength,
        double rate,
        int seed) {

    private static final int MEASURED_IMAGES = 8;
    private static final int STEPS_BETWEEN_LOOKS = 8;

    /** Refuses what networks cannot have. */
    void check() {
        String range = "--depth is %s, but must be in [1, 1000]";
        BadInputException.unless(depth >= 1 && depth <= 1000, range, depth);
        OptionCheck.requirePositive("--lr", rate);
        BadInputException.unless(
                regularizer != Regularizer.WEIGHT || family.hasOrthogonalWeights(),
                "--regularizer is weight, but %s has no orthogonal weights: choose another --family",
                family);
        BadInputException.unless(
                optimizer == Optimizer.ADAM
                        || family == Family.PERSISTENT // has matrices besides
                        || !family.hasOrthogonalWeights()
                        || parametrization == Parametrization.RETRACTION
                        || parametrization == Parametrization.INITIAL,
                "%s has no matrices for %s: choose adam, or --parametrization initial or retraction",
                family,
                optimizer);
    }

    DeepRun with(double rate, int seed) {
        return new DeepRun(
                family, depth, optimizer, parametrization, regularizer, strength, rate, seed);
    }

    /** Names what is added to the loss and its factor; empty if nothing is. */
    String penalty() {
        return regularizer == Regularizer.NONE ? "" : regularizer + "-" + strength;
    }

    /** Tells how weights stay orthogonal, for people and names of files. */
    String constraint() {
        String way = parametrization.name().toLowerCase(Locale.ROOT);
        return regularizer == Regularizer.NONE ? way : way + "-" + penalty();
    }

    /** Returns the name of the run's result, different for all that an experiment may vary. */
    String fileName() {
        String form = "%s-depth-%s-%s-%s-lr-%s-seed-%s";
        return Table.text(form, family, depth, optimizer, constraint(), rate, seed);
    }

    /** Names it in progress. */
    @Override
    public String toString() {
        return family + ", depth " + depth + ", rate " + rate + ", seed " + seed;
    }

    /** What trains the networks, without weight decay. */
    enum Optimizer {
        /** Adam for everything. */
        ADAM(0.0003, 0.001, 0.003),
        /** Muon for the matrices of the layers, Adam for embedding, head and vectors. */
        MUON(0.003, 0.01, 0.03),
        /** Freon, c = 2/3, in the same way. */
        FREON(0.003, 0.01, 0.03);

        /** The learning rates to try if none are given. */
        final List<Double> rates;

        Optimizer(Double... rates) {
            this.rates = List.of(rates);
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** What is added to the loss so that layers stay isometric. */
    enum Regularizer {
        /** Nothing. */
        NONE(0),
        /** {@code |W W^T - I|^2} of every weight, {@code |K * K - delta|^2} of every kernel. */
        WEIGHT(0.1),
        /** {@code E (|J^T u| / |u| - 1)^2}, J of all layers together. */
        JACOBIAN(1),
        /** {@code E |J^T J v - v|^2}. */
        GRAM(0.01),
        /** {@code E (|F(x + s) - F(x)| / |s| - 1)^2}. */
        DIFFERENCE(1);

        /** The factor if none is given. */
        final double strength;

        Regularizer(double strength) {
            this.strength = strength;
        }

        /** Makes the penalty of layers, which need not be initialised yet, from what they get. */
        private UnaryOperator<NDArray> penalty(SequentialBlock layers, float factor, int seed) {
            return switch (this) {
                case NONE -> throw new IllegalStateException("There is no penalty");
                case WEIGHT -> weights(layers, factor);
                case JACOBIAN -> JacobianLoss.backward(layers, factor, seed)::evaluate;
                case GRAM -> JacobianLoss.gram(layers, factor, seed)::evaluate;
                case DIFFERENCE ->
                        JacobianLoss.finiteDifference(layers, 0.1, factor, seed)::evaluate;
            };
        }

        private static UnaryOperator<NDArray> weights(SequentialBlock layers, float factor) {
            List<Parameter> weights =
                    layers.getParameters().values().stream()
                            .filter(parameter -> parameter.getType() == Parameter.Type.WEIGHT)
                            .toList();
            OrthogonalityLoss loss =
                    weights.get(0).getShape().dimension() == 2
                            ? OrthogonalityLoss.ofMatrices(weights, factor)
                            : OrthogonalityLoss.ofConvolutions(weights, factor);
            return states -> loss.evaluate(states.getManager());
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * What a run found.
     *
     * @param epochs one entry for each that was finished
     * @param after training; null if it diverged
     * @param deviation the largest entry of |W W^T - I| of any orthogonal weight at any look in
     *     training, as used in a forward pass; NaN if there is no such weight
     * @param seconds of training, without tests
     * @param failure why it ended early; null if it did not
     */
    record Outcome(
            DeepRun run,
            int classes,
            List<Epoch> epochs,
            Measurement before,
            Measurement after,
            double deviation,
            double seconds,
            String failure) {

        /** The last epoch's accuracy; that of a guess if there was none. */
        double percent() {
            return 100 * (diverged() || epochs.isEmpty() ? 1.0 / classes : last().testAccuracy());
        }

        /** The last epoch, of which there must be one. */
        Epoch last() {
            return epochs.get(epochs.size() - 1);
        }

        boolean diverged() {
            return failure != null;
        }

        /** Whether it has what results of earlier versions lack. */
        boolean isWhole() {
            return run != null && run.optimizer != null && epochs != null;
        }
    }

    /**
     * Trains a new network, and tells how it goes: a line for each epoch, and some in between where
     * they are long.
     *
     * @param options what all runs have in common
     * @param left counts epochs
     */
    Outcome train(IsometryCommand options, ImageData data, Eta left) {
        ImageSet.Batches batches = new ImageSet.Batches(data.train(), options.batch, seed);
        int steps = batches.perEpoch();
        int all = options.epochs;
        Family.Network network = new Family.Network(family, options, depth, data.classes());
        ImageOptimizer optimizers = new ImageOptimizer(rate, options.adamRate, 0, all * steps);
        try (ImageTraining training =
                new ImageTraining(
                        network,
                        data.side(),
                        batches,
                        optimizers.named(optimizer.toString(), network.routing()),
                        Float.POSITIVE_INFINITY,
                        seed)) {
            if (regularizer != Regularizer.NONE) {
                UnaryOperator<NDArray> penalty =
                        regularizer.penalty(network.layers, (float) strength, seed);
                training.setPenalty(batch -> penalty.apply(network.embed(batch)));
            }
            NDManager manager = training.manager();
            int few = Math.min(MEASURED_IMAGES, data.test().size());
            NDArray images = data.test().part(0, few).batch().images(manager);
            Measurement before = Measurement.of(network, images);
            List<Epoch> epochs = new ArrayList<>();
            List<Double> deviations = new ArrayList<>();
            BiConsumer<Integer, Double> observer =
                    (step, loss) -> {
                        if (step % STEPS_BETWEEN_LOOKS == 0) {
                            deviations.add(NetworkProbe.deviation(network.layers, manager));
                        }
                        if (left.due(10)) {
                            String line = "%s, epoch %d/%d, step %d/%d: train %.4f";
                            int now = epochs.size() + 1;
                            options.print(line, this, now, all, step + 1, steps, loss);
                        }
                    };
            String failure = null;
            while (failure == null && epochs.size() < all) {
                try {
                    Epoch epoch = training.epoch(data.test(), observer);
                    epochs.add(epoch);
                    String line = "%s, epoch %d/%d: %s; %s";
                    options.print(line, this, epochs.size(), all, epoch, left.tick());
                } catch (TrainingDivergedException e) {
                    failure = e.getMessage();
                    left.add(all - epochs.size() - 1); // they are done with
                    options.print("%s, %s; %s", this, failure, left.tick());
                }
            }
            return new Outcome(
                    this,
                    data.classes(),
                    epochs,
                    before,
                    failure == null ? Measurement.of(network, images) : null,
                    deviations.stream().mapToDouble(d -> d).max().orElse(Double.NaN),
                    training.seconds(),
                    failure);
        }
    }
}
