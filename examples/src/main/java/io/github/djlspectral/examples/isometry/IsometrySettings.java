package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.data.BadInputException;
import io.github.djlspectral.layers.isometry.Parametrization;
import java.util.Locale;

/**
 * What all runs of an experiment have in common.
 *
 * @param width n, the length of the state, an even number from 8 on
 * @param parametrization how orthogonal weights are kept so
 * @param optimizer what trains
 * @param adamRate the learning rate of what Muon and Freon do not train, positive
 * @param epochs passes over the training images, from 1 on
 * @param batch images per step, from 1 on
 */
record IsometrySettings(
        int width,
        Parametrization parametrization,
        DeepOptimizer optimizer,
        double adamRate,
        int epochs,
        int batch) {

    private static final int LEAST_WIDTH = 8;

    /** Checks the numbers. */
    IsometrySettings {
        if (width < LEAST_WIDTH || width % 2 != 0) {
            throw new BadInputException(
                    "--width is " + width + ", but must be even and at least " + LEAST_WIDTH);
        }
        requirePositive("--adam-lr", adamRate);
        requirePositive("--epochs", epochs);
        requirePositive("--batch", batch);
    }

    static void requirePositive(String option, double value) {
        if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
            throw new BadInputException(option + " is " + value + ", but must be positive");
        }
    }

    static void requirePositive(String option, int value) {
        if (value < 1) {
            throw new BadInputException(option + " is " + value + ", but must be at least 1");
        }
    }

    /** Names what a comparison may vary, in a file's name. */
    String variant() {
        return optimizer + "-" + parametrization.name().toLowerCase(Locale.ROOT);
    }

    /** Describes the settings in one line, as options. */
    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "--width %d --parametrization %s --optimizer %s --adam-lr %s --epochs %d"
                        + " --batch %d",
                width,
                parametrization.name().toLowerCase(Locale.ROOT),
                optimizer,
                adamRate,
                epochs,
                batch);
    }
}
