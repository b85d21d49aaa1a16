package io.github.djlspectral.examples.sweep;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;

import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.gpt.RunOutcome;
import io.github.djlspectral.examples.gpt.RunOutcome.State;
import io.github.djlspectral.examples.gpt.SparkTraining;
import io.github.djlspectral.examples.gpt.Training;
import io.github.djlspectral.examples.gpt.TrainingOptions;
import io.github.djlspectral.examples.sweep.SweepPlan.Cell;
import io.github.djlspectral.torch.Bfloat16;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * The runs of a sweep on Spark, which begins with the first. Each is a job of one task: one that
 * fails leaves the others alone, and Spark has another executor continue that of a lost one.
 */
class SparkRuns implements AutoCloseable {

    private final String master;
    private JavaSparkContext context;

    SparkRuns(String master) {
        this.master = master;
    }

    /** Starts a run; what is returned completes when it ends, with what to say if it failed. */
    CompletableFuture<String> start(Cell cell) {
        context = context == null ? SparkTraining.connect(master, "djl-spectral sweep") : context;
        String directory = cell.directory().toAbsolutePath().toString();
        List<String> arguments = cell.arguments().absolute().toList();
        Future<List<String>> job = // asynchronous, so that runs begin in the order of the plan
                context.parallelize(List.of(directory), 1)
                        .map(place -> train(place, arguments))
                        .collectAsync();
        return CompletableFuture.supplyAsync(
                () -> await(job), wait -> new Thread(wait, directory).start());
    }

    /** Returns what a task says, or why Spark has given it up, without the stack in that text. */
    static String await(Future<List<String>> job) {
        try {
            return job.get().get(0);
        } catch (InterruptedException | ExecutionException e) {
            Throwable cause = e.getCause() == null ? e : e.getCause();
            return String.valueOf(cause.getMessage()).replaceFirst("(?s)\\R.*", "");
        }
    }

    /**
     * Trains in an executor, one run at a time: the engine's random numbers are a process's.
     *
     * @return what to say where no outcome is seen
     */
    static synchronized String train(String directory, List<String> arguments)
            throws IOException, InterruptedException {
        Path path = Path.of(directory);
        String host = " on " + InetAddress.getLocalHost().getHostName();
        String shared = host + ": --out must be a folder that all machines of Spark share";
        if (!Files.isDirectory(path)) {
            return "no such folder" + shared;
        }
        Path file = path.resolve(Sweep.LOG);
        String chosen = System.getProperty(Bfloat16.PROPERTY);
        System.setProperty("ai.djl.pytorch.num_threads", "1"); // the first run loads the engine
        try (PrintStream log =
                new PrintStream(Files.newOutputStream(file, CREATE, APPEND), true, UTF_8)) {
            State state = RunOutcome.read(path, arguments).state();
            if (state == State.ABSENT || state == State.UNFINISHED) { // not lost as it ended
                Map<String, Object> given = TrainingOptions.given(arguments.toArray(String[]::new));
                given.put("--resume", state == State.UNFINISHED);
                Path cache = CorpusLoader.defaultCacheDirectory();
                try {
                    Training.train(given, new CorpusLoader(cache, log), log);
                } catch (RuntimeException e) {
                    e.printStackTrace(log);
                    log.println("djl-spectral: " + e.getMessage());
                    return "an error" + host;
                }
            }
        } finally {
            if (chosen == null) {
                System.clearProperty(Bfloat16.PROPERTY); // that a resumed run may have set
            }
        }
        if (RunOutcome.read(path, arguments).state() == State.UNFINISHED) {
            throw new InterruptedException("Asked to end" + host);
        }
        return "an end not seen here of a run" + shared;
    }

    /** Ends Spark, and with it the executors, which save what they train. */
    @Override
    public void close() {
        if (context != null) {
            context.close();
        }
    }

    @Override
    public String toString() {
        return "as many as executors of " + master;
    }
}
