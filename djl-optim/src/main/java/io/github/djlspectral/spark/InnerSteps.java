package io.github.djlspectral.spark;

import static java.nio.file.StandardOpenOption.APPEND;
import static java.nio.file.StandardOpenOption.CREATE;

import ai.djl.Device;
import ai.djl.TrainingDivergedException;
import io.github.djlspectral.io.AtomicFiles;
import io.github.djlspectral.optim.OptimizerState;
import io.github.djlspectral.spark.Piece.Report;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Map;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.Function2;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.resource.ResourceInformation;
import org.apache.spark.util.TaskCompletionListener;

/**
 * A worker's part of a round: a function of the weights, its state and the numbers of its steps.
 *
 * @param last the steps before the round
 * @param count the steps to make
 */
record InnerSteps(
        LocalWorker.Factory factory,
        Broadcast<float[][]> weights,
        HadoopFolder checkpoints,
        int piece,
        int workers,
        long last,
        int count)
        implements Function2<Integer, Iterator<Piece>, Iterator<Piece>> {

    private static final int STATE_PIECE = LocalUpdates.PIECE * Float.BYTES;

    /** The engine's random numbers and DJL's gradient collector are one per process. */
    private static final ReentrantLock ONE_AT_A_TIME = new ReentrantLock(true);

    @Override
    public Iterator<Piece> call(Integer worker, Iterator<Piece> before) throws Exception {
        long start = System.nanoTime();
        Path folder = Files.createTempDirectory("djl-spectral-worker");
        TaskContext task = TaskContext.get();
        task.addTaskCompletionListener(
                (TaskCompletionListener) context -> AtomicFiles.deleteAll(folder));
        Path file = folder.resolve("state.safetensors");
        boolean known = write(checkpoints, before, file) >= 0;
        Device device = device(task.resourcesJMap());
        Report report = new Report(count);
        float[][] after;
        ONE_AT_A_TIME.lockInterruptibly();
        try (LocalWorker local =
                factory.create(new LocalWorker.Share(worker, workers, last, device))) {
            OptimizerState.retain(local.optimizer(), local.block()); // or refuses it by name
            Weights.write(local.block(), weights.value());
            if (known) {
                OptimizerState.load(local.optimizer(), local.block(), file);
            }
            long begin = System.nanoTime();
            for (int i = 0; i < count; i++) {
                if (task.isInterrupted()) {
                    throw new InterruptedException("the task is not needed any more");
                }
                LocalWorker.Step step = local.step(last + i + 1);
                report.losses[i] = step.loss();
                report.norms[i] = step.norm();
            }
            report.training = (System.nanoTime() - begin) * 1e-9;
            after = Weights.read(local.block(), piece);
            OptimizerState.save(local.optimizer(), local.block(), file);
        } catch (TrainingDivergedException e) {
            report.failure = String.valueOf(e.getMessage());
            return Stream.of(new Piece(worker, 0, report)).iterator();
        } catch (RuntimeException | IOException e) {
            String which = "worker %s of %s: %s";
            throw new IllegalStateException(which.formatted(worker, workers, e.getMessage()), e);
        } finally {
            ONE_AT_A_TIME.unlock();
        }
        report.task = (System.nanoTime() - start) * 1e-9;
        int pieces = Math.toIntExact((Files.size(file) - 1) / STATE_PIECE + 1);
        int floats = after.length;
        return IntStream.rangeClosed(0, floats + pieces) // one at a time, when it is asked for
                .mapToObj(
                        i -> {
                            if (i == 0) {
                                return new Piece(worker, 0, report);
                            }
                            int at = i - 1 - floats;
                            return at < 0
                                    ? new Piece(worker, i - 1, after[i - 1])
                                    : new Piece(worker, at, statePiece(file, at));
                        })
                .iterator();
    }

    static String stateName(int worker) {
        return "worker-" + worker + ".safetensors";
    }

    /** Makes a file of the state among the pieces, wherever it lies, and tells whose; -1: none. */
    static int write(HadoopFolder folder, Iterator<Piece> pieces, Path file) throws IOException {
        int worker = -1;
        while (pieces.hasNext()) {
            Piece piece = pieces.next();
            if (piece.content instanceof String name) {
                worker = piece.worker;
                folder.folder(name).get(stateName(worker), file);
            } else if (piece.content instanceof byte[] bytes) {
                worker = piece.worker;
                Files.write(file, bytes, CREATE, APPEND);
            }
        }
        return worker;
    }

    private static byte[] statePiece(Path file, int number) {
        try (FileChannel channel = FileChannel.open(file)) {
            long from = (long) number * STATE_PIECE;
            byte[] bytes = new byte[(int) Math.min(STATE_PIECE, channel.size() - from)];
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            while (buffer.hasRemaining()) {
                channel.read(buffer, from + buffer.position());
            }
            return bytes;
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot read " + file, e);
        }
    }

    /** Those of the pieces that are weights; what comes behind them is not read. */
    static Iterator<Piece> weights(Iterator<Piece> pieces) {
        Spliterator<Piece> all = Spliterators.spliteratorUnknownSize(pieces, Spliterator.ORDERED);
        return StreamSupport.stream(all, false)
                .takeWhile(piece -> !(piece.content instanceof byte[]))
                .filter(piece -> piece.content instanceof float[])
                .iterator();
    }

    /** The GPU that Spark assigned to a task, else the CPU. */
    static Device device(Map<String, ResourceInformation> resources) {
        ResourceInformation gpu = resources.get("gpu");
        return gpu == null || gpu.addresses().length == 0
                ? Device.cpu()
                : Device.gpu(Integer.parseInt(gpu.addresses()[0]));
    }
}
