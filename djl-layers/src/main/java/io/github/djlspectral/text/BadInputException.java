package io.github.djlspectral.text;

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
}
