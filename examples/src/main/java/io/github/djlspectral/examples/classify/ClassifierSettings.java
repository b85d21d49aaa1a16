package io.github.djlspectral.examples.classify;

import io.github.djlspectral.examples.data.Mnist;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.text.BadInputException;
import java.util.Locale;

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
public record ClassifierSettings(
        int patch,
        int width,
        int depth,
        double stepSize,
        ClassifierOptimizer optimizer,
        double adamwRate,
        int epochs,
        int batch) {

    /**
     * Checks the numbers.
     *
     * @param patch the height and width of a token's patch
     * @param width the length of a token's vector
     * @param depth the steps of the flow, or the layers of attention
     * @param stepSize the flow's time per step
     * @param optimizer what trains the matrices between tokens
     * @param adamwRate the learning rate of all that Muon does not train
     * @param epochs passes over the training images
     * @param batch images per step
     * @throws BadInputException if one is out of its range
     */
    public ClassifierSettings {
        if (patch < 1 || Mnist.SIDE % patch != 0) {
            throw new BadInputException(
                    "--patch is " + patch + ", but must divide " + Mnist.SIDE + ": 4, 7 or 14");
        }
        if (width < Mixer.HEADS || width % Mixer.HEADS != 0) {
            throw new BadInputException(
                    "--width is " + width + ", but must be a positive multiple of " + Mixer.HEADS);
        }
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
        return String.format(
                Locale.ROOT,
                "--patch %d --width %d --depth %d --step-size %s --optimizer %s --adamw-lr %s"
                        + " --epochs %d --batch %d",
                patch,
                width,
                depth,
                stepSize,
                optimizer,
                adamwRate,
                epochs,
                batch);
    }
}
