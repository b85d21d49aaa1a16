package io.github.djlspectral.spark;

import ai.djl.TrainingDivergedException;
import ai.djl.nn.Block;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.spark.LocalWorker.Step;
import io.github.djlspectral.spark.Piece.Report;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.UUID;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.HashPartitioner;
import org.apache.spark.SparkException;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.util.SerializableConfiguration;
import scala.Tuple2;

/**
 * Trains any DJL block on a Spark cluster by local updates: in each round every worker starts from
 * the same weights and makes H steps with its own optimizer on its own share of the data; then the
 * driver moves the weights by an outer step in the mean change. DiLoCo (Douillard et al.,
 * arXiv:2311.08105); with Muon inside, MuLoCo (arXiv:2505.23725).
 *
 * <pre>{@code
 * LocalWorker.Factory factory = share -> LocalWorker.of(share, trainer, optimizer, batches);
 * OuterStep outer = new OuterStep(0.7, 0.9);
 * try (LocalUpdates updates = new LocalUpdates(context, block, factory, 4, outer, "hdfs:///mlp")) {
 *     updates.restore(); // what an earlier process has saved
 *     while (updates.step() < 3000) {
 *         updates.round(30);
 *         updates.save(2);
 *     }
 * }
 * }</pre>
 *
 * <p>What is computed is a function of the initial weights, the data and the number of workers:
 * which executor does what, in which order and how often changes no bit on CPUs. One worker, an
 * outer rate of 1 and no momentum are training on one machine. Work that Spark loses is repeated
 * from the last checkpoint on, and until then what was broadcast is held: save every few rounds.
 *
 * <p>In an executor one worker at a time trains, so give each executor one task ({@code
 * spark.task.cpus} = {@code spark.executor.cores}). Of P parameters a round sends 4 P bytes to each
 * executor, has each worker write 4 P, brings 8 P to the driver, which holds 20 P, and keeps the
 * optimizers' states on the workers' disks. For large models set {@code
 * spark.serializer.objectStreamReset} to 1, or Java's serialisation holds what it has written.
 * There is no synchronous all-reduce, which needs the network between one machine's GPUs; use a
 * tool that has one there.
 *
 * <p>Not thread-safe.
 */
public final class LocalUpdates implements AutoCloseable {

    /** Numbers in a piece of weights: 16 MiB with an array's header, for G1 has whole mebibytes. */
    static final int PIECE = (1 << 22) - 8;

    private static final long AT_ONCE = 1 << 28; // bytes that a task sums, of all workers
    private static final String PREFIX = "step-";
    private static final String PARTIAL = ".partial-";

    private final JavaSparkContext context;
    private final Block block;
    private final LocalWorker.Factory factory;
    private final int workers;
    private final OuterStep outer;
    private final HadoopFolder folder;
    private final List<JavaRDD<Piece>> rounds = new ArrayList<>();
    private final List<Broadcast<?>> broadcasts = new ArrayList<>();
    private final int piece;
    private JavaRDD<Piece> states;
    private float[][] velocity;
    private long step;
    private boolean owned; // the folder has this training's checkpoints, or none

    /**
     * Creates a training at step 0.
     *
     * @param context the cluster, which stays the caller's
     * @param block the block, initialised, on the driver: its weights are those of each round
     * @param factory makes the workers, with blocks of the same parameters
     * @param workers the number of workers, W, at least 1
     * @param outer the outer step
     * @param folder where checkpoints lie: a path of a file system that Hadoop knows, such as
     *     {@code hdfs:///run1}, or {@code file:/..} if driver and executors share it
     * @throws IllegalArgumentException if there are no workers, the factory cannot be serialised,
     *     or a parameter is not float32
     */
    public LocalUpdates(
            JavaSparkContext context,
            Block block,
            LocalWorker.Factory factory,
            int workers,
            OuterStep outer,
            String folder) {
        this(context, block, factory, workers, outer, folder, PIECE);
    }

