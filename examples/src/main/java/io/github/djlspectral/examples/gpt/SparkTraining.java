package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.text.BadInputException.unless;
import static java.util.jar.Attributes.Name.CLASS_PATH;

import ai.djl.nn.Block;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.util.JsonUtils;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.data.HadoopShards;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.spark.LocalUpdates;
import io.github.djlspectral.spark.LocalWorker;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.text.Tokenizer;
import io.github.djlspectral.torch.Bfloat16;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.util.ShutdownHookManager;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaSparkContext;

/**
 * The part of a run that is on Spark: rounds of steps by workers, whose outcome is the weights of
 * the driver's model.
 */
public final class SparkTraining implements AutoCloseable {

    private static final String ENDED =
            ", which takes no application, or has ended it: Spark's errors above say why";

    private final TrainingOptions options;
    private final TrainingRun run;
    private final JavaSparkContext context;
    private final LocalUpdates updates;
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Runnable hook = this::endWhenSaved;
    private volatile boolean ending;
    private volatile boolean within;
    private LocalUpdates.Round last;

    /** Connects to Spark, and takes up the workers' states of the run's step, or has none. */
    SparkTraining(TrainingOptions options, Corpus corpus, TrainingRun run, Path directory) {
        this.options = options;
        this.run = run;
        int shards = corpus.train().size();
        unless(
                shards == 1 || shards >= options.spark.workers(),
                "--workers is %s, but there are %s shards to train on: use fewer workers, or more"
                        + " and smaller shards",
                options.spark.workers(),
                shards);
        for (int i = 0; i < options.spark.workers(); i++) {
            TrainingRun.batches(options, corpus.share(i, options.spark.workers()));
        }
        String same = "-D" + Bfloat16.PROPERTY + "=" + Bfloat16.onCpu(); // on every machine
        context = connect(options.spark.master, "djl-spectral " + options.directory(), same);
        try {
            Path own = directory.resolve("workers").toAbsolutePath();
            String chosen = options.spark.checkpointDir;
            String tokenizer = corpus.tokenizer().toJson();
            updates =
                    new LocalUpdates(
                            context,
                            run.block(),
                            new Factory(
                                    JsonUtils.GSON.toJson(options), tokenizer, corpus.cluster()),
                            options.spark.workers(),
                            options.spark.outer(),
                            chosen == null ? own.toUri().toString() : chosen);
            if (options.resume) {
                updates.restore(run.step());
            } else {
                AtomicFiles.deleteAll(own); // of a beginning that failed
                updates.save(1);
            }
        } catch (IllegalStateException e) {
            String why = context.sc().isStopped() ? ENDED : ": " + e.getMessage();
            context.close();
            throw new BadInputException("--spark " + options.spark.master + why, e);
        }
        // Before Spark's own, which would take the workers' states away before they are saved.
        ShutdownHookManager.get().addShutdownHook(hook, 100, 1, TimeUnit.DAYS);
    }

