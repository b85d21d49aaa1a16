package io.github.djlspectral.examples.data;

/** Data that cannot be used; the message says what is wrong, where, and what to do about it. */
public final class DataException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /**
     * Creates the exception.
     *
     * @param message one line: what is wrong, where, what to do
     */
    public DataException(String message) {
        super(message);
    }

    /**
     * Creates the exception.
     *
     * @param message one line: what is wrong, where, what to do
     * @param cause what was thrown below
     */
    public DataException(String message, Throwable cause) {
        super(message, cause);
    }
}
