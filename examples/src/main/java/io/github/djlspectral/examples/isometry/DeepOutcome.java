package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.data.ImageData;
import io.github.djlspectral.examples.data.ImageSet;
import java.util.List;

/**
 * What a run found; what its file holds.
 *
 * @param run what was run
 * @param images what it was run on
 * @param parameters how many there are
 * @param epochs one entry for each that was finished
 * @param before the network before training
 * @param after the network after training; null if it diverged
 * @param deviation the largest entry of |W W^T - I| of any orthogonal weight at any look in
 *     training, as used in a forward pass; NaN if there is no such weight
 * @param seconds of training, without tests
 * @param failure why it ended early; null if it did not
 */
record DeepOutcome(
        DeepRun run,
        Images images,
        long parameters,
        List<Epoch> epochs,
        Measurement before,
        Measurement after,
        double deviation,
        double seconds,
        String failure) {

    /**
     * What tells sets of images apart.
     *
     * @param side their height and width
     * @param classes of them
     * @param train to train on
     * @param test to test with
     * @param checksum of both
     */
    record Images(int side, int classes, int train, int test, long checksum) {

        static Images of(ImageData data, ImageSet train, ImageSet test) {
            return new Images(
                    data.side(),
                    data.classes(),
                    train.size(),
                    test.size(),
                    train.checksum() << Integer.SIZE | test.checksum());
        }
    }

    /**
     * What is known after an epoch.
     *
     * @param number from 1 on
     * @param trainLoss mean over the epoch, before each update, in nats
     * @param testLoss in nats
     * @param testAccuracy the share of right answers
     */
    record Epoch(int number, double trainLoss, double testLoss, double testAccuracy) {}

    /** The last epoch's accuracy; that of a guess if there was none. */
    double accuracy() {
        return failure != null || epochs.isEmpty() ? 1.0 / images.classes() : last().testAccuracy();
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