    private void endWhenSaved() {
        ending = true;
        if (within) {
            context.sc().cancelAllJobs();
        }
        try {
            closed.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Begins an application. What is not set, by spark-submit or -Dspark.., is set so that
     * executors find this program.
     *
     * @param master Spark's address of a cluster, such as {@code local[2]}
     * @param name of the application
     * @param executorFlags of Java in executors, before those that the user gives
     * @return the application, which the caller closes
     * @throws BadInputException if a local cluster cannot find Spark, or the master takes nothing
     */
    public static JavaSparkContext connect(String master, String name, String... executorFlags) {
        SparkConf conf = new SparkConf().setMaster(master);
        conf.setIfMissing("spark.app.name", name);
        conf.setIfMissing("spark.ui.enabled", "false");
        conf.setIfMissing("spark.task.maxFailures", "8"); // a killed executor's tasks count
        conf.setIfMissing("spark.serializer.objectStreamReset", "1"); // or all pieces are held
        conf.setIfMissing("spark.memory.fraction", "0.2"); // what is kept lies on disks
        boolean here = master.startsWith("local-cluster[");
        unless(
                !here || System.getenv("SPARK_HOME") != null,
                "--spark is %s, which needs SPARK_HOME in the environment, a folder with Spark's jars"
                        + " in jars, and SPARK_SCALA_VERSION=2.13",
                master);
        if (here) {
            String cores = master.replaceFirst(".*,(.*),.*", "$1").strip();
            String memory = master.replaceFirst(".*,", "").replace("]", "m").strip();
            conf.setIfMissing("spark.executor.cores", cores);
            conf.setIfMissing("spark.executor.memory", memory);
            conf.setIfMissing("spark.driver.host", "127.0.0.1");
            conf.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
        }
        conf.setIfMissing("spark.executor.cores", "1"); // a standalone master would give all
        String threads = conf.get("spark.executor.cores");
        conf.setIfMissing("spark.task.cpus", master.startsWith("local[") ? "1" : threads);
        conf.setIfMissing("spark.executorEnv.OMP_NUM_THREADS", threads);
        String flags = "spark.executor.extraJavaOptions";
        String own = "-Dai.djl.pytorch.num_threads=" + threads;
        own += Stream.of(executorFlags).map(flag -> " " + flag).collect(Collectors.joining());
        conf.set(flags, own + " " + conf.get(flags, "")); // the last one counts
        List<Path> entries =
                Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                        .map(entry -> Path.of(entry).toAbsolutePath())
                        .toList();
        if (here) {
            String all = entries.stream().map(Path::toString).collect(Collectors.joining(":"));
            conf.setIfMissing("spark.executor.extraClassPath", all);
        } else if (!master.startsWith("local[") && !master.equals("local")) {
            conf.setIfMissing("spark.jars", jars(entries));
        }
        JavaSparkContext context = new JavaSparkContext(conf);
        unless(!context.sc().isStopped(), "--spark is %s" + ENDED, master);
        return context;
    }

    /** Returns the jars that executors elsewhere need: all but Spark's, with those they name. */
    private static String jars(List<Path> entries) {
        String spark =
                SparkContext.class.getProtectionDomain().getCodeSource().getLocation().getPath();
        Path theirs = new File(spark).getParentFile().toPath();
        List<String> own = new ArrayList<>();
        for (Path entry : entries) {
            if (entry.startsWith(theirs) || !Files.isRegularFile(entry)) {
                continue;
            }
            own.add(entry.toString());
            try (JarFile jar = new JarFile(entry.toFile())) {
                Manifest manifest = jar.getManifest();
                Object named =
                        manifest == null ? null : manifest.getMainAttributes().get(CLASS_PATH);
                Stream.ofNullable(named)
                        .flatMap(names -> Stream.of(names.toString().split(" ")))
                        .forEach(name -> own.add(entry.resolveSibling(name).toString()));
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot read " + entry, e);
            }
        }
        return String.join(",", own);
    }

    /** Creates a worker of the run where it trains. */
    private record Factory(String options, String tokenizer, HadoopShards shards)
            implements LocalWorker.Factory {

        @Override
        public LocalWorker create(LocalWorker.Share share) {
            TrainingOptions own = JsonUtils.GSON.fromJson(options, TrainingOptions.class);
            own.init = null; // the weights come from the driver
            own.seed += share.worker();
            own.device = share.device().isGpu() ? "gpu" + share.device().getDeviceId() : "cpu";
            Tokenizer same = Tokenizer.of(tokenizer, "The run's tokenizer");
            Path cache = CorpusLoader.defaultCacheDirectory();
            Corpus all =
                    shards == null
                            ? new CorpusLoader(cache, System.err).load(own.data, same)
                            : shards.open(same, CorpusLoader.folders(cache).get(1));
            Corpus part = all.share(share.worker(), share.workers());
            TrainingRun run = new TrainingRun(own, part, null, null, (int) share.step());
            return new Worker(run, all);
        }
    }

    /** A run that makes the steps of one worker. */
    private record Worker(TrainingRun run, Corpus corpus) implements LocalWorker {

        @Override
        public Block block() {
            return run.block();
        }

        @Override
        public Optimizer optimizer() {
            return run.optimizer();
        }

        @Override
        public Step step(long number) {
            TrainingRun.StepResult found = run.step(() -> false);
            return new Step(found.loss(), found.norm());
        }

        @Override
        public void close() {
            run.close();
            corpus.close();
        }
    }

    /** Makes a round, the last one perhaps of fewer steps; null if asked to end, as before it. */
    TrainingRun.StepResult round() {
        int steps = Math.min(options.spark.innerSteps(), options.steps - run.step());
        within = true;
        if (ending) {
            return null;
        }
        try {
            last = updates.round(steps);
        } catch (IllegalStateException e) {
            if (ending) {
                return null;
            }
            throw new BadInputException(e.getMessage(), e);
        } finally {
            within = false;
        }
        double loss = mean(LocalWorker.Step::loss);
        return run.advance(steps, (float) loss, (float) mean(LocalWorker.Step::norm));
    }

    private double mean(ToDoubleFunction<LocalWorker.Step> value) {
        return last.steps().stream()
                .flatMap(List::stream)
                .mapToDouble(value)
                .average()
                .orElseThrow();
    }

    /** Says in a few words what the last round was. */
    String progress() {
        int round = (run.step() - 1) / options.spark.innerSteps() + 1;
        return Table.text("  round %d  %.0f%% communication", round, 100 * last.waiting());
    }

    /** Saves the workers' states, before the run's own checkpoint, which may fail. */
    void save() {
        try {
            updates.save(options.keep + 1);
        } catch (IllegalStateException e) {
            throw new BadInputException(e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        updates.close();
        context.close();
        closed.countDown();
        if (!ShutdownHookManager.get().isShutdownInProgress()) {
            ShutdownHookManager.get().removeShutdownHook(hook);
        }
    }
}
