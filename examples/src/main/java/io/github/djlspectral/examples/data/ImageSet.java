package io.github.djlspectral.examples.data;

import java.util.Arrays;
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

    /**
     * Returns the number of images.
     *
     * @return N, at least 1
     */
    public int size() {
        return size;
    }

    /**
     * Returns the height and width of an image.
     *
     * @return in pixels
     */
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

    /**
     * Returns a checksum of pixels and labels, to tell sets apart.
     *
     * @return a CRC-32, in [0, 2^32)
     */
    public long checksum() {
        CRC32 checksum = new CRC32();
        int length = side * side;
        checksum.update(pixels, first * length, size * length);
        checksum.update(labels, first, size);
        return checksum.getValue();
    }

    /**
     * Returns all images as one batch.
     *
     * @return a copy
     */
    public ImageBatch batch() {
        int[] indices = new int[size];
        Arrays.setAll(indices, i -> i);
        return batch(indices, 0, size);
    }

    /** Returns a copy of the images whose numbers stand at from, .. to - 1 in an array. */
    ImageBatch batch(int[] indices, int from, int to) {
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
        return new ImageBatch(to - from, side, values, classes);
    }
}
