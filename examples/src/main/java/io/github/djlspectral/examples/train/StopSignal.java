package io.github.djlspectral.examples.train;

import java.util.concurrent.CountDownLatch;

/**
 * Turns Ctrl-C and termination into a request to stop: the process ends only after {@link #close},
 * so that a checkpoint can be written first.
 */
public final class StopSignal implements AutoCloseable {

    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread hook = new Thread(this::requestAndWait, "stop signal");
    private final Runnable onRequest;
    private volatile boolean requested;

    /** Begins to listen. */
    StopSignal() {
        this(() -> {});
    }

    /**
     * Begins to listen.
     *
     * @param onRequest is run in a thread of its own when the process is asked to end
     */
    public StopSignal(Runnable onRequest) {
        this.onRequest = onRequest;
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /**
     * Tells whether the process was asked to end.
     *
     * @return true from then on
     */
    public boolean requested() {
        return requested;
    }

    private void requestAndWait() {
        requested = true;
        onRequest.run();
        try {
            closed.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Lets the process end, if it was asked to. */
    @Override
    public void close() {
        closed.countDown();
        if (!requested) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException e) {
                requested = true; // the process began to end just now; the hook will not wait
            }
        }
    }
}
