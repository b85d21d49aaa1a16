package io.github.djlspectral.examples.data;

import io.github.djlspectral.text.BadInputException;

/** Checks values of options. */
public final class OptionCheck {

    private static final int MOST = 100_000;

    private OptionCheck() {}

    /**
     * Requires a number above 0.
     *
     * @param option its name
     * @param value what it was set to
     * @throws BadInputException if it is 0, negative, infinite or NaN, as a float too
     */
    public static void requirePositive(String option, double value) {
        boolean legal = (float) value > 0 && (float) value < Float.POSITIVE_INFINITY;
        BadInputException.unless(legal, "%s is %s, but must be positive", option, value);
    }

    /**
     * Requires a number of things, such as seeds, epochs, or images in a batch.
     *
     * @param option its name
     * @param value what it was set to
     * @throws BadInputException if it is less than 1, or more than can be counted or held
     */
    public static void requirePositive(String option, int value) {
        String range = "%s is %s, but must be at least 1, at most %s";
        BadInputException.unless(value >= 1 && value <= MOST, range, option, value, MOST);
    }
}
