package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
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

    private StatefulOptimizer updating;
    private Gpt2Training training;

    /** Creates the model. */
    @Setup
    public void create() {
        LoadedEngine.start().close();
        GrowthPoint growth = GrowthPoint.parse(point);
        Gpt2Config config = growth.config();
        Gpt2 gpt2 = Gpt2.builder().setConfig(config).build();
        boolean muon = optimizer.equals(MUON);
        updating =
                muon
                        ? Muon.builder().optRouting(ParameterRouting.of(gpt2)).build()
                        : DecoupledAdamW.builder().build();
        Shape batch = new Shape(growth.batch(), growth.context());
        training = new Gpt2Training(gpt2, config.vocabSize(), updating, true, batch);
        MemoryProfiler.predict(
                new MemoryModel(config, growth.batch(), growth.context(), muon).peak());
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
