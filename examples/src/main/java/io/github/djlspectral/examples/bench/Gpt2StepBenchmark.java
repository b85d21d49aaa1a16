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
 * A whole AdamW step of GPT-2 124M: forward, backward, clip, update; B = 4, T = 256, so 1024
 * tokens.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2)
@Measurement(iterations = 5)
@Fork(1)
public class Gpt2StepBenchmark {

    /** What to train: ours by precision, or the same model of DJL's stock blocks. */
    public enum Variant {
        /** Ours, float32. */
        FLOAT32,
        /** Ours, bfloat16 products. */
        BFLOAT16,
        /** DJL's stock blocks, float32, with our AdamW. */
        STOCK_BLOCKS,
        /** DJL's stock blocks and its own AdamW, float32. */
        STOCK
    }

    /** The variant measured. */
    @Param public Variant variant;

    private DecoupledAdamW ours;
    private Gpt2Training training;

    /** Creates the model. */
    @Setup
    public void create() {
        Gpt2Config config = Gpt2Config.gpt2Small().withDropout(0);
        ours = DecoupledAdamW.builder().build();
        boolean fusedLoss = variant == Variant.FLOAT32 || variant == Variant.BFLOAT16;
        Optimizer adamW = variant == Variant.STOCK ? Optimizer.adamW().build() : ours;
        training = new Gpt2Training(block(config), config.vocabSize(), adamW, fusedLoss);
    }

    private Block block(Gpt2Config config) {
        return switch (variant) {
            case FLOAT32 -> Gpt2.builder().setConfig(config).build();
            case BFLOAT16 ->
                    Gpt2.builder().setConfig(config).optPrecision(Precision.BFLOAT16).build();
            case STOCK_BLOCKS, STOCK -> new ComposedGpt2(config, Activation::gelu);
        };
    }

    /** Frees it. */
    @TearDown
    public void close() {
        training.close();
        ours.close();
    }

    /** 1024 tokens. */
    @Benchmark
    public void step() {
        training.step();
    }
}
