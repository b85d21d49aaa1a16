package io.github.djlspectral.examples.data;

import static io.github.djlspectral.text.BadInputException.unless;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.zip.CRC32;

/**
 * Square grey images with labels, one byte per pixel in memory. Nobody changes the arrays.
 *
 * @param side the height and width of an image in pixels
 * @param pixels of all images, row-major
 * @param first where this set begins in the arrays, counted in images
 * @param size the number of images in this set, at least 1
 */
public record ImageSet(int side, byte[] pixels, byte[] labels, int first, int size) {

    ImageSet(int side, byte[] pixels, byte[] labels) {
        this(side, pixels, labels, 0, labels.length);
    }

    /** Returns the images from one to another, the latter not included, without a copy. */
    public ImageSet part(int from, int to) {
        Objects.checkFromToIndex(from, to, size);
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
        return batch(IntStream.range(0, size).toArray(), 0, size);
    }

    /** Returns a copy of the images whose numbers stand at from, .. to - 1 in an array. */
    private Batch batch(int[] indices, int from, int to) {
        int length = side * side;
        float[] values = new float[Math.multiplyExact(to - from, length)];
        int[] classes = new int[to - from];
        for (int row = 0; row < to - from; row++) {
            int image = first + indices[from + row];
            classes[row] = labels[image];
            for (int p = 0; p < length; p++) {
                int grey = Byte.toUnsignedInt(pixels[image * length + p]);
                values[row * length + p] = grey / 255f;
            }
        }
        return new Batch(to - from, side, values, classes);
    }

    /** Images with their classes: N pictures of grey values in [0, 1], row-major, and N labels. */
    public record Batch(int size, int side, float[] pixels, int[] labels) {

        /** Returns the images as a convolution takes them: float32 [N, 1, side, side]. */
        public NDArray images(NDManager manager) {
            return manager.create(pixels, new Shape(size, 1, side, side));
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

        /** Takes so many images per batch; an epoch's last may be smaller. */
        public Batches(ImageSet images, int batchSize, long seed) {
            boolean legal = batchSize >= 1 && batchSize <= images.size();
            String rule =
                    "The batch size is %s, but must be in [1, %s], the number of training images";
            unless(legal, rule, batchSize, images.size());
            this.images = images;
            this.batchSize = batchSize;
            this.seed = seed;
        }

        /** Returns the number of batches in an epoch, at least 1. */
        public int perEpoch() {
            return (images.size() + batchSize - 1) / batchSize;
        }

        /** Returns a batch of an epoch, both counted from 0: the same in every process. */
        public Batch batch(int epoch, int index) {
            if (epoch != orderedEpoch) {
                order = shuffled(epoch);
                orderedEpoch = epoch;
            }
            int from = Objects.checkIndex(index, perEpoch()) * batchSize;
            return images.batch(order, from, Math.min(from + batchSize, images.size()));
        }

        /** Fisher and Yates. */
        private int[] shuffled(int epoch) {
            long start = new SplittableRandom(seed).nextLong() + epoch;
            SplittableRandom random = new SplittableRandom(start);
            int[] numbers = IntStream.range(0, images.size()).toArray();
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
