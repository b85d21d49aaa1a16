package io.github.djlspectral.examples.bench;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.torch.Host;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * A benchmark of what the engine does. Its JMH parameters {@code suite}, {@code subject} and {@code
 * contender} say where its result goes in the report: they are a {@link Suite.Key}.
 *
 * <p>The heap is resident from the start, so that memory grows by native arrays only.
 */
@State(Scope.Benchmark)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(
        value = 1,
        jvmArgsAppend = {"-Xms256m", "-Xmx256m", "-XX:+AlwaysPreTouch"})
abstract class EngineBenchmark {

    /** Of all arrays but a model's. */
    NDManager manager;

    /** The model to measure, if it is one. */
    Gpt2Training training;

    /** Loads the engine, starts its threads, seeds it, notes the memory that this took, makes. */
    @Setup
    public void create() {
        manager = start();
        make();
    }

    /** Makes what is to be measured. */
    abstract void make();

    /** Says what is known at the end, and frees what is not the manager's. */
    void finish() {}

    /** Frees everything. */
    @TearDown
    public void close() {
        finish();
        if (training != null) {
            training.close();
        }
        manager.close();
    }

    /** Returns a manager of the loaded engine, with nothing in it yet. */
    static NDManager start() {
        Engine engine = Engine.getEngine("PyTorch");
        engine.setRandomSeed(0);
        NDManager manager = engine.newBaseManager();
        try (NDArray matrix = manager.ones(new Shape(256, 256));
                NDArray product = matrix.matMul(matrix)) {
            Host.read(product, host -> host.getFloat(0, 0));
        }
        MemoryProfiler.noteBase();
        return manager;
    }
}
