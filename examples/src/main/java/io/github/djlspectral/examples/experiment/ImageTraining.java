package io.github.djlspectral.examples.experiment;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.TrainingDivergedException;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.optim.GradientClipping;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.optim.WarmupCosineTracker;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.torch.Host;
import java.io.PrintStream;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.DoubleFunction;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/**
 * A block from images to logits in training, with an optimizer that it owns. What it becomes is a
 * pure function of the seed and the number of epochs.
 */
public final class ImageTraining implements AutoCloseable {

    private static final String ENGINE = "PyTorch";
    private static final int TEST_BATCH = 500;
    private static final double NANO = 1e-9;

    private final ImageSet.Batches batches;
    private final Block block;
    private final Model model;
    private final StatefulOptimizer optimizer;
    private final float maxNorm;
    private final Loss loss = Loss.softmaxCrossEntropyLoss();
    private final Trainer trainer;
    private UnaryOperator<NDArray> penalty;
    private int epoch;
    private double seconds;

    /**
     * Initialises the block at random, by the seed.
     *
     * @param block images [B, 1, side, side] to logits [B, classes], not yet initialised
     * @param optimizer closed with this, as is the fallback it was given
     * @param maxNorm the gradient is scaled to this norm if it is longer; infinite: never
     */
    public ImageTraining(
            Block block,
            int side,
            ImageSet.Batches batches,
            StatefulOptimizer optimizer,
            float maxNorm,
            int seed) {
        this.block = block;
        this.batches = batches;
        this.optimizer = optimizer;
        this.maxNorm = maxNorm;
        Shape shape = new Shape(1, 1, side, side);
        model = Model.newInstance("classifier", Device.cpu(), ENGINE);
        model.setBlock(block);
        Engine.getEngine(ENGINE).setRandomSeed(seed);
        block.initialize(model.getNDManager(), model.getDataType(), shape);
        DefaultTrainingConfig config = new DefaultTrainingConfig(loss).optOptimizer(optimizer);
        trainer = model.newTrainer(config.optDevices(new Device[] {Device.cpu()}));
        trainer.initialize(shape);
    }

    /**
     * What is known after an epoch, from 1 on: the mean loss over it, before each update; the mean
     * cross-entropy of the test images, both in nats; the share of them that is right.
     */
    public record Epoch(int number, double trainLoss, double testLoss, double testAccuracy) {

        /** Tells people: losses in nats, accuracy in percent. */
        @Override
        public String toString() {
            String form = "train %.4f, test %.4f, %.2f%%";
            return Table.text(form, trainLoss, testLoss, 100 * testAccuracy);
        }
    }

    /** Adds a scalar of a batch's images to the loss that is trained on, not to what is told. */
    public void setPenalty(UnaryOperator<NDArray> penalty) {
        this.penalty = penalty;
    }

    /** Returns the number of parameters. */
    public long size() {
        return block.getParameters().values().stream().mapToLong(p -> p.getShape().size()).sum();
    }

    /** Returns the number of arrays held, which does not grow from epoch to epoch. */
    public int arrays() {
        return model.getNDManager().getManagedArrays().size()
                + trainer.getManager().getManagedArrays().size();
    }

    /** Returns the manager of the arrays. */
    public NDManager manager() {
        return trainer.getManager();
    }

    /** Returns the time spent on training, without tests, in seconds. */
    public double seconds() {
        return seconds;
    }

    /**
     * Trains on every image once, then tests.
     *
     * @param observer sees each step, from 0 on, and the loss of its batch in nats, before weights
     *     change
     * @throws TrainingDivergedException if the loss, a gradient or a weight is not usable any more
     */
    public Epoch epoch(ImageSet test, BiConsumer<Integer, Double> observer) {
        long begin = System.nanoTime();
        double sum = 0;
        for (int i = 0; i < batches.perEpoch(); i++) {
            try {
                double value = backward(batches.batch(epoch, i));
                if (!Double.isFinite(value)) {
                    throw diverged("The loss is " + value, null);
                }
                if (maxNorm < Float.POSITIVE_INFINITY) {
                    GradientClipping.byGlobalNorm(trainer, maxNorm);
                }
                observer.accept(i, value);
                sum += value;
            } catch (IllegalStateException e) { // NaN, infinity, or a weight moved too far
                throw diverged(e.getMessage(), e);
            }
            trainer.step();
        }
        epoch++;
        seconds += (System.nanoTime() - begin) * NANO;
        return tested(sum / batches.perEpoch(), test);
    }

    private double backward(ImageSet.Batch batch) {
        try (NDManager scratch = trainer.getManager().newSubManager();
                GradientCollector collector = trainer.newGradientCollector()) {
            NDArray images = batch.images(scratch);
            NDList logits = trainer.forward(new NDList(images));
            NDArray value = loss.evaluate(new NDList(batch.classes(scratch)), logits);
            collector.backward(penalty == null ? value : value.add(penalty.apply(images)));
            return Host.read(value, NDArray::getFloat);
        }
    }

