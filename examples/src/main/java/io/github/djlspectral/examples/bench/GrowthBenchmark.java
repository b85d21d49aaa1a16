package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.StatefulOptimizer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A training step of a GPT-2 in float32, whose size or batch changes along one axis around {@link
 * GrowthPoint}'s base, with its memory as {@link MemoryModel} predicts it.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2)
@Measurement(iterations = 5)
@Fork(
        value = 1,
        jvmArgsAppend = {LoadedEngine.HEAP, LoadedEngine.MOST_HEAP, LoadedEngine.TOUCHED})
@Compared(
        suite = Suite.GROWTH,
        subject = "{point}",
        contender = "ours, {optimizer}",
        quick = "(width|depth|batch|context)=(2|4|256|512)")
public class GrowthBenchmark {

    private static final String MUON = "Muon";
    private static final GrowthPoint SMALLEST = new GrowthPoint(64, 1, 1, 1);

    /** What is not as in the base. */
    @Param({
        "width=256",
        "width=512",
        "width=768",
        "width=1024",
        "width=1600",
        "depth=2",
        "depth=4",
        "depth=8",
        "depth=12",
        "batch=1",
        "batch=2",
        "batch=4",
        "batch=8",
        "batch=16",
        "context=64",
        "context=128",
        "context=256",
        "context=512",
        "context=1024"
    })
    public String point;

    /** The optimizer; Muon has AdamW for what is no hidden matrix. */
    @Param({"AdamW", MUON})
    public String optimizer;

    /** What is measured. */
    Gpt2Training training;

    private StatefulOptimizer updating;

    /**
     * Creates the model. A tiny one takes a step before, so that the base of the memory has the
     * code that a step runs through, and the rest is arrays.
     */
    @Setup
    public void create() {
        LoadedEngine.start().close();
        create(SMALLEST);
        step();
        close();
        MemoryProfiler.noteBase();
        GrowthPoint growth = GrowthPoint.parse(point);
        create(growth);
        MemoryProfiler.predict(new MemoryModel(growth, optimizer.equals(MUON)).peak());
    }

    private void create(GrowthPoint growth) {
        Gpt2 gpt2 = Gpt2.builder().setConfig(growth.config()).build();
        updating =
                optimizer.equals(MUON)
                        ? Muon.builder().optRouting(ParameterRouting.of(gpt2)).build()
                        : DecoupledAdamW.builder().build();
        training = Gpt2Training.of(gpt2, updating, new Shape(growth.batch(), growth.context()));
    }

    /** Frees it. */
    @TearDown
    public void close() {
        training.close();
        updating.close();
    }

    /** A whole step. */
    @Benchmark
    public void step() {
        training.step();
    }
}