    LocalUpdates(
            JavaSparkContext context,
            Block block,
            LocalWorker.Factory factory,
            int workers,
            OuterStep outer,
            String folder,
            int most) {
        require(workers >= 1, "The number of workers is %s, but must be at least 1", workers);
        Weights.describe(block);
        try (ObjectOutputStream out = new ObjectOutputStream(OutputStream.nullOutputStream())) {
            out.writeObject(factory);
        } catch (IOException e) {
            String what =
                    "The factory cannot be sent to executors (%s): what it refers to must be"
                            + " Serializable, or be made inside it";
            throw new IllegalArgumentException(what.formatted(e), e);
        }
        this.context = context;
        this.block = block;
        this.factory = factory;
        this.workers = workers;
        this.outer = outer;
        this.folder =
                new HadoopFolder(
                        folder, new SerializableConfiguration(context.hadoopConfiguration()));
        piece = (int) Math.min(most, Math.max(1, AT_ONCE / Float.BYTES / workers));
        states = none();
    }

    static void require(boolean legal, String fault, Object... values) {
        if (!legal) {
            throw new IllegalArgumentException(fault.formatted(values));
        }
    }

    /** {@return the steps that each worker has made} */
    public long step() {
        return step;
    }

    /**
     * What a round found.
     *
     * @param steps each worker's steps, by its number
     * @param seconds how long it took
     * @param waiting the share of them in which a task, in the mean, made no steps: weights were
     *     sent and summed
     */
    public record Round(List<List<Step>> steps, double seconds, double waiting) {}

    /**
     * Makes a round.
     *
     * @param innerSteps the steps that each worker makes, H, at least 1
     * @return what it found
     * @throws IllegalArgumentException if the number is not legal
     * @throws TrainingDivergedException if a worker's training cannot go on, or a weight would not
     *     be finite. Nothing has changed
     * @throws IllegalStateException if a worker fails for another reason as often as Spark tries;
     *     the message has its own. Nothing has changed
     */
    public Round round(int innerSteps) {
        require(innerSteps >= 1, "The inner steps are %s, but must be at least 1", innerSteps);
        long start = System.nanoTime();
        float[][] before = Weights.read(block, piece);
        Broadcast<float[][]> sent = context.broadcast(before);
        broadcasts.add(sent);
        InnerSteps inner = new InnerSteps(factory, sent, folder, piece, workers, step, innerSteps);
        // Not in memory, which the broadcast fills.
        JavaRDD<Piece> done =
                states.mapPartitionsWithIndex(inner, true).persist(StorageLevel.DISK_ONLY());
        try {
            long begin = System.nanoTime();
            List<Report> reports = done.mapPartitions(LocalUpdates::report).collect();
            double trained = (System.nanoTime() - begin) * 1e-9;
            for (int i = 0; i < workers; i++) {
                String failure = reports.get(i).failure;
                if (failure != null) {
                    String which = "Worker %s of %s, steps %s to %s: %s";
                    long first = step + 1;
                    throw new TrainingDivergedException(
                            which.formatted(i, workers, first, step + innerSteps, failure));
                }
            }
            move(before, done);
            step += innerSteps;
            rounds.add(done);
            states = done;
            if (rounds.size() > 1) {
                rounds.remove(0).unpersist();
            }
            double training = reports.stream().mapToDouble(r -> r.training).sum();
            double tasks = reports.stream().mapToDouble(r -> r.task).sum();
            double seconds = (System.nanoTime() - start) * 1e-9;
            List<List<Step>> steps = reports.stream().map(LocalUpdates::steps).toList();
            return new Round(steps, seconds, 1 - trained * training / tasks / seconds);
        } catch (Exception e) { // Spark's come undeclared
            done.unpersist();
            throw failure(e);
        }
    }

    private static List<Step> steps(Report report) {
        return IntStream.range(0, report.losses.length)
                .mapToObj(i -> new Step(report.losses[i], report.norms[i]))
                .toList();
    }

