package io.github.djlspectral.examples.classify;

import ai.djl.ndarray.NDArray;

/** Operations on tokens, [B, n, d]. */
final class Tokens {

    private Tokens() {}

    /** Divides each token by its length. */
    static NDArray unit(NDArray x) {
        return x.div(x.square().sum(new int[] {-1}, true).sqrt());
    }

    /**
     * Cuts images into square patches.
     *
     * @param images [B, 1, side, side]
     * @param patch the height and width of a patch, a divisor of the side
     * @return [B, (side / patch)^2, patch^2]
     */
    static NDArray patches(NDArray images, int patch) {
        long batch = images.getShape().get(0);
        long across = images.getShape().get(2) / patch;
        return images.reshape(batch, across, patch, across, patch)
                .transpose(0, 1, 3, 2, 4)
                .reshape(batch, across * across, (long) patch * patch);
    }
}
