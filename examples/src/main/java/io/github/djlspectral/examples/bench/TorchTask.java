package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDManager;
import ai.djl.util.JsonUtils;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.bench.Trial.MemoryProfiler;
import io.github.djlspectral.examples.bench.Trial.Task;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/**
 * Something that Python's PyTorch does, in a process of its own: a line tells {@code peer.py} to do
 * it once, and it answers, which takes a tenth of a millisecond. Its memory is Python's.
 */
final class TorchTask extends Task {

    /** The property that tells which Python has torch. */
    static final String PYTHON = "djl-spectral.python";

    private Process process;
    private BufferedReader output;
    private Writer input;
    private volatile String last = "";
    Duration patience = Duration.ofMinutes(10);
    private volatile int answers;
    private volatile boolean ended;

    @Override
    NDManager start() {
        return null; // all arrays are Python's
    }

    @Override
    void make(Suite suite) {
        String python = System.getProperty(PYTHON);
        String table = suite.toString();
        open(python, "--suite", table, "--subject", subject, "--contender", contender);
        double base = answer().get(MemoryProfiler.BASE).getAsDouble();
        MemoryProfiler.tell(MemoryProfiler.BASE, base);
        MemoryProfiler.tell(MemoryProfiler.PEAK, base); // until it says the true one at its end
        work = this::step;
    }

    private void step() {
        write("\n");
        String answer = line();
        if (!"done".equals(answer)) {
            throw new IllegalStateException("the script printed " + answer);
        }
    }

    /** Ends Python, which tells what its memory was. */
    @Override
    void finish() {
        write(null);
        answer().asMap().forEach((label, it) -> MemoryProfiler.tell(label, it.getAsDouble()));
    }

    /** What Python's PyTorch can be measured at, or notes why there is nothing. */
    record Listing(Map<String, String> versions, List<Key> keys, List<String> notes) {

        static Listing skipped(String why) {
            String note = "Python's PyTorch is skipped: " + why;
            return new Listing(Map.of(), List.of(), List.of(note));
        }
    }

    static Listing list(String python) {
        try {
            TorchTask script = new TorchTask();
            script.open(python, "--list");
            Map<String, String> versions = new TreeMap<>();
            script.answer().asMap().forEach((name, it) -> versions.put(name, it.getAsString()));
            List<Key> keys = new ArrayList<>();
            for (String line = script.line(); line != null; line = script.line()) {
                Key key = JsonUtils.GSON.fromJson(line, Key.class);
                if (!key.isComplete()) {
                    return Listing.skipped("the script printed " + line);
                }
                keys.add(key);
            }
            return new Listing(versions, keys, List.of());
        } catch (IllegalStateException | JsonParseException e) {
            return Listing.skipped(e.getMessage());
        }
    }

    /** Starts the script, which comes by standard input, so that it leaves no file behind. */
    private void open(String python, String... arguments) {
        String script = Suite.resource("peer.py");
        String begin = "import sys; exec(sys.stdin.read(int(sys.argv.pop(1))))";
        List<String> command = new ArrayList<>(List.of(python, "-c", begin));
        command.add(String.valueOf(script.length()));
        String threads = System.getProperty(Machine.THREADS);
        if (threads != null) {
            command.addAll(List.of("--threads", threads));
        }
        command.addAll(List.of(arguments));
        try {
            process = new ProcessBuilder(command).redirectErrorStream(true).start();
        } catch (IOException e) {
            throw new IllegalStateException(
                    "cannot run " + python + " (" + e.getMessage() + ")", e);
        }
        output = process.inputReader(StandardCharsets.UTF_8);
        input = process.outputWriter(StandardCharsets.US_ASCII);
        write(script);
        watch(answers);
    }

    /** Ends Python if it has answered nothing for a while: reading cannot be interrupted. */
    private void watch(int before) {
        long time = patience.toMillis();
        CompletableFuture.delayedExecutor(time, TimeUnit.MILLISECONDS)
                .execute(
                        () -> {
                            if (answers > before) {
                                watch(answers);
                            } else if (process.isAlive()) {
                                ended = true;
                                process.descendants().forEach(ProcessHandle::destroyForcibly);
                                process.destroyForcibly();
                            }
                        });
    }

    /** Writes to the script; null ends it. */
    private void write(String text) {
        try {
            if (text == null) {
                input.close();
            } else {
                input.write(text);
                input.flush();
            }
        } catch (IOException e) {
            // It has ended; what it said last tells why when an answer is read.
        }
    }

    /**
     * Reads the next answer, JSON or "done", past all else that Python says; null at its end, and
     * if it failed, an exception whose message says why in one line.
     */
    private String line() {
        try {
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                if (line.startsWith("{") || line.equals("done")) {
                    answers++;
                    return line;
                }
                last = line.isBlank() ? last : line.strip(); // tracebacks end in what was wrong
            }
        } catch (IOException e) {
            if (!ended) { // which closes the stream, too
                throw new UncheckedIOException("Cannot read what Python says", e);
            }
        }
        if (ended) { // whatever its shell says of that
            String time = patience.toSeconds() + " seconds";
            throw new IllegalStateException("no answer in " + time);
        }
        int code = process.onExit().join().exitValue();
        if (code != 0) {
            throw new IllegalStateException(last.isEmpty() ? "exit code " + code : last);
        }
        return null;
    }

    private JsonObject answer() {
        String line = line();
        if (line == null) {
            throw new IllegalStateException("the script says nothing");
        }
        return JsonUtils.GSON.fromJson(line, JsonObject.class);
    }
}
