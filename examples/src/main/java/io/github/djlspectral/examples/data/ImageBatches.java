package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Mini-batches of images in random order, every image once per epoch. The order is a pure function
 * of the seed and the epoch.
 */
public final class ImageBatches {

    private final ImageSet images;
    private final int batchSize;
    private final long seed;
    private int orderedEpoch = -1;
    private int[] order;

    /**
     * Creates the batches.
     *
     * @param images the images
     * @param batchSize images per batch, from 1 to all; an epoch's last batch may be smaller
     * @param seed selects the orders
     * @throws BadInputException if the batch size is out of range
     */
    public ImageBatches(ImageSet images, int batchSize, long seed) {
        if (batchSize < 1 || batchSize > images.size()) {
            throw new BadInputException(
                    "The batch size is "
                            + batchSize
                            + ", but must be in [1, "
                            + images.size()
                            + "], the number of training images");
        }
        this.images = images;
        this.batchSize = batchSize;
        this.seed = seed;
    }

    /**
     * Returns the number of batches in an epoch.
     *
     * @return at least 1
     */
    public int perEpoch() {
        return (images.size() + batchSize - 1) / batchSize;
    }

    /**
     * Returns a batch.
     *
     * @param epoch the number of the epoch, at least 0
     * @param index the number of the batch in its epoch, in [0, perEpoch())
     * @return the same batch for the same seed and numbers, in every process
     * @throws IllegalArgumentException if a number is out of range
     */
    public ImageBatch batch(int epoch, int index) {
        if (epoch < 0 || index < 0 || index >= perEpoch()) {
            throw new IllegalArgumentException(
                    "There is no batch "
                            + index
                            + " of epoch "
                            + epoch
                            + ": epochs begin at 0 and have batches 0 to "
                            + (perEpoch() - 1));
        }
        if (epoch != orderedEpoch) {
            order = shuffled(epoch);
            orderedEpoch = epoch;
        }
        int from = index * batchSize;
        return images.batch(order, from, Math.min(from + batchSize, images.size()));
    }

    /** Fisher and Yates. */
    private int[] shuffled(int epoch) {
        SplittableRandom random =
                new SplittableRandom(new SplittableRandom(seed).nextLong() + epoch);
        int[] numbers = new int[images.size()];
        Arrays.setAll(numbers, i -> i);
        for (int i = numbers.length - 1; i > 0; i--) {
            int j = random.nextInt(i + 1);
            int swapped = numbers[i];
            numbers[i] = numbers[j];
            numbers[j] = swapped;
        }
        return numbers;
    }
}