    private static Iterator<Report> report(Iterator<Piece> pieces) {
        return Stream.of((Report) pieces.next().content).iterator();
    }

    /** Sums the workers' weights by piece on the cluster and makes the outer step with them. */
    private void move(float[][] before, JavaRDD<Piece> done) {
        int count = workers;
        JavaRDD<double[]> means =
                done.mapPartitions(InnerSteps::weights)
                        .mapToPair(weights -> new Tuple2<>(weights.index, weights))
                        .partitionBy(new HashPartitioner(before.length)) // an index is its hash
                        .values()
                        .mapPartitions(weights -> Stream.of(mean(weights, count)).iterator());
        float[][] after = new float[before.length][];
        float[][] speed = outer.momentum() > 0 ? new float[before.length][] : null;
        // Spark bounds what one job brings to the driver; 0 is no bound.
        long most = context.getConf().getSizeAsBytes("spark.driver.maxResultSize", "1g");
        long bytes = (most == 0 ? AT_ONCE : Math.min(most, AT_ONCE)) / 2;
        int together = (int) Math.max(1, bytes / Double.BYTES / piece);
        for (int i = 0; i < before.length; i += together) {
            int[] some = IntStream.range(i, Math.min(i + together, before.length)).toArray();
            List<double[]>[] found = means.collectPartitions(some);
            for (int k = 0; k < some.length; k++) {
                int n = some[k];
                float[] own = null;
                if (speed != null) {
                    own = velocity == null ? new float[before[n].length] : velocity[n].clone();
                    speed[n] = own;
                }
                after[n] = outer.moved(before[n], found[k].get(0), own);
                found[k] = null;
            }
        }
        Weights.write(block, after);
        velocity = speed;
    }

    /** The mean of the workers' piece, summed in the order of their numbers. */
    private static double[] mean(Iterator<Piece> weights, int workers) {
        float[][] all = new float[workers][];
        weights.forEachRemaining(weight -> all[weight.worker] = (float[]) weight.content);
        double[] mean = new double[all[0].length];
        for (int i = 0; i < mean.length; i++) {
            for (float[] one : all) {
                mean[i] += one[i];
            }
            mean[i] /= workers;
        }
        return mean;
    }

    private RuntimeException failure(Exception e) {
        if (e instanceof RuntimeException own && !(e instanceof UncheckedIOException)) {
            return own;
        }
        Throwable cause = e;
        while (cause instanceof SparkException && cause.getCause() != null) {
            cause = cause.getCause();
        }
        String what = "After step %s: %s; what is saved in %s has not changed";
        return new IllegalStateException(
                what.formatted(step, cause.getMessage(), folder.path()), e);
    }

    private static String name(long number) {
        String digits = String.valueOf(number);
        return PREFIX + "0".repeat(Math.max(0, 10 - digits.length())) + digits;
    }

    /**
     * Writes a checkpoint, whole or not at all, and then deletes older ones. Workers that are lost
     * later begin from it.
     *
     * @param keep how many checkpoints to leave, at least 1
     * @throws IllegalArgumentException if the number is not legal
     * @throws IllegalStateException if the folder has checkpoints of another training, it cannot be
     *     written, or the driver does not see what executors wrote; nothing has changed
     */
    public void save(int keep) {
        require(keep >= 1, "The number of checkpoints is %s, but must be at least 1", keep);
        List<String> there = saved();
        if (!owned && !there.isEmpty()) {
            String what =
                    "%s has checkpoints of another training, %s: restore it, or save elsewhere";
            throw new IllegalStateException(what.formatted(folder.path(), there));
        }
        folder.list().stream()
                .filter(name -> name.startsWith(PARTIAL)) // of what was killed
                .forEach(name -> folder.folder(name).delete());
        HadoopFolder partial = folder.folder(PARTIAL + UUID.randomUUID());
        HadoopFolder whole = folder.folder(name(step));
        try {
            HadoopFolder all = folder;
            states.foreachPartition(pieces -> put(all, partial, pieces));
            long seen = partial.list().stream().filter(name -> !name.startsWith(".")).count();
            if (step > 0 && seen != workers) {
                String rule = "%s of %s workers' files are in %s: it must be one folder for all";
                throw new IllegalStateException(rule.formatted(seen, workers, partial.path()));
            }
            OuterFile file = new OuterFile(step, Weights.read(block, piece), velocity);
            temporarily(
                    local -> {
                        file.write(local, workers, block);
                        partial.put(local, OuterFile.NAME);
                    });
            whole.delete();
            partial.moveTo(whole);
        } catch (Exception e) { // Spark's come undeclared
            throw failure(e);
        }
        states = stored();
        forget();
        owned = true;
        List<String> done = saved().stream().filter(name -> number(name) <= step).toList();
        done.subList(0, Math.max(0, done.size() - keep))
                .forEach(old -> folder.folder(old).delete());
    }

