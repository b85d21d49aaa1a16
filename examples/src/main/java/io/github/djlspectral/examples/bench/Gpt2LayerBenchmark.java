package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
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
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One layer of GPT-2 124M, forward and backward, B = 4, T = 256, C = 768, against the float32
 * matrix-product rate. The layer sits between an embedding and a head of 64 tokens, which are
 * included.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 7, time = 2)
@Fork(1)
public class Gpt2LayerBenchmark {

    private static final int WIDTH = 768;
    private static final int VOCABULARY = 64;

    private NDManager manager;
    private NDArray activations;
    private NDArray weight;
    private Gpt2Training float32;
    private Gpt2Training bfloat16;

    /** Creates the models. */
    @Setup
    public void create() {
        manager = NDManager.newBaseManager("PyTorch");
        activations =
                manager.randomNormal(new Shape(Gpt2Training.BATCH * Gpt2Training.LENGTH, WIDTH));
        weight = manager.randomNormal(new Shape(WIDTH, 4 * WIDTH));
        float32 = training(Precision.FLOAT32);
        bfloat16 = training(Precision.BFLOAT16);
    }

    private static Gpt2Training training(Precision precision) {
        Gpt2Config config = new Gpt2Config(VOCABULARY, 1024, 1, 12, WIDTH, 0, true);
        Gpt2 gpt2 = Gpt2.builder().setConfig(config).optPrecision(precision).build();
        return new Gpt2Training(gpt2, VOCABULARY, DecoupledAdamW.builder().build(), true);
    }

    /** Frees them. */
    @TearDown
    public void close() {
        float32.close();
        bfloat16.close();
        manager.close();
    }

    /** The layer's products alone take nine of these, forward and backward: 4.83 GFLOP each. */
    @Benchmark
    public void matrixProduct() {
        try (NDScope scope = new NDScope()) {
            scope.suppressNotUsedWarning();
            activations.matMul(weight);
        }
    }

    /** The layer in float32: 45.1 GFLOP with causal attention counted in full. */
    @Benchmark
    public void layerFloat32() {
        float32.gradients();
    }

    /** The layer with bfloat16 products. */
    @Benchmark
    public void layerBfloat16() {
        bfloat16.gradients();
    }
}
