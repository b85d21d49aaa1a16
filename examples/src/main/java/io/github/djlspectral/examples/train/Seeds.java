package io.github.djlspectral.examples.train;

import java.util.SplittableRandom;

/** Derives seeds from seeds. */
final class Seeds {

    private Seeds() {}

    /** Returns a number that looks random, the same for the same seed and index. */
    static long mix(long seed, long index) {
        return new SplittableRandom(new SplittableRandom(seed).nextLong() + index).nextLong();
    }
}
