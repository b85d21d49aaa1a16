package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.optim.DecoupledAdamW;
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
 * The part of a training step that grows with the tokens, forward and backward: clipping and the
 * update, which are the same for any batch, would bend its curve.
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
        contender = "gradients alone",
        quick = "batch=(2|4)|context=(256|512)")
public class GradientGrowthBenchmark {

    /** What is not as in the base. */
    @Param({
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

    /** What is measured. */
    Gpt2Training training;

    private DecoupledAdamW adamW;

    /** Creates the model. */
    @Setup
    public void create() {
        LoadedEngine.start().close();
        GrowthPoint growth = GrowthPoint.parse(point);
        Gpt2 gpt2 = Gpt2.builder().setConfig(growth.config()).build();
        adamW = DecoupledAdamW.builder().build();
        training = Gpt2Training.of(gpt2, adamW, new Shape(growth.batch(), growth.context()));
    }

    /** Frees it. */
    @TearDown
    public void close() {
        training.close();
        adamW.close();
    }

    /** The gradients, which accumulate. */
    @Benchmark
    public void gradients() {
        training.gradients();
    }
}
