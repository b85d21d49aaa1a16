package io.github.djlspectral.examples.data;

/** Checks values of options. */
public final class OptionCheck {

    private OptionCheck() {}

    /**
     * Requires a number above 0.
     *
     * @param option its name
     * @param value what it was set to
     * @throws BadInputException if it is 0, negative, infinite or NaN
     */
    public static void requirePositive(String option, double value) {
        if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
            throw new BadInputException(option + " is " + value + ", but must be positive");
        }
    }

    /**
     * Requires a number from 1 on.
     *
     * @param option its name
     * @param value what it was set to
     * @throws BadInputException if it is less
     */
    public static void requirePositive(String option, int value) {
        if (value < 1) {
            throw new BadInputException(option + " is " + value + ", but must be at least 1");
        }
    }
}
