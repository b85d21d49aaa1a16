package io.github.djlspectral.examples.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;

/**
 * Images with their classes; do not change the arrays.
 *
 * @param size the number of images, N
 * @param side their height and width in pixels
 * @param pixels in [0, 1], row-major, [N * side * side]
 * @param labels the class of each, [N]
 */
public record ImageBatch(int size, int side, float[] pixels, int[] labels) {

    /**
     * Returns the images as a convolution takes them.
     *
     * @param manager the manager of the array
     * @return float32 [N, 1, side, side]
     */
    public NDArray images(NDManager manager) {
        return manager.create(pixels, new Shape(size, 1, side, side));
    }

    /**
     * Returns the images as a linear layer takes them.
     *
     * @param manager the manager of the array
     * @return float32 [N, side * side]
     */
    public NDArray vectors(NDManager manager) {
        return manager.create(pixels, new Shape(size, (long) side * side));
    }

    /**
     * Returns the classes.
     *
     * @param manager the manager of the array
     * @return int32 [N]
     */
    public NDArray classes(NDManager manager) {
        return manager.create(labels, new Shape(size));
    }
}
