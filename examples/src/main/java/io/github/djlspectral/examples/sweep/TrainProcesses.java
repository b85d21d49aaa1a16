package io.github.djlspectral.examples.sweep;

import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The command {@code train} in processes of their own, each with one thread for PyTorch, so that as
 * many runs as there are cores do not get in each other's way and results do not depend on their
 * number. They end with this one: when it is asked to, by Ctrl-C or a signal, it asks them to and
 * waits until they have saved their work. On Windows, which has no such signal, they are ended at
 * once and continue from their last checkpoint.
 */
final class TrainProcesses implements AutoCloseable {

    private final String mainClass;
    private final PrintStream messages;
    private final List<Process> running = new ArrayList<>();
    private final Thread hook = new Thread(this::interrupted, "stop child processes");
    private boolean stopping;

    /** Begins to listen; the messages hear about an interruption. */
    TrainProcesses(String mainClass, PrintStream messages) {
        this.mainClass = mainClass;
        this.messages = messages;
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /**
     * Starts a run, or continues it.
     *
     * @return the process; empty if the end of all was asked for
     * @throws UncheckedIOException if it cannot be started or its directory not be created
     */
    synchronized Optional<Process> start(Cell cell, boolean resume) {
        if (stopping) {
            return Optional.empty();
        }
        ProcessBuilder builder = prepare(mainClass, cell, resume);
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

    /** Prepares a run with the Java, the class path and the system properties of this process. */
    static ProcessBuilder prepare(String mainClass, Cell cell, boolean resume) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // Others, such as a debugger's port, can be this process's own only.
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(flag -> flag.matches("(?s)(-D(?!com\\.sun\\.management)|-Xmx|--).*"))
                .forEach(command::add);
        command.add("-Dai.djl.pytorch.num_threads=1"); // the last one counts
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), mainClass, "train"));
        command.addAll(cell.arguments());
        if (resume) {
            command.add("--resume");
        }
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("OMP_WAIT_POLICY", "PASSIVE");
        try {
            Files.createDirectories(cell.directory());
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "Cannot create " + cell.directory() + " (" + e + "); choose another --out", e);
        }
        return builder.redirectErrorStream(true)
                .redirectOutput(Redirect.appendTo(cell.log().toFile()));
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
