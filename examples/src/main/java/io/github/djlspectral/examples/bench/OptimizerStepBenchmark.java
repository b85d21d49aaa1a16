package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.optim.Kaon;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.TruncatedSgd;
import java.util.Arrays;
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

/** One whole optimizer step on one weight matrix of GPT-2, float32. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(1)
public class OptimizerStepBenchmark {

    /** The shape of the weight, rows x columns. */
    @Param({"768x768", "768x3072", "3072x768"})
    public String shape;

    private NDManager manager;
    private NDArray weight;
    private NDArray gradient;
    private NDArray momentum;
    private Muon muon;
    private Muon newtonSchulz;
    private Freon freon;
    private Kaon kaon;
    private TruncatedSgd truncatedSgd;
    private DecoupledAdamW adamW;

    /** Creates the arrays and the optimizers. */
    @Setup
    public void create() {
        manager = NDManager.newBaseManager("PyTorch");
        long[] sides = Arrays.stream(shape.split("x")).mapToLong(Long::parseLong).toArray();
        weight = manager.randomNormal(new Shape(sides));
        gradient = manager.randomNormal(new Shape(sides));
        momentum = manager.zeros(new Shape(sides));
        muon = Muon.builder().build();
        newtonSchulz = Muon.builder().optMap(SpectralMap.newtonSchulz()).build();
        freon = Freon.builder().build();
        kaon = Kaon.builder().build();
        truncatedSgd = TruncatedSgd.builder().build();
        adamW = DecoupledAdamW.builder().build();
    }

    /** Frees them. */
    @TearDown
    public void close() {
        muon.close();
        newtonSchulz.close();
        freon.close();
        kaon.close();
        truncatedSgd.close();
        adamW.close();
        manager.close();
    }

    /** Ours, with the default map. */
    @Benchmark
    public void muon() {
        muon.update("w", weight, gradient);
    }

    /** Ours, with the reference's five Newton-Schulz steps. */
    @Benchmark
    public void muonNewtonSchulz() {
        newtonSchulz.update("w", weight, gradient);
    }

    /** Ours, with exponent 2/3. */
    @Benchmark
    public void freon() {
        freon.update("w", weight, gradient);
    }

    /** Ours, with five chaotic iterations. */
    @Benchmark
    public void kaon() {
        kaon.update("w", weight, gradient);
    }

    /** Ours, without the largest 5% of the singular values. */
    @Benchmark
    public void truncatedSgd() {
        truncatedSgd.update("w", weight, gradient);
    }

    /** The reference step in DJL array operations. */
    @Benchmark
    public void muonInDjlArrays() {
        ArrayMuon.step(weight, gradient, momentum);
    }

    /** Ours, for scale. */
    @Benchmark
    public void adamW() {
        adamW.update("w", weight, gradient);
    }
}
