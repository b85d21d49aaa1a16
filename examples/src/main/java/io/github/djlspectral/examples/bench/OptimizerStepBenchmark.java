package io.github.djlspectral.examples.bench;

import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.optim.Kaon;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.optim.TruncatedSgd;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One whole optimizer step with given gradients, float32: on one hidden matrix of a GPT-2 of any
 * published size, on all 48 of the model with 124 million parameters, or on all its parameters;
 * there what is no hidden matrix takes a step of AdamW.
 */
@BenchmarkMode(Mode.AverageTime)
@Warmup(iterations = 1, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
public class OptimizerStepBenchmark extends EngineBenchmark {

    static final String HIDDEN_MATRICES = "124M, hidden matrices";

    /** As query, key and value of a layer are: Muon takes it apart, the others do not. */
    private static final String FUSED = "3 x 768x768";

    private static final String ALL_PARAMETERS = "124M, all parameters";
    private static final String MUON = "Muon";
    private static final String NEWTON_SCHULZ = "Muon, native Newton-Schulz";
    private static final String ADAMW = "AdamW";
    private static final String STOCK_ADAMW = "AdamW, DJL";

    @Param("optimizers")
    String suite;

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
    String subject;

    /** Ours, with their defaults or the reference's five Newton-Schulz steps, or DJL's. */
    @Param({
        MUON,
        NEWTON_SCHULZ,
        "Muon, DJL arrays",
        "Freon",
        "Kaon",
        "TruncatedSgd",
        ADAMW,
        STOCK_ADAMW
    })
    String contender;

    /** The model of which there are all weights. */
    Gpt2Config model = Gpt2Config.gpt2Small();

    private List<TrainedWeight> trained;
    private Optimizer measured;
    private Optimizer rest;

    /** Creates the arrays and the optimizers, which have no state before their first step. */
    @Override
    void make() {
        trained =
                switch (subject) {
                    case HIDDEN_MATRICES -> TrainedWeight.hidden(manager, model);
                    case ALL_PARAMETERS -> TrainedWeight.model(manager, model);
                    case FUSED -> TrainedWeight.fused(manager, 768, 3);
                    default -> List.of(TrainedWeight.matrix(manager, subject));
                };
        measured =
                switch (contender) {
                    case MUON -> muon(trained.get(0).routing());
                    case NEWTON_SCHULZ -> Muon.builder().optMap(SpectralMap.newtonSchulz()).build();
                    case "Freon" -> Freon.builder().build();
                    case "Kaon" -> Kaon.builder().build();
                    case "TruncatedSgd" -> TruncatedSgd.builder().build();
                    case ADAMW -> DecoupledAdamW.builder().build();
                    case STOCK_ADAMW -> Optimizer.adamW().build();
                    default -> new ArrayMuon();
                };
        rest = contender.startsWith(ADAMW) ? measured : DecoupledAdamW.builder().build();
    }

    private static Muon muon(ParameterRouting routing) {
        return routing == null
                ? Muon.builder().build()
                : Muon.builder().optRouting(routing).build();
    }

    /** Frees the optimizers, and tells how exact the polar factor of the Muon that ran is. */
    @Override
    void finish() {
        MemoryProfiler.notePeak();
        boolean matrix = trained.size() == 1 && trained.get(0).routing() == null;
        if (matrix && measured instanceof Muon muon) {
            MemoryProfiler.tell(MemoryProfiler.POLAR_ERROR, PolarError.of(muon.getMap(), subject));
        }
        for (Optimizer optimizer : List.of(measured, rest)) {
            if (optimizer instanceof StatefulOptimizer ours) {
                ours.close();
            }
        }
    }

    /** One step. */
    @Benchmark
    public void step() {
        for (TrainedWeight weight : trained) {
            weight.update(weight.hidden() ? measured : rest);
        }
    }
}
