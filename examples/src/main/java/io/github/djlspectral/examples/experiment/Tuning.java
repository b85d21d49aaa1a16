package io.github.djlspectral.examples.experiment;

import io.github.djlspectral.examples.data.ImageSet;
import io.github.djlspectral.text.BadInputException;
import java.io.PrintStream;
import java.util.List;
import java.util.function.DoubleFunction;

/** Chooses a learning rate on the training images alone, holding out the last tenth of them. */
public final class Tuning {

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
                "There are only %s training images, too few to choose a learning rate: give one with"
                        + " --lr";
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
