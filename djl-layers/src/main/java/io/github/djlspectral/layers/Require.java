package io.github.djlspectral.layers;

/** Refuses what a caller must not give, by name and before anything changes. */
public final class Require {

    private Require() {}

    /**
     * Requires what must hold.
     *
     * @param legal whether it does
     * @param message what must hold and what was given, a {@code %s} for each value
     * @param values the values
     * @throws IllegalArgumentException if it does not
     */
    public static void require(boolean legal, String message, Object... values) {
        if (!legal) {
            throw new IllegalArgumentException(message.formatted(values));
        }
    }

    /**
     * Requires a whole number of a least size.
     *
     * @param least the least legal value
     * @param what its name
     * @param value what was given
     * @throws IllegalArgumentException if it is less
     */
    public static void requireAtLeast(int least, String what, int value) {
        require(value >= least, "%s must be at least %s, was %s", what, least, value);
    }

    /**
     * Requires a positive number.
     *
     * @param what its name
     * @param value what was given
     * @throws IllegalArgumentException if it is not positive, infinite or NaN
     */
    public static void requirePositive(String what, double value) {
        boolean legal = value > 0 && value < Double.POSITIVE_INFINITY;
        require(legal, "%s must be positive and finite, was %s", what, value);
    }
}
