package io.github.djlspectral.examples.gpt;

import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/**
 * Turns Ctrl-C and termination into a request to stop: from {@link #hold} on the process ends only
 * after {@link #close}, so that a checkpoint can be written first. A second request ends it at
 * once.
 */
public final class StopSignal implements AutoCloseable {

    /** What shells expect of a process that Ctrl-C has ended. */
    private static final int INTERRUPTED = 130;

    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread hook = new Thread(this::requestAndWait, "stop signal");
    private final Runnable onRequest;
    private volatile boolean requested;
    private volatile boolean held;

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

    /** Lets the process wait from now on: there is something to save. */
    public void hold() {
        held = true;
    }

    private void requestAndWait() {
        requested = true;
        onRequest.run();
        if (!held) {
            System.err.println("Stopped before the first step; nothing was written.");
            return;
        }
        System.err.println("Stopping, to continue later; again to end at once.");
        for (String name : List.of("INT", "TERM")) {
            endAtOnceOn(name);
        }
        try {
            closed.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** The JVM takes no signal while it ends; its class for them is no part of Java's own API. */
    private static void endAtOnceOn(String name) {
        try {
            Class<?> signal = Class.forName("sun.misc.Signal");
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object halt =
                    Proxy.newProxyInstance(
                            handler.getClassLoader(),
                            new Class<?>[] {handler},
                            (proxy, method, arguments) -> {
                                Runtime.getRuntime().halt(INTERRUPTED);
                                return null;
                            });
            signal.getMethod("handle", signal, handler)
                    .invoke(null, signal.getConstructor(String.class).newInstance(name), halt);
        } catch (ReflectiveOperationException e) {
            System.err.println("A second " + name + " will not be noticed: " + e);
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
