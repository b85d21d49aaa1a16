package io.github.djlspectral.examples.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.text.BadInputException;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.zip.CRC32;

/** Square grey images with labels, one byte per pixel in memory. Immutable. */
public final class ImageSet {

    private static final float WHITE = 255;
    private static final int BYTE_MASK = 0xFF;

    private final int side;
    private final byte[] pixels;
    private final byte[] labels;
    private final int first;
    private final int size;

    private ImageSet(int side, byte[] pixels, byte[] labels, int first, int size) {
        this.side = side;
        this.pixels = pixels;
        this.labels = labels;
        this.first = first;
        this.size = size;
    }

    /** Holds arrays [N * side * side] and [N], which nobody changes from now on. */
    ImageSet(int side, byte[] pixels, byte[] labels) {
        this(side, pixels, labels, 0, labels.length);
    }

    /** Returns the number of images, N, at least 1. */
    public int size() {
        return size;
    }

    /** Returns the height and width of an image in pixels. */
    public int side() {
        return side;
    }

    /**
     * Returns some of the images in their order, without a copy.
     *
     * @param from the first
     * @param to the one after the last
     * @return at least one image
     * @throws IllegalArgumentException unless {@code 0 <= from < to <= size()}
     */
    public ImageSet part(int from, int to) {
        if (from < 0 || from >= to || to > size) {
            throw new IllegalArgumentException(
                    "A part must be in [0, " + size + "] and not empty, was " + from + " to " + to);
        }
        return new ImageSet(side, pixels, labels, first + from, to - from);
    }

    /** Returns a CRC-32 of pixels and labels, to tell sets apart. */
    public long checksum() {
        CRC32 checksum = new CRC32();
        int length = side * side;
        checksum.update(pixels, first * length, size * length);
        checksum.update(labels, first, size);
        return checksum.getValue();
    }

    /** Returns a copy of all images as one batch. */
    public Batch batch() {
        int[] indices = new int[size];
        Arrays.setAll(indices, i -> i);
        return batch(indices, 0, size);
    }

    /** Returns a copy of the images whose numbers stand at from, .. to - 1 in an array. */
    Batch batch(int[] indices, int from, int to) {
        int length = side * side;
        float[] values = new float[Math.multiplyExact(to - from, length)];
        int[] classes = new int[to - from];
        for (int row = 0; row < to - from; row++) {
            int image = first + indices[from + row];
            classes[row] = labels[image];
            for (int p = 0; p < length; p++) {
                int grey = pixels[image * length + p] & BYTE_MASK;
                values[row * length + p] = grey / WHITE;
            }
        }
        return new Batch(to - from, side, values, classes);
    }

    /**
     * Images with their classes; do not change the arrays.
     *
     * @param size the number of images, N
     * @param side their height and width in pixels
     * @param pixels in [0, 1], row-major, [N * side * side]
     * @param labels the class of each, [N]
     */
    public record Batch(int size, int side, float[] pixels, int[] labels) {

        /** Returns the images as a convolution takes them: float32 [N, 1, side, side]. */
        public NDArray images(NDManager manager) {
            return manager.create(pixels, new Shape(size, 1, side, side));
        }

        /** Returns the images as a linear layer takes them: float32 [N, side * side]. */
        public NDArray vectors(NDManager manager) {
            return manager.create(pixels, new Shape(size, (long) side * side));
        }

        /** Returns the classes: int32 [N]. */
        public NDArray classes(NDManager manager) {
            return manager.create(labels, new Shape(size));
        }
    }

    /**
     * Mini-batches of images in random order, every image once per epoch. The order is a pure
     * function of the seed and the epoch.
     */
    public static final class Batches {

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
        public Batches(ImageSet images, int batchSize, long seed) {
            BadInputException.unless(
                    batchSize >= 1 && batchSize <= images.size(),
                    "The batch size is %s, but must be in [1, %s], the number of training images",
                    batchSize,
                    images.size());
            this.images = images;
            this.batchSize = batchSize;
            this.seed = seed;
        }

        /** Returns the number of batches in an epoch, at least 1. */
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
        public Batch batch(int epoch, int index) {
            if (epoch < 0 || index < 0 || index >= perEpoch()) {
                String message =
                        "There is no batch %s of epoch %s: epochs begin at 0, batches end at %s";
                throw new IllegalArgumentException(message.formatted(index, epoch, perEpoch() - 1));
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
}
