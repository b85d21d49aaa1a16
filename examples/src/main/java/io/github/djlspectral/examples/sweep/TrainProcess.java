package io.github.djlspectral.examples.sweep;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The command {@code train} in a process of its own, with one thread for PyTorch, so that as many
 * runs as there are cores do not get in each other's way and results do not depend on their number.
 *
 * @param mainClass the name of this program's main class
 */
record TrainProcess(String mainClass) {

    /**
     * Prepares a run with the Java, the class path and the system properties of this process.
     *
     * @param resume whether to continue it
     * @throws UncheckedIOException if its directory cannot be created
     */
    ProcessBuilder prepare(Cell cell, boolean resume) {
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

    /** Returns the last line that a run has printed, which says why it failed. */
    static String lastWords(Cell cell) {
        try {
            List<String> lines = Files.readAllLines(cell.log());
            return lines.isEmpty() ? "it said nothing" : lines.get(lines.size() - 1);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + cell.log() + " (" + e + ")", e);
        }
    }
}
