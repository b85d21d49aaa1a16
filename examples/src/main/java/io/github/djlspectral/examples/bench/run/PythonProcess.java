package io.github.djlspectral.examples.bench.run;

import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs Python scripts, each call a process of its own. */
final class PythonProcess implements AutoCloseable {

    private static final int MINUTES = 10;
    private static final String OUTPUT = "stdout";
    private static final String ERRORS = "stderr";
    private static final String SCRIPT = "peer.py";
    private static final List<String> FILES = List.of(OUTPUT, ERRORS, SCRIPT);

    private final String python;
    private final Path directory;
    private final Path script;

    /**
     * Writes a script to a temporary file.
     *
     * @param python the interpreter, a name on the path or a file
     * @param script where its text is
     * @throws UncheckedIOException if there is no room for it
     */
    PythonProcess(String python, URL script) {
        this.python = python;
        try (InputStream text = script.openStream()) {
            directory = Files.createTempDirectory("djl-spectral-bench");
            this.script = directory.resolve(SCRIPT);
            deleteOnExit();
            Files.copy(text, this.script);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write a temporary file (" + e + ")", e);
        }
    }

    /** A process that is asked to end may not come to {@link #close}. */
    private void deleteOnExit() {
        directory.toFile().deleteOnExit(); // last, as the JVM takes the reverse order
        FILES.forEach(name -> directory.resolve(name).toFile().deleteOnExit());
    }

    /**
     * What a process left.
     *
     * @param lines of standard output, without empty ones
     * @param failure why it failed, in one line; null if it did not
     */
    record Outcome(List<String> lines, String failure) {}

    /** Runs the script to its end, which comes after ten minutes at the latest. */
    Outcome run(List<String> arguments) {
        List<String> command = new ArrayList<>(List.of(python, script.toString()));
        command.addAll(arguments);
        Path output = directory.resolve(OUTPUT);
        Path errors = directory.resolve(ERRORS);
        ProcessBuilder builder =
                new ProcessBuilder(command)
                        .redirectOutput(output.toFile())
                        .redirectError(errors.toFile());
        try {
            Process process = builder.start();
            if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
                process.destroyForcibly();
                return new Outcome(List.of(), "took more than " + MINUTES + " minutes");
            }
            if (process.exitValue() != 0) {
                return new Outcome(List.of(), lastLine(errors, process.exitValue()));
            }
            return new Outcome(lines(output), null);
        } catch (IOException e) {
            return new Outcome(List.of(), "cannot run " + python + " (" + e.getMessage() + ")");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BadInputException("Interrupted while Python ran", e);
        }
    }

    /** Python's tracebacks end in what went wrong. */
    private static String lastLine(Path errors, int code) throws IOException {
        List<String> lines = lines(errors);
        return lines.isEmpty() ? "exit code " + code : lines.get(lines.size() - 1).strip();
    }

    private static List<String> lines(Path path) throws IOException {
        return Files.readAllLines(path).stream().filter(line -> !line.isBlank()).toList();
    }

    /** Deletes the temporary files, once. */
    @Override
    public void close() {
        try {
            for (String name : FILES) {
                Files.deleteIfExists(directory.resolve(name));
            }
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot delete " + directory, e);
        }
    }
}
