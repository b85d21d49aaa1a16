package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDManager;
import ai.djl.util.JsonUtils;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.bench.Trial.MemoryProfiler;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
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

    private static final String SCRIPT = "/io/github/djlspectral/examples/bench/peer.py";
    private static final int MINUTES = 10;

    private Peer peer;

    @Override
    NDManager start() {
        return null; // all arrays are Python's
    }

    /** Starts Python, which makes what is to be measured. */
    @Override
    void make(Suite suite) {
        String[] task = {
            "--suite", suite.toString(), "--subject", subject, "--contender", contender
        };
        peer = new Peer(System.getProperty(PYTHON), task);
        double base = peer.answer().get(MemoryProfiler.BASE).getAsDouble();
        MemoryProfiler.tell(MemoryProfiler.BASE, base);
        MemoryProfiler.tell(MemoryProfiler.PEAK, base); // until it says the true one at its end
        work = this::step;
    }

    private void step() {
        peer.write("\n");
        String answer = peer.line();
        if (!"done".equals(answer)) {
            throw new IllegalStateException("the script printed " + answer);
        }
    }

    /** Ends Python, which tells what its memory was. */
    @Override
    void finish() {
        try {
            peer.input.close();
        } catch (IOException e) {
            throw new UncheckedIOException("Python has ended", e);
        }
        peer.answer().asMap().forEach((l, value) -> MemoryProfiler.tell(l, value.getAsDouble()));
    }

    /**
     * What Python's PyTorch can be measured at.
     *
     * @param versions of Python and PyTorch, by name; {@code torch-threads} is how many it uses
     * @param keys what there is to measure
     * @param notes why there is nothing; empty if there is
     */
    record Listing(Map<String, String> versions, List<Key> keys, List<String> notes) {

        static Listing skipped(String why) {
            String note = "Python's PyTorch is skipped: " + why;
            return new Listing(Map.of(), List.of(), List.of(note));
        }
    }

    /** Asks a Python what there is. */
    static Listing list(String python) {
        try {
            Peer peer = new Peer(python, "--list");
            Map<String, String> versions = new TreeMap<>();
            peer.answer().asMap().forEach((name, it) -> versions.put(name, it.getAsString()));
            List<Key> keys = new ArrayList<>();
            for (String line = peer.line(); line != null; line = peer.line()) {
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

    /** A process that runs the script. */
    private static final class Peer {

        private final Process process;
        private final BufferedReader output;
        private final Writer input;
        private String last = "";
        private volatile boolean late;

        /** Starts the script, which comes by standard input, so that it leaves no file behind. */
        Peer(String python, String... arguments) {
            try (InputStream file = TorchTask.class.getResourceAsStream(SCRIPT)) {
                String script = new String(file.readAllBytes(), StandardCharsets.US_ASCII);
                String begin = "import sys; exec(sys.stdin.read(int(sys.argv.pop(1))))";
                List<String> command = new ArrayList<>(List.of(python, "-c", begin));
                command.add(String.valueOf(script.length()));
                String threads = System.getProperty(Machine.THREADS);
                if (threads != null) {
                    command.addAll(List.of("--threads", threads));
                }
                command.addAll(List.of(arguments));
                process = new ProcessBuilder(command).redirectErrorStream(true).start();
                output = process.inputReader(StandardCharsets.UTF_8);
                input = process.outputWriter(StandardCharsets.US_ASCII);
                write(script);
            } catch (IOException e) {
                throw new IllegalStateException(
                        "cannot run " + python + " (" + e.getMessage() + ")", e);
            }
            CompletableFuture.delayedExecutor(MINUTES, TimeUnit.MINUTES).execute(this::stop);
        }

        private void stop() {
            late = process.isAlive();
            process.destroyForcibly();
        }

        private void write(String text) {
            try {
                input.write(text);
                input.flush();
            } catch (IOException e) {
                // It has ended; what it said last tells why when an answer is read.
            }
        }

        /**
         * Reads the next answer, past all else that Python says.
         *
         * @return JSON or "done"; null if the script has come to its end
         * @throws IllegalStateException if it failed; the message says why in one line
         */
        String line() {
            try {
                for (String line = output.readLine(); line != null; line = output.readLine()) {
                    if (line.startsWith("{") || line.equals("done")) {
                        return line;
                    }
                    last = line.isBlank() ? last : line.strip(); // tracebacks end in what was wrong
                }
                int code = process.waitFor();
                if (late) {
                    throw new IllegalStateException("took more than " + MINUTES + " minutes");
                }
                if (code != 0) {
                    throw new IllegalStateException(last.isEmpty() ? "exit code " + code : last);
                }
                return null;
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot read what Python says", e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("Interrupted while Python ran", e);
            }
        }

        JsonObject answer() {
            String line = line();
            if (line == null) {
                throw new IllegalStateException("the script says nothing");
            }
            return JsonUtils.GSON.fromJson(line, JsonObject.class);
        }
    }
}
