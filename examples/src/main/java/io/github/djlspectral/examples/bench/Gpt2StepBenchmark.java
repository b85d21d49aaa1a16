package io.github.djlspectral.examples.bench;

import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.layers.gpt.ComposedGpt2;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;
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
 * GPT-2 124M without dropout on 1024 tokens: the loss alone, with its gradients, and a whole AdamW
 * step, which clips and updates too.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2)
@Measurement(iterations = 4)
@Fork(
        value = 1,
        jvmArgsAppend = {LoadedEngine.HEAP, LoadedEngine.MOST_HEAP, LoadedEngine.TOUCHED})
@Compared(
        suite = Suite.GPT2,
        contender = "{contender}",
        against = {
            "PyTorch, float32",
            "PyTorch, bfloat16",
            Gpt2StepBenchmark.BLOCKS,
            Gpt2StepBenchmark.STOCK
        })
public class Gpt2StepBenchmark {

    private static final String AUTOGRAD = "ours by autograd, float32";
    private static final String FLOAT32 = "ours, float32";
    private static final String BFLOAT16 = "ours, bfloat16";
    static final String BLOCKS = "DJL blocks";
    static final String STOCK = "DJL blocks, DJL AdamW";

    /**
     * What to train: ours by precision, with the gradient computed as in training or by autograd,
     * or the same model of DJL's stock blocks, float32, with our AdamW or DJL's.
     */
    @Param({FLOAT32, BFLOAT16, AUTOGRAD, BLOCKS, STOCK})
    public String contender;

    /** The model. */
    Gpt2Config config = Gpt2Config.gpt2Small().withDropout(0);

    /** What is measured. */
    Gpt2Training training;

    private DecoupledAdamW ours;

    /** Creates the model. */
    @Setup
    public void create() {
        LoadedEngine.start().close();
        ours = DecoupledAdamW.builder().build();
        training =
                switch (contender) {
                    case FLOAT32 -> ours(Precision.FLOAT32);
                    case BFLOAT16 -> ours(Precision.BFLOAT16);
                    case AUTOGRAD ->
                            Gpt2Training.byAutograd(
                                    gpt2(Precision.FLOAT32), ours, Gpt2Training.BATCH);
                    case BLOCKS -> stock(ours);
                    default -> stock(Optimizer.adamW().build());
                };
    }

    private Gpt2Training ours(Precision precision) {
        return Gpt2Training.of(gpt2(precision), ours, Gpt2Training.BATCH);
    }

    private Gpt2Training stock(Optimizer optimizer) {
        Block blocks = new ComposedGpt2(config, Activation::gelu);
        return Gpt2Training.stock(blocks, config.vocabSize(), optimizer, Gpt2Training.BATCH);
    }

    private Gpt2 gpt2(Precision precision) {
        return Gpt2.builder().setConfig(config).optPrecision(precision).build();
    }

    /** Frees it. */
    @TearDown
    public void close() {
        training.close();
        ours.close();
    }

    /**
     * The loss.
     *
     * @return its value
     */
    @Benchmark
    @Compared(subject = "124M, B=4, T=256, forward")
    public float forward() {
        return training.loss();
    }

    /** The loss and its gradients, which accumulate. */
    @Benchmark
    @Compared(subject = "124M, B=4, T=256, backward")
    public void gradients() {
        training.gradients();
    }

    /** A whole step. */
    @Benchmark
    @Compared(subject = "124M, B=4, T=256, step")
    public void step() {
        training.step();
    }
}
