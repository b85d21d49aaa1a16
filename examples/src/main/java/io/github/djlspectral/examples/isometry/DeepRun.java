package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.text.BadInputException;

/**
 * One training run, before it is done.
 *
 * @param family what the layers are
 * @param depth L, how many there are
 * @param settings the rest
 * @param rate the learning rate
 * @param seed of initial weights and the order of images; {@link #TUNING_SEED} for trials of
 *     learning rates on training images alone
 */
record DeepRun(Family family, int depth, IsometrySettings settings, double rate, int seed) {

    static final int TUNING_SEED = 0;

    private static final int MAX_DEPTH = 1000;

    /** Checks the depth. */
    DeepRun {
        if (depth < 1 || depth > MAX_DEPTH) {
            throw new BadInputException(
                    "--depth is " + depth + ", but must be in [1, " + MAX_DEPTH + "]");
        }
        OptionCheck.requirePositive("--lr", rate);
    }

    DeepRun withSeed(int other) {
        return new DeepRun(family, depth, settings, rate, other);
    }

    DeepRun withRate(double other) {
        return new DeepRun(family, depth, settings, other, seed);
    }

    boolean isTuning() {
        return seed == TUNING_SEED;
    }

    /**
     * Makes the network, not yet initialised.
     *
     * @param side the height and width of an image
     */
    DeepNetwork network(int side, int classes) {
        if (family.isConvolutional() && side % ImageLayers.PATCH != 0) {
            throw new BadInputException(
                    "Images are "
                            + side
                            + " pixels high, but must have a multiple of "
                            + ImageLayers.PATCH
                            + " for --family "
                            + family
                            + ": choose another --side");
        }
        LayerPlan plan =
                new LayerPlan(
                        settings.width(), settings.channels(), depth, settings.parametrization());
        return family.network(plan, classes);
    }

    /** Returns the run's file, different for all that an experiment may vary. */
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
                seed + ".json");
    }

    /** Names it in progress. */
    @Override
    public String toString() {
        return family + ", depth " + depth + ", rate " + rate + ", seed " + seed;
    }
}
