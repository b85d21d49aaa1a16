package io.github.djlspectral.examples.sweep;

import java.util.List;
import java.util.stream.IntStream;

/**
 * The steps that a landscape tries from the same weights, every exponent at every learning rate.
 *
 * @param exponents c in {@code (M M^T)^(-c) M}, increasing
 * @param rates the learning rates, increasing
 */
record LandscapeGrid(List<Double> exponents, List<Double> rates) {

    /** Freon's default above c = 1/2, where tiny singular values would dominate. */
    private static final double FLOOR = 0.01;

    private static final int TWELFTHS = 12;
    private static final int RATES_PER_DECADE = 4;
    private static final int LEAST = -12;
    private static final int LARGEST = 2;

    /** Returns c = 0, 1/12, .. 1 and four learning rates per decade from 0.001 to 3. */
    static LandscapeGrid standard() {
        return new LandscapeGrid(
                IntStream.rangeClosed(0, TWELFTHS).mapToObj(i -> (double) i / TWELFTHS).toList(),
                IntStream.rangeClosed(LEAST, LARGEST)
                        .mapToObj(i -> Math.pow(10, (double) i / RATES_PER_DECADE))
                        .toList());
    }

    /** Returns the floor of singular values for an exponent, relative to their mean square. */
    static double floor(double exponent) {
        return exponent > 0.5 ? FLOOR : 0;
    }

    int size() {
        return exponents.size() * rates.size();
    }
}
