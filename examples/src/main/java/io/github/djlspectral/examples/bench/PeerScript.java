package io.github.djlspectral.examples.bench;

import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import io.github.djlspectral.examples.data.BadInputException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;

/**
 * The same work in Python's PyTorch: the script {@code peer.py}, run in a process of its own for
 * each task. Whatever goes wrong, from a missing interpreter to a result that is none, is a {@link
 * BadInputException} of one line.
 *
 * @param python the interpreter: a path, or a name to be found on the path
 * @param threads the threads that PyTorch may use; 0 for its default
 * @param quick whether fewer samples will do
 * @param messages gets what the script says while it runs
 */
record PeerScript(String python, int threads, boolean quick, PrintStream messages) {

    private static final String SCRIPT = "peer.py";
    private static final int NO_TORCH = 3;
    private static final Gson GSON = new Gson();

    /**
     * What can be measured.
     *
     * @param suite the name of a {@link Suite}
     * @param subject what is done
     * @param contender who does it
     */
    record Task(String suite, String subject, String contender) {}

    /**
     * What a Python can measure.
     *
     * @param python its version
     * @param torch PyTorch's version
     * @param tasks in the order of the report
     */
    record Listing(String python, String torch, List<Task> tasks) {}

    /**
     * What was measured.
     *
     * @param seconds per operation, one or more samples
     * @param peakMemory the most that was resident in the process, in bytes; 0 if unknown
     * @param baseMemory what was resident before the task made anything, in bytes; 0 if unknown
     */
    record Result(List<Double> seconds, long peakMemory, long baseMemory) {}

    private record Versions(String python, String torch) {}

    /** Asks what can be measured. */
    Listing list() {
        List<String> lines = run("--list");
        Versions versions = parse(lines.get(0), Versions.class);
        require(versions.python != null && versions.torch != null, lines.get(0));
        List<Task> tasks = new ArrayList<>();
        for (String line : lines.subList(1, lines.size())) {
            Task task = parse(line, Task.class);
            require(task.suite != null && task.subject != null && task.contender != null, line);
            tasks.add(task);
        }
        return new Listing(versions.python, versions.torch, List.copyOf(tasks));
    }

    /** Measures a task. */
    Result measure(Task task) {
        String line =
                run(
                                "--suite", task.suite,
                                "--subject", task.subject,
                                "--contender", task.contender)
                        .get(0);
        Result result = parse(line, Result.class);
        require(result.seconds != null && !result.seconds.isEmpty(), line);
        require(result.seconds.stream().allMatch(time -> time != null && time > 0), line);
        return result;
    }

    /**
     * Measures how exact the update of {@code torch.optim.Muon} is.
     *
     * @param shape rows x columns of the matrix, which is that of {@link PolarRange#measure}
     */
    PolarRange polar(String shape) {
        String line = run("--polar", shape).get(0);
        PolarRange range = parse(line, PolarRange.class);
        require(range.largest() > 0, line);
        return range;
    }

    private List<String> run(String... arguments) {
        try {
            Path script = Files.createTempFile("peer", ".py");
            Path output = Files.createTempFile("peer", ".json");
            try {
                return run(script, output, arguments);
            } finally {
                Files.delete(script);
                Files.delete(output);
            }
        } catch (IOException e) {
            throw new BadInputException("Cannot run " + SCRIPT + " with " + python + ": " + e, e);
        }
    }

    private List<String> run(Path script, Path output, String... arguments) throws IOException {
        try (InputStream source = PeerScript.class.getResourceAsStream(SCRIPT)) {
            Files.copy(source, script, StandardCopyOption.REPLACE_EXISTING);
        }
        List<String> command = new ArrayList<>(List.of(python, script.toString()));
        command.addAll(List.of(arguments));
        if (threads > 0) {
            command.addAll(List.of("--threads", String.valueOf(threads)));
        }
        if (quick) {
            command.add("--quick");
        }
        // A file takes any amount of output while the messages are read.
        Process process = new ProcessBuilder(command).redirectOutput(output.toFile()).start();
        String complaint = passOn(process);
        int code = process.onExit().join().exitValue();
        if (code == NO_TORCH) {
            throw new BadInputException(complaint);
        }
        if (code != 0) {
            throw new BadInputException(
                    String.join(" ", command.subList(2, command.size()))
                            + ": "
                            + SCRIPT
                            + " failed with exit code "
                            + code
                            + (complaint.isEmpty() ? "" : ": " + complaint));
        }
        List<String> lines = Files.readAllLines(output);
        require(!lines.isEmpty(), "");
        return lines;
    }

    /** Passes on what a process says until it says no more, and returns the last line. */
    private String passOn(Process process) throws IOException {
        String last = "";
        try (BufferedReader said = process.errorReader(StandardCharsets.UTF_8)) {
            for (String line = said.readLine(); line != null; line = said.readLine()) {
                messages.println(line);
                last = line.isBlank() ? last : line;
            }
        }
        return last;
    }

    private static <T> T parse(String line, Class<T> type) {
        try {
            T parsed = GSON.fromJson(line, type);
            require(parsed != null, line);
            return parsed;
        } catch (JsonParseException e) {
            throw garbage(line);
        }
    }

    private static void require(boolean expected, String line) {
        if (!expected) {
            throw garbage(line);
        }
    }

    private static BadInputException garbage(String line) {
        return new BadInputException(
                SCRIPT
                        + " wrote no result"
                        + (line.isEmpty()
                                ? ""
                                : " but: " + line.substring(0, Math.min(80, line.length()))));
    }
}
