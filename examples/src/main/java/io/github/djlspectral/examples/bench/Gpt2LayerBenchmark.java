package io.github.djlspectral.examples.bench;

import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;
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
 * One layer of GPT-2 124M, forward and backward, B = 4, T = 256, C = 768: 45.1 GFLOP with causal
 * attention counted in full. The layer sits between an embedding and a head of 64 tokens, which are
 * included.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 7, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {LoadedEngine.HEAP, LoadedEngine.MOST_HEAP, LoadedEngine.TOUCHED})
@Compared(
        suite = Suite.GPT2,
        subject = "one layer, B=4, T=256, backward",
        contender = "ours, {precision}")
public class Gpt2LayerBenchmark {

    private static final int VOCABULARY = 64;

    /** The number format of the products. */
    @Param public Precision precision;

    /** The width C; the layer has a head for each 64. */
    int width = 768;

    /** What is measured. */
    Gpt2Training training;

    /** Creates the model. */
    @Setup
    public void create() {
        LoadedEngine.start().close();
        Gpt2Config config = new Gpt2Config(VOCABULARY, 1024, 1, width / 64, width, 0, true);
        Gpt2 gpt2 = Gpt2.builder().setConfig(config).optPrecision(precision).build();
        training = Gpt2Training.of(gpt2, Optimizer.adamW().build(), Gpt2Training.BATCH);
    }

    /** Frees it. */
    @TearDown
    public void close() {
        training.close();
    }

    /** The gradients, which accumulate. */
    @Benchmark
    public void gradients() {
        training.gradients();
    }
}
