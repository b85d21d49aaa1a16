package io.github.djlspectral.optim;

import java.util.SplittableRandom;

/** The computation of {@link SpectralMap#randomSpectrum}. */
final class RandomSpectrum implements Kernel.Choice {

    private final double low;
    private final double high;
    private final long seed;

    RandomSpectrum(double low, double high, long seed) {
        if (!(low > 0 && low <= high && high < Double.POSITIVE_INFINITY)) {
            String rule =
                    "A random spectrum needs 0 < low <= high, both finite, was low = %s, high = %s";
            throw new IllegalArgumentException(rule.formatted(low, high));
        }
        this.low = low;
        this.high = high;
        this.seed = seed;
    }

    @Override
    public Kernel kernel(Kernel.Target matrix, long draw) {
        // The seed is mixed before the draw comes in: seed 1 at step 2 is not seed 2 at step 1.
        SplittableRandom random = new SplittableRandom(mixed(mixed(seed) ^ draw));
        double[] values = random.doubles(matrix.rank()).map(u -> low + (high - low) * u).toArray();
        return new Kernel("replaced_spectrum", values);
    }

    /** Returns a number that looks random and belongs to this one alone. */
    static long mixed(long number) {
        return new SplittableRandom(number).nextLong();
    }
}
