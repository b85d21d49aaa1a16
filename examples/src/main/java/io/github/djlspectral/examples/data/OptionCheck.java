package io.github.djlspectral.examples.data;

import static io.github.djlspectral.text.BadInputException.unless;

/** Checks values of options; what is wrong is a {@code BadInputException}. */
public final class OptionCheck {

    private static final int MOST = 100_000;

    private OptionCheck() {}

    /** Requires a number above 0, neither infinite nor NaN, as a float too. */
    public static void requirePositive(String option, double value) {
        boolean legal = (float) value > 0 && (float) value < Float.POSITIVE_INFINITY;
        unless(legal, "%s is %s, but must be positive", option, value);
    }

    /** Requires a number of things, such as seeds, that can be counted and held. */
    public static void requirePositive(String option, int value) {
        String range = "%s is %s, but must be at least 1, at most %s";
        unless(value >= 1 && value <= MOST, range, option, value, MOST);
    }
}