    /** Does something with a local file that is deleted then. */
    private static void temporarily(AtomicFiles.Content<Path> body) throws IOException {
        Path place = Files.createTempDirectory("djl-spectral");
        try {
            body.writeTo(place.resolve("file.safetensors"));
        } finally {
            AtomicFiles.deleteAll(place);
        }
    }

    private static void put(HadoopFolder folder, HadoopFolder partial, Iterator<Piece> pieces)
            throws IOException {
        temporarily(
                file -> {
                    int worker = InnerSteps.write(folder, pieces, file);
                    if (worker >= 0) {
                        partial.put(file, InnerSteps.stateName(worker));
                    }
                });
    }

    /** A partition for each worker. */
    private JavaRDD<Integer> partitions() {
        return context.parallelize(IntStream.range(0, workers).boxed().toList(), workers);
    }

    private JavaRDD<Piece> none() {
        return partitions().flatMap(worker -> Collections.emptyIterator());
    }

    /** The workers' states as they lie in the checkpoint of this step. */
    private JavaRDD<Piece> stored() {
        String name = name(step);
        return step == 0 ? none() : partitions().map(worker -> new Piece(worker, 0, name));
    }

    private static long number(String name) {
        return Long.parseLong(name.substring(PREFIX.length()));
    }

    private List<String> saved() {
        return folder.list().stream().filter(name -> name.matches(PREFIX + "\\d{10,}")).toList();
    }

    /** Lets the cluster forget what only earlier rounds needed. */
    private void forget() {
        rounds.forEach(JavaRDD::unpersist);
        rounds.clear();
        broadcasts.forEach(Broadcast::destroy);
        broadcasts.clear();
    }

    /**
     * Takes up the newest checkpoint in the folder.
     *
     * @return whether there is one
     * @throws IllegalStateException as {@link #restore(long)}
     */
    public boolean restore() {
        List<String> all = saved();
        if (!all.isEmpty()) {
            restore(number(all.get(all.size() - 1)));
        }
        return !all.isEmpty();
    }

    /**
     * Takes up a checkpoint: the block gets its weights, the workers their states.
     *
     * @param number the steps made when it was saved
     * @throws IllegalStateException if there is none, it is of another model or number of workers,
     *     or it cannot be read; nothing has changed
     */
    public void restore(long number) {
        HadoopFolder place = folder.folder(name(number));
        try {
            temporarily(
                    local -> {
                        place.get(OuterFile.NAME, local);
                        take(OuterFile.read(local, workers, block, piece));
                    });
        } catch (IOException | UncheckedIOException e) {
            String what = "Cannot take up %s: %s";
            throw new IllegalStateException(what.formatted(place.path(), e.getMessage()), e);
        }
    }

    private void take(OuterFile file) {
        Weights.write(block, file.weights());
        forget();
        velocity = file.velocity();
        step = file.step();
        owned = true;
        states = stored();
    }

    /** Lets the cluster forget everything; checkpoints stay. */
    @Override
    public void close() {
        forget();
    }
}
