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

/** A model's step as training makes it: all gradients measured, all weights moved, all zeroed. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
        value = 1,
        jvmArgsAppend = {LoadedEngine.HEAP, LoadedEngine.MOST_HEAP, LoadedEngine.TOUCHED})
@Compared(
        suite = Suite.OPTIMIZERS,
        subject = "124M, all parameters",
        contender = "{optimizer}, whole step",
        against = "torch.optim.AdamW")
public class WholeStepBenchmark {

    /** Whose step. */
    @Param({"AdamW", "Muon"})
    public String optimizer;

    /** The model of which there are all weights. */
    Gpt2Config config = Gpt2Config.gpt2Small().withDropout(0);

    private StatefulOptimizer measured;
    private Gpt2Training training;

    /** Creates the model, whose weights have gradients once there was a backward pass. */
    @Setup
    public void create() {
        LoadedEngine.start().close();
        Gpt2 gpt2 = Gpt2.builder().setConfig(config).build();
        measured =
                optimizer.equals("AdamW")
                        ? DecoupledAdamW.builder().build()
                        : Muon.builder().optRouting(ParameterRouting.of(gpt2)).build();
        training = Gpt2Training.of(gpt2, measured, new Shape(1, 16));
        training.gradients();
    }

    /** Frees it. */
    @TearDown
    public void close() {
        training.close();
        measured.close();
    }

    /** One step. */
    @Benchmark
    public void step() {
        training.update();
    }
}
