package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDManager;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.optim.Kaon;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.optim.TruncatedSgd;
import java.util.List;
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
 * One whole optimizer step with given gradients, float32: on one hidden matrix of a GPT-2 of any
 * published size, on all 48 of the model with 124 million parameters, or on all its parameters;
 * there what is no hidden matrix takes a step of AdamW.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 1, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
        value = 1,
        jvmArgsAppend = {LoadedEngine.HEAP, LoadedEngine.MOST_HEAP, LoadedEngine.TOUCHED})
@Compared(
        suite = Suite.OPTIMIZERS,
        subject = "{weights}",
        quick = "768x768|768x3072|3072x768|" + OptimizerStepBenchmark.HIDDEN_MATRICES)
public class OptimizerStepBenchmark {

    static final String HIDDEN_MATRICES = "124M, hidden matrices";

    /** As query, key and value of a layer are: Muon takes it apart, the others do not. */
    private static final String FUSED = "3 x 768x768";

    private static final String ALL_PARAMETERS = "124M, all parameters";

    /** The weights: one matrix, rows x columns, or those of a model. */
    @Param({
        "768x768",
        "2304x768",
        FUSED,
        "3072x768",
        "768x3072",
        "1024x1024",
        "3072x1024",
        "4096x1024",
        "1024x4096",
        "1280x1280",
        "3840x1280",
        "5120x1280",
        "1280x5120",
        "1600x1600",
        "4800x1600",
        "6400x1600",
        "1600x6400",
        HIDDEN_MATRICES,
        ALL_PARAMETERS
    })
    public String weights;

    /** The model of which there are all weights. */
    Gpt2Config model = Gpt2Config.gpt2Small();

    /** Of all arrays. */
    NDManager manager;

    private List<TrainedWeight> trained;
    private Muon muon;
    private Muon newtonSchulz;
    private ArrayMuon arrayMuon;
    private Freon freon;
    private Kaon kaon;
    private TruncatedSgd truncatedSgd;
    private DecoupledAdamW adamW;
    private Optimizer stockAdamW;
    private Optimizer measured;

    /** Creates the arrays and the optimizers, which have no state before their first step. */
    @Setup
    public void create() {
        manager = LoadedEngine.start();
        trained =
                switch (weights) {
                    case HIDDEN_MATRICES -> TrainedWeight.hidden(manager, model);
                    case ALL_PARAMETERS -> TrainedWeight.model(manager, model);
                    case FUSED -> TrainedWeight.fused(manager, 768, 3);
                    default -> List.of(TrainedWeight.matrix(manager, weights));
                };
        muon = Muon.builder().build();
        trained.stream()
                .filter(weight -> weight.routing() != null)
                .forEach(w -> muon = Muon.builder().optRouting(w.routing()).build());
        newtonSchulz = Muon.builder().optMap(SpectralMap.newtonSchulz()).build();
        arrayMuon = new ArrayMuon();
        freon = Freon.builder().build();
        kaon = Kaon.builder().build();
        truncatedSgd = TruncatedSgd.builder().build();
        adamW = DecoupledAdamW.builder().build();
        stockAdamW = Optimizer.adamW().build();
    }

    /** Frees them, and tells how exact the polar factor of the Muon that ran is. */
    @TearDown
    public void close() {
        MemoryProfiler.notePeak();
        if (trained.size() == 1
                && trained.get(0).routing() == null
                && measured instanceof Muon spectral) {
            MemoryProfiler.tellPolarError(PolarError.of(spectral.getMap(), weights));
        }
        List.of(muon, newtonSchulz, freon, kaon, truncatedSgd, adamW)
                .forEach(StatefulOptimizer::close);
        manager.close();
    }

    /** Ours, with the default map. */
    @Benchmark
    @Compared(
            contender = "Muon",
            against = {"Muon, DJL arrays", "Muon, native Newton-Schulz", "torch.optim.Muon"})
    public void muon() {
        step(muon);
    }

    /** Ours, with the reference's five Newton-Schulz steps. */
    @Benchmark
    @Compared(contender = "Muon, native Newton-Schulz", against = "torch.optim.Muon")
    public void muonNewtonSchulz() {
        step(newtonSchulz);
    }

    /** The reference step in DJL array operations. */
    @Benchmark
    @Compared(contender = "Muon, DJL arrays")
    public void muonInDjlArrays() {
        step(arrayMuon);
    }

    /** Ours, with exponent 2/3. */
    @Benchmark
    @Compared(contender = "Freon", against = "Muon, DJL arrays")
    public void freon() {
        step(freon);
    }

    /** Ours, with five chaotic iterations. */
    @Benchmark
    @Compared(contender = "Kaon", against = "Muon, DJL arrays")
    public void kaon() {
        step(kaon);
    }

    /** Ours, without the largest 5% of the singular values. */
    @Benchmark
    @Compared(contender = "TruncatedSgd", against = "Muon, DJL arrays")
    public void truncatedSgd() {
        step(truncatedSgd);
    }

    /** Ours, fused. */
    @Benchmark
    @Compared(
            contender = "AdamW",
            against = {"AdamW, DJL", "torch.optim.AdamW"})
    public void adamW() {
        step(adamW);
    }

    /** DJL's own. */
    @Benchmark
    @Compared(contender = "AdamW, DJL")
    public void stockAdamW() {
        for (TrainedWeight weight : trained) {
            weight.update(stockAdamW);
        }
    }

    private void step(Optimizer optimizer) {
        measured = optimizer;
        for (TrainedWeight weight : trained) {
            weight.update(weight.hidden() ? optimizer : adamW);
        }
    }
}
