package io.github.djlspectral.text;

import java.util.Locale;

/** Data, an option or a run that cannot be used; the message says what is wrong and what to do. */
public final class BadInputException extends IllegalArgumentException {

    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message one line: what is wrong, where, what to do
     */
    public BadInputException(String message) {
        super(message);
    }

    /**
     * Creates the exception.
     *
     * @param message one line: what is wrong, where, what to do
     * @param cause what was thrown below
     */
    public BadInputException(String message, Throwable cause) {
        super(message, cause);
    }

    /**
     * Refuses what does not meet a condition.
     *
     * @param condition what must hold
     * @param format one line as {@link String#format} has it: what is wrong, where, what to do
     * @param arguments the values in it; digits are Latin, whatever the locale
     * @throws BadInputException if the condition does not hold
     */
    public static void unless(boolean condition, String format, Object... arguments) {
        if (!condition) {
            throw new BadInputException(String.format(Locale.ROOT, format, arguments));
        }
    }
}
