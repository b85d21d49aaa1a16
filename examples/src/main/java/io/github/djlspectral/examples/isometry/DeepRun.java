package io.github.djlspectral.examples.isometry;

import ai.djl.TrainingDivergedException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.examples.experiment.ImageOptimizer;
import io.github.djlspectral.examples.experiment.ImageTraining;
import io.github.djlspectral.examples.experiment.ImageTraining.Epoch;
import io.github.djlspectral.examples.experiment.Tuning;
import io.github.djlspectral.examples.isometry.IsometrySettings.Optimizer;
import io.github.djlspectral.examples.isometry.IsometrySettings.Regularizer;
import io.github.djlspectral.layers.isometry.Fold;
import io.github.djlspectral.layers.isometry.KernelLayer;
import io.github.djlspectral.layers.isometry.OrthogonalLinear;
import io.github.djlspectral.layers.isometry.diagnostics.IsometryMeasurement;
import io.github.djlspectral.layers.isometry.diagnostics.IsometryProbe;
import io.github.djlspectral.layers.isometry.diagnostics.LayerProfile;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.torch.Host;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * One training run, before it is done.
 *
 * @param family what the layers are
 * @param depth L, how many there are
 * @param settings the rest
 * @param rate the learning rate
 * @param seed of initial weights and the order of images; {@link Tuning#SEED} for trials of
 *     learning rates on training images alone
 */
record DeepRun(Family family, int depth, IsometrySettings settings, double rate, int seed) {

    private static final int MAX_DEPTH = 1000;

    /** Checks the depth. */
    DeepRun {
        BadInputException.unless(
                depth >= 1 && depth <= MAX_DEPTH,
                "--depth is %s, but must be in [1, %s]",
                depth,
                MAX_DEPTH);
        OptionCheck.requirePositive("--lr", rate);
    }

    DeepRun withSeed(int other) {
        return new DeepRun(family, depth, settings, rate, other);
    }

    DeepRun withRate(double other) {
        return new DeepRun(family, depth, settings, other, seed);
    }

    boolean isTuning() {
        return seed == Tuning.SEED;
    }

    /**
     * Makes the network, not yet initialised.
     *
     * @param side the height and width of an image
     */
    DeepNetwork network(int side, int classes) {
        BadInputException.unless(
                !family.isConvolutional() || side % Family.ImageLayers.PATCH == 0,
                "Images are %s pixels high, but must have a multiple of %s for --family %s: choose"
                        + " another --side",
                side,
                Family.ImageLayers.PATCH,
                family);
        Family.Plan plan =
                new Family.Plan(
                        settings.width(), settings.channels(), depth, settings.parametrization());
        return family.network(plan, classes);
    }

    /** Returns the name of the run's result, different for all that an experiment may vary. */
    String fileName() {
        return String.join(
                "-",
                family.toString(),
                "depth",
                String.valueOf(depth),
                settings.optimizer().toString(),
                settings.constraint(),
                "lr",
                String.valueOf(rate),
                "seed",
                String.valueOf(seed));
    }

    /** Names it in progress. */
    @Override
    public String toString() {
        return family + ", depth " + depth + ", rate " + rate + ", seed " + seed;
    }

    /**
     * What a run found.
     *
     * @param run what was run
     * @param classes of the images
     * @param parameters how many there are
     * @param epochs one entry for each that was finished
     * @param before the network before training
     * @param after the network after training; null if it diverged
     * @param deviation the largest entry of |W W^T - I| of any orthogonal weight at any look in
     *     training, as used in a forward pass; NaN if there is no such weight
     * @param seconds of training, without tests
     * @param failure why it ended early; null if it did not
     */
    record Outcome(
            DeepRun run,
            int classes,
            long parameters,
            List<Epoch> epochs,
            Measurement before,
            Measurement after,
            double deviation,
            double seconds,
            String failure) {

        /** The last epoch's accuracy; that of a guess if there was none. */
        double accuracy() {
            return diverged() || epochs.isEmpty() ? 1.0 / classes : last().testAccuracy();
        }

        /** The last epoch, of which there must be one. */
        Epoch last() {
            return epochs.get(epochs.size() - 1);
        }

        /** Training time, of which there must be an epoch. */
        double secondsPerEpoch() {
            return seconds / epochs.size();
        }

        boolean diverged() {
            return failure != null;
        }
    }

    /**
     * What the layers of a network do to differences and gradients, at some test images.
     *
     * @param least the least singular value of the Jacobian of all layers together at the first
     *     image
     * @param largest the largest
     * @param gradients {@code |J^T g| / |g|} from the input of each layer to the last output, the
     *     median over images
     * @param foldRate the share of hyperplanes with a point on the folded side; NaN if not known
     * @param cosine between the Jacobians at an image and beside it, a tenth of its length away,
     *     mean
     * @param distance the ratio of distances between images after and before, mean
     */
    record Measurement(
            double least,
            double largest,
            double[] gradients,
            double foldRate,
            double cosine,
            double distance) {

        /**
         * Measures.
         *
         * @param layers initialised
         * @param states what they get, [N, ..], N the number of images, two or more
         */
        static Measurement of(SequentialBlock layers, NDArray states) {
            IsometryMeasurement found =
                    IsometryProbe.builder().setInputs(states).build().measure(layers);
            List<LayerProfile> profiles = found.layers();
            int parts = profiles.size() / layers.getChildren().size();
            double[] gradients = new double[layers.getChildren().size()];
            for (int i = 0; i < gradients.length; i++) {
                gradients[i] = profiles.get(i * parts).gradientRatio().median();
            }
            return new Measurement(
                    found.smallest(),
                    found.largest(),
                    gradients,
                    found.foldRate(),
                    found.jacobianCosine().mean(),
                    found.distanceRatio().mean());
        }

        /** {@code |J^T g| / |g|} of all layers together. */
        double gradient() {
            return gradients[0];
        }
    }

    /** The network of a run in training. */
    static final class Training implements AutoCloseable {

        private static final int MEASURED_IMAGES = 8;
        private static final int STEPS_BETWEEN_LOOKS = 8;

        private final DeepRun run;
        private final int classes;
        private final ImageSet test;
        private final DeepNetwork network;
        private final ImageTraining training;
        private final int steps;
        private double deviation = Double.NaN;

        /** Creates the network at random. */
        Training(DeepRun run, int classes, ImageSet train, ImageSet test) {
            this.run = run;
            this.classes = classes;
            this.test = test;
            IsometrySettings settings = run.settings();
            ImageSet.Batches batches = new ImageSet.Batches(train, settings.batch(), run.seed());
            steps = batches.perEpoch();
            network = run.network(train.side(), classes);
            training =
                    new ImageTraining(
                            network,
                            train.side(),
                            batches,
                            new ImageOptimizer(
                                            run.rate(),
                                            settings.adamRate(),
                                            0,
                                            settings.epochs() * steps)
                                    .named(
                                            settings.optimizer().toString(),
                                            Optimizer.routing(network)),
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

        /** Trains as long as the run is to be. */
        Outcome run(IsometryExperiment.Progress progress) {
            Measurement before = measure();
            List<Epoch> epochs = new ArrayList<>();
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
            return new Outcome(
                    run,
                    classes,
                    training.size(),
                    epochs,
                    before,
                    failure == null ? measure() : null,
                    deviation,
                    training.seconds(),
                    failure);
        }

        private Epoch epoch(int number, IsometryExperiment.Progress progress) {
            return training.epoch(
                    test,
                    (index, loss) -> {
                        if (index % STEPS_BETWEEN_LOOKS == 0) {
                            look();
                        }
                        progress.step(run, number, index, steps, loss);
                    });
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

    /** How far from orthogonal the weights of a network are. */
    private static final class WeightDeviation {

        private static final int MATRIX = 2;

        /**
         * Returns the largest entry of {@code |W W^T - I|} of the folds and orthogonal linear maps
         * in a block, and of the matrices that kernels of convolutions are made from.
         *
         * @return NaN if there is none
         */
        static double of(Block block, NDManager manager) {
            double largest = Double.NaN;
            try (NDManager scratch = manager.newSubManager()) {
                for (NDArray weight : weights(block, scratch)) {
                    NDArray identity = scratch.eye((int) weight.getShape().get(0));
                    NDArray gram = weight.matMul(weight.transpose());
                    double now = Host.read(gram.sub(identity).abs().max(), NDArray::getFloat);
                    largest = largest >= now ? largest : now;
                }
            }
            return largest;
        }

        private static List<NDArray> weights(Block block, NDManager scratch) {
            if (block instanceof Fold fold) {
                return List.of(fold.effectiveWeight(scratch));
            }
            if (block instanceof OrthogonalLinear linear) {
                return List.of(linear.effectiveWeight(scratch));
            }
            List<NDArray> weights = new ArrayList<>();
            if (block instanceof KernelLayer) {
                for (Parameter parameter : block.getParameters().values()) {
                    boolean weight = parameter.getType() == Parameter.Type.WEIGHT;
                    if (weight && parameter.getShape().dimension() == MATRIX) {
                        NDArray copy = parameter.getArray().duplicate();
                        copy.attach(scratch);
                        weights.add(copy);
                    }
                }
            }
            block.getChildren().values().forEach(child -> weights.addAll(weights(child, scratch)));
            return weights;
        }
    }
}
