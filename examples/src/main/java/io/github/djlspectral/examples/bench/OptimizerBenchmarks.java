package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.examples.bench.MemoryProfiler.PolarError;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.optim.Kaon;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.TruncatedSgd;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Warmup;

/** One step of an optimizer. */
public final class OptimizerBenchmarks {

    static final String HIDDEN_MATRICES = "124M, hidden matrices";
    private static final String ALL_PARAMETERS = "124M, all parameters";

    private OptimizerBenchmarks() {}

    /**
     * One whole optimizer step with given gradients, float32: on one hidden matrix of a GPT-2 of
     * any published size, on all 48 of the model with 124 million parameters, or on all its
     * parameters; there what is no hidden matrix takes a step of AdamW.
     */
    @BenchmarkMode(Mode.AverageTime)
    @Warmup(iterations = 1, time = 500, timeUnit = TimeUnit.MILLISECONDS)
    @Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
    public static class OptimizerStep extends EngineBenchmark {

        /** As query, key and value of a layer are: Muon takes it apart, the others do not. */
        private static final String FUSED = "3 x 768x768";

        private static final String MUON = "Muon";
        private static final String NEWTON_SCHULZ = "Muon, native Newton-Schulz";
        private static final String ARRAYS = "Muon, DJL arrays";
        private static final String ADAMW = "AdamW";
        private static final String STOCK = "AdamW, DJL";

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
        @Param({MUON, NEWTON_SCHULZ, ARRAYS, "Freon", "Kaon", "TruncatedSgd", ADAMW, STOCK})
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
                        case NEWTON_SCHULZ ->
                                Muon.builder().optMap(SpectralMap.newtonSchulz()).build();
                        case "Freon" -> Freon.builder().build();
                        case "Kaon" -> Kaon.builder().build();
                        case "TruncatedSgd" -> TruncatedSgd.builder().build();
                        case ADAMW -> DecoupledAdamW.builder().build();
                        case STOCK -> Optimizer.adamW().build();
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
                MemoryProfiler.tell(
                        MemoryProfiler.POLAR_ERROR, PolarError.of(muon.getMap(), subject));
            }
            Gpt2Training.close(measured);
            Gpt2Training.close(rest);
        }

        /** One step. */
        @Benchmark
        public void step() {
            for (TrainedWeight weight : trained) {
                weight.update(weight.hidden() ? measured : rest);
            }
        }
    }

    /** An update as training makes it: all gradients measured, all weights moved, all zeroed. */
    @BenchmarkMode(Mode.AverageTime)
    @Warmup(iterations = 2, time = 2)
    @Measurement(iterations = 5, time = 2)
    public static class WholeStep extends EngineBenchmark {

        private static final String MUON = "Muon, whole step";

        @Param("optimizers")
        String suite;

        @Param(ALL_PARAMETERS)
        String subject;

        @Param({"AdamW, whole step", MUON})
        String contender;

        Gpt2Config config = Gpt2Config.gpt2Small().withDropout(0);

        /** Creates the model, whose weights have gradients once there was a backward pass. */
        @Override
        void make() {
            training = Gpt2Training.of(config, contender.equals(MUON), new Shape(1, 16));
            training.gradients();
        }

        /** One step. */
        @Benchmark
        public void step() {
            training.update();
        }
    }

    /**
     * Freon's step by the ways to compute a power, float32, exponent 2/3 with its default floor.
     */
    @BenchmarkMode(Mode.AverageTime)
    @Warmup(iterations = 2, time = 2)
    @Measurement(iterations = 3, time = 2)
    public static class FreonMethod extends EngineBenchmark {

        @Param("routes")
        String suite;

        /** The shape of the weight, rows x columns. */
        @Param({"16x64", "64x256", "256x1024", "768x768", "768x3072"})
        String subject;

        /** A {@link Freon.Method}, in words. */
        @Param({"eigh", "svd", "partial fractions"})
        String contender;

        private TrainedWeight weight;
        private Freon freon;

        @Override
        void make() {
            weight = TrainedWeight.matrix(manager, subject);
            String method = contender.toUpperCase(Locale.ROOT).replace(' ', '_');
            freon = Freon.builder().optMethod(Freon.Method.valueOf(method)).build();
        }

        @Override
        void finish() {
            freon.close();
        }

        /** One step. */
        @Benchmark
        public void freon() {
            weight.update(freon);
        }
    }

    /**
     * A weight as an optimizer meets it, with a random gradient.
     *
     * @param id the parameter's id
     * @param value the weight, float32
     * @param gradient of the weight's shape, normal
     * @param hidden whether it is a hidden matrix, which spectral optimizers are for
     * @param routing says that it is several; null where it is one
     */
    record TrainedWeight(
            String id, NDArray value, NDArray gradient, boolean hidden, ParameterRouting routing) {

        /** Returns one matrix of normal numbers; the shape is written as rows x columns. */
        static TrainedWeight matrix(NDManager manager, String shape) {
            Shape sides =
                    new Shape(Arrays.stream(shape.split("x")).mapToLong(Long::parseLong).toArray());
            NDArray value = manager.randomNormal(sides);
            return new TrainedWeight("w", value, manager.randomNormal(sides), true, null);
        }

        /** Returns so many square matrices as one weight. */
        static List<TrainedWeight> fused(NDManager manager, int side, int blocks) {
            Linear layer = Linear.builder().setUnits((long) blocks * side).optBias(false).build();
            layer.freezeParameters(true);
            layer.initialize(manager, DataType.FLOAT32, new Shape(1, side));
            ParameterRouting routing =
                    ParameterRouting.of(layer).withSpectral("weight").withBlocks("weight", blocks);
            return List.of(of(manager, layer.getParameters().get("weight"), true, routing));
        }

        /** Returns all weights of a new GPT-2. */
        static List<TrainedWeight> model(NDManager manager, Gpt2Config config) {
            Gpt2 gpt2 = Gpt2.builder().setConfig(config).build();
            gpt2.freezeParameters(true); // array operations cannot change what records a gradient
            gpt2.initialize(manager, DataType.FLOAT32, new Shape(1, 1));
            ParameterRouting routing = ParameterRouting.of(gpt2);
            return gpt2.getParameters().values().stream()
                    .map(p -> of(manager, p, routing.isSpectral(p.getId()), null))
                    .toList();
        }

        /** Returns the hidden matrices of a new GPT-2. */
        static List<TrainedWeight> hidden(NDManager manager, Gpt2Config config) {
            return model(manager, config).stream().filter(TrainedWeight::hidden).toList();
        }

        private static TrainedWeight of(
                NDManager manager, Parameter parameter, boolean hidden, ParameterRouting routing) {
            NDArray value = parameter.getArray();
            NDArray gradient = manager.randomNormal(value.getShape());
            return new TrainedWeight(parameter.getId(), value, gradient, hidden, routing);
        }

        /** Makes one step. */
        void update(Optimizer optimizer) {
            optimizer.update(id, value, gradient);
        }
    }

    /**
     * The reference Muon step as a DJL user would write it with array operations: momentum,
     * Nesterov, five Newton-Schulz steps, decay and update. The momentum belongs to the manager of
     * its weight.
     */
    static final class ArrayMuon extends Optimizer {

        private static final float MOMENTUM = 0.95f;
        private static final float RATE = 0.02f;
        private static final float DECAY = 0.01f;

        private final Map<String, NDArray> momenta = new HashMap<>();

        ArrayMuon() {
            super(new Builder());
        }

        @Override
        public void update(String parameterId, NDArray weight, NDArray gradient) {
            NDArray momentum = momenta.computeIfAbsent(parameterId, id -> weight.zerosLike());
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                momentum.muli(MOMENTUM).addi(gradient.mul(1 - MOMENTUM));
                NDArray lookahead = gradient.mul(1 - MOMENTUM).add(momentum.mul(MOMENTUM));
                double rows = weight.getShape().get(0);
                double columns = weight.getShape().get(1);
                double scale = Math.sqrt(Math.max(1, rows / columns));
                weight.muli(1 - RATE * DECAY).subi(newtonSchulz(lookahead).mul(RATE * scale));
            }
        }

        private static NDArray newtonSchulz(NDArray matrix) {
            boolean tall = matrix.getShape().get(0) > matrix.getShape().get(1);
            NDArray x = tall ? matrix.transpose() : matrix;
            x = x.div(x.norm().add(1e-7f));
            for (int i = 0; i < 5; i++) {
                NDArray gram = x.matMul(x.transpose());
                NDArray polynomial = gram.mul(-4.7750f).add(gram.matMul(gram).mul(2.0315f));
                x = x.mul(3.4445f).add(polynomial.matMul(x));
            }
            return tall ? x.transpose() : x;
        }

        private static final class Builder extends OptimizerBuilder<Builder> {
            @Override
            protected Builder self() {
                return this;
            }
        }
    }
}
