package io.github.djlspectral.optim;

import java.util.SplittableRandom;

/** The computation of {@link SpectralMap#randomSpectrum}. */
final class RandomSpectrum extends SpectralMap {

    private final double low;
    private final double high;
    private final long seed;

    RandomSpectrum(double low, double high, long seed) {
        super("randomSpectrum(" + low + ", " + high + ", " + seed + ")");
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
    protected Kernel kernel(Matrix matrix, long draw) {
        // The seed is mixed before the draw comes in: seed 1 at step 2 is not seed 2 at step 1.
        SplittableRandom random = new SplittableRandom(mixed(mixed(seed) ^ draw));
        double[] values = random.doubles(matrix.rank()).map(u -> low + (high - low) * u).toArray();
        return Kernel.named("replaced_spectrum", values);
    }

    /** Returns a number that looks random and belongs to this one alone. */
    static long mixed(long number) {
        return new SplittableRandom(number).nextLong();
    }

    /** The same in every process: ids are not, so parameters without a name share their draws. */
    static long draw(String name, int step) {
        long draw = step;
        for (char c : name.toCharArray()) {
            draw = mixed(draw ^ c);
        }
        return draw;
    }
}