    private TrainingDivergedException diverged(String what, Exception cause) {
        String message = Table.text("epoch %d: %s; lower --lr", epoch + 1, what);
        return new TrainingDivergedException(message, cause);
    }

    private Epoch tested(double trainLoss, ImageSet images) {
        double sum = 0;
        double right = 0;
        for (int from = 0; from < images.size(); from += TEST_BATCH) {
            int to = Math.min(from + TEST_BATCH, images.size());
            ImageSet.Batch batch = images.part(from, to).batch();
            try (NDManager scratch = trainer.getManager().newSubManager()) {
                ParameterStore store = new ParameterStore(scratch, false);
                NDList logits = block.forward(store, new NDList(batch.images(scratch)), false);
                NDArray value = loss.evaluate(new NDList(batch.classes(scratch)), logits);
                sum += Host.read(value, NDArray::getFloat) * (double) batch.size();
                NDArray largest = logits.singletonOrThrow().argMax(1);
                long[] answers = Host.read(largest, NDArray::toLongArray);
                int[] labels = batch.labels();
                IntStream numbers = IntStream.range(0, labels.length);
                right += numbers.filter(i -> answers[i] == labels[i]).count();
            }
        }
        return new Epoch(epoch, trainLoss, sum / images.size(), right / images.size());
    }

    /** Frees the model and the optimizer's state. */
    @Override
    public void close() {
        trainer.close();
        optimizer.close();
        if (optimizer instanceof SpectralOptimizer spectral
                && spectral.getFallback() instanceof StatefulOptimizer fallback) {
            fallback.close();
        }
        model.close();
    }

    /**
     * Makes the optimizer of a run by its name. Rates go up over the first twentieth of a run, then
     * down along half a cosine.
     *
     * @param rate the learning rate, at its highest
     * @param adamRate that of what Muon and Freon do not train
     * @param decay of the weights
     * @param steps of the run
     */
    public record ImageOptimizer(double rate, double adamRate, float decay, int steps) {

        private static final int WARMUP_SHARE = 20;

        /** Returns the optimizer: muon, freon (c = 2/3), adam or adamw. */
        public StatefulOptimizer named(String name, ParameterRouting routing) {
            return switch (name) {
                case "muon" -> spectral(Muon.builder(), routing).build();
                case "freon" -> spectral(Freon.builder(), routing).build();
                case "adam", "adamw" -> adam(rate);
                default -> throw new IllegalArgumentException("There is no optimizer " + name);
            };
        }

        private <T extends SpectralOptimizer.Builder<T>> T spectral(
                T builder, ParameterRouting way) {
            builder.optLearningRateTracker(schedule(rate)).optWeightDecays(decay);
            return builder.optRouting(way).optFallback(adam(adamRate));
        }

        private DecoupledAdamW adam(double highest) {
            DecoupledAdamW.Builder adam = DecoupledAdamW.builder().optWeightDecays(decay);
            return adam.optLearningRateTracker(schedule(highest)).build();
        }

        private Tracker schedule(double highest) {
            WarmupCosineTracker.Builder rates = WarmupCosineTracker.builder();
            rates.setWarmupSteps(steps / WARMUP_SHARE).setTotalSteps(steps);
            return rates.setBaseValue((float) highest).build();
        }
    }

    /** Chooses a learning rate on the training images alone, holding out the last tenth of them. */
    public static final class Tuning {

        /** The seed of trials; those of results begin at 1. */
        public static final int SEED = 0;

        private Tuning() {}

        /** Trains with a learning rate. */
        @FunctionalInterface
        public interface Trial {

            /** Returns the share of right answers on the images that are held out. */
            double accuracy(double rate, ImageSet train, ImageSet heldOut);
        }

        /**
         * Returns the learning rate with the most right answers; the only one untried.
         *
         * @param leastHeldOut how many images must be held out
         * @param name tells people what is tried
         */
        public static double bestRate(
                List<Double> rates,
                ImageSet images,
                int leastHeldOut,
                Trial trial,
                DoubleFunction<String> name,
                PrintStream out) {
            double best = rates.get(0);
            if (rates.size() == 1) {
                return best;
            }
            int all = images.size();
            String few =
                    "There are only %s training images, too few to choose a learning rate: give"
                            + " one with --lr";
            BadInputException.unless(all >= leastHeldOut * 10, few, all);
            int cut = all - all / 10;
            double most = -1;
            for (double rate : rates) {
                double accuracy = trial.accuracy(rate, images.part(0, cut), images.part(cut, all));
                String line = "%s: %.2f%% of held-out training images";
                out.println(Table.text(line, name.apply(rate), 100 * accuracy));
                if (accuracy > most) {
                    most = accuracy;
                    best = rate;
                }
            }
            return best;
        }
    }
}
