package io.github.djlspectral.examples.sweep;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Processes that end with this one: when it is asked to, by Ctrl-C or a signal, it asks them to and
 * waits until they have saved their work. On Windows, which has no such signal, they are ended at
 * once and continue from their last checkpoint.
 */
final class ChildProcesses implements AutoCloseable {

    private final PrintStream messages;
    private final List<Process> running = new ArrayList<>();
    private final Thread hook = new Thread(this::interrupted, "stop child processes");
    private boolean stopping;

    /**
     * Begins to listen.
     *
     * @param messages hears about an interruption
     */
    ChildProcesses(PrintStream messages) {
        this.messages = messages;
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /**
     * Starts a process.
     *
     * @return the process; empty if the end of all was asked for
     * @throws UncheckedIOException if it cannot be started
     */
    synchronized Optional<Process> start(ProcessBuilder builder) {
        if (stopping) {
            return Optional.empty();
        }
        try {
            Process process = builder.start();
            running.removeIf(other -> !other.isAlive());
            running.add(process);
            return Optional.of(process);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "Cannot start " + builder.command().get(0) + " (" + e + ")", e);
        }
    }

    /** Whether the end of all was asked for. */
    synchronized boolean stopping() {
        return stopping;
    }

    private void interrupted() {
        messages.println("Stopping; the same command goes on from here");
        stop();
    }

    private void stop() {
        List<Process> processes;
        synchronized (this) {
            stopping = true;
            processes = List.copyOf(running);
        }
        processes.forEach(Process::destroy);
        processes.forEach(process -> process.onExit().join());
    }

    /** Stops what still runs. */
    @Override
    public void close() {
        stop();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            messages.flush(); // this process is ending; the hook has nothing left to stop
        }
    }
}
