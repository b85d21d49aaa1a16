package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.text.BadInputException;
import java.util.Locale;

/**
 * What all runs of an experiment have in common.
 *
 * @param width n, the length of a vector, an even number from 8 on
 * @param channels of an image, an even number from 16 on
 * @param parametrization how orthogonal weights are kept so
 * @param regularizer what is added to the loss
 * @param strength its factor, positive; 0 if there is none
 * @param optimizer what trains
 * @param adamRate the learning rate of what Muon and Freon do not train, positive
 * @param epochs passes over the training images, from 1 on
 * @param batch images per step, from 1 on
 */
record IsometrySettings(
        int width,
        int channels,
        Parametrization parametrization,
        Regularizer regularizer,
        double strength,
        DeepOptimizer optimizer,
        double adamRate,
        int epochs,
        int batch) {

    private static final int LEAST_WIDTH = 8;

    /** Checks the numbers. */
    IsometrySettings {
        requireEven("--width", width, LEAST_WIDTH);
        requireEven("--channels", channels, ImageLayers.LEAST_CHANNELS);
        if (regularizer != Regularizer.NONE) {
            OptionCheck.requirePositive("--strength", strength);
        } else {
            String alone = "--strength is %s, but there is no --regularizer";
            BadInputException.unless(strength == 0, alone, strength);
        }
        BadInputException.unless(
                regularizer != Regularizer.WEIGHT || parametrization == Parametrization.INITIAL,
                "--regularizer is weight, but must be with --parametrization initial: any other"
                        + " keeps weights orthogonal by itself");
        OptionCheck.requirePositive("--adam-lr", adamRate);
        OptionCheck.requirePositive("--epochs", epochs);
        OptionCheck.requirePositive("--batch", batch);
    }

    private static void requireEven(String option, int value, int least) {
        String even = "%s is %s, but must be even and at least %s";
        BadInputException.unless(value >= least && value % 2 == 0, even, option, value, least);
    }

    /** Whether the two differ in nothing but what a table has columns for. */
    boolean isComparable(IsometrySettings other) {
        return width == other.width
                && channels == other.channels
                && adamRate == other.adamRate
                && epochs == other.epochs
                && batch == other.batch;
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

    /** Describes the settings in one line, as options. */
    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "--width %d --channels %d --parametrization %s --regularizer %s --strength %s"
                        + " --optimizer %s --adam-lr %s --epochs %d --batch %d",
                width,
                channels,
                parametrization.name().toLowerCase(Locale.ROOT),
                regularizer,
                strength,
                optimizer,
                adamRate,
                epochs,
                batch);
    }
}
