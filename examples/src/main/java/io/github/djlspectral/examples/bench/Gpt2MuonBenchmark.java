package io.github.djlspectral.examples.bench;

import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
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
 * A whole Muon step of GPT-2 124M on 8192 tokens, eight batches of 1024 whose gradients accumulate.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1)
@Measurement(iterations = 2)
@Fork(
        value = 1,
        jvmArgsAppend = {LoadedEngine.HEAP, LoadedEngine.MOST_HEAP, LoadedEngine.TOUCHED})
@Compared(
        suite = Suite.GPT2,
        subject = "124M, B=32, T=256, step",
        contender = "ours, float32, Muon")
public class Gpt2MuonBenchmark {

    private static final int BATCHES = 8;

    /** The model. */
    Gpt2Config config = Gpt2Config.gpt2Small().withDropout(0);

    /** What is measured. */
    Gpt2Training training;

    private Muon muon;

    /** Creates the model. */
    @Setup
    public void create() {
        LoadedEngine.start().close();
        Gpt2 gpt2 = Gpt2.builder().setConfig(config).build();
        muon = Muon.builder().optRouting(ParameterRouting.of(gpt2)).build();
        training = Gpt2Training.of(gpt2, muon, Gpt2Training.BATCH);
    }

    /** Frees it. */
    @TearDown
    public void close() {
        training.close();
        muon.close();
    }

    /** Eight times the gradients, one update. */
    @Benchmark
    public void step() {
        for (int i = 0; i < BATCHES; i++) {
            training.gradients();
        }
        training.update();
    }
}
