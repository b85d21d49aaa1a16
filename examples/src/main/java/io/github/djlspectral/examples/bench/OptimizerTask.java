package io.github.djlspectral.examples.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.examples.bench.Gpt2Task.Point;
import io.github.djlspectral.examples.bench.Trial.MemoryProfiler;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.optim.Kaon;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.optim.TruncatedSgd;
import io.github.djlspectral.torch.TorchScript;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * One whole optimizer step with given gradients, float32: on one hidden matrix of a GPT-2 of any
 * published size, on all 48 of the model with 124 million parameters, or on all its parameters;
 * there what is no hidden matrix takes a step of AdamW. Ours with their defaults, or Muon with the
 * reference's five Newton-Schulz steps; or DJL's.
 */
final class OptimizerTask extends Task {

    static final String HIDDEN_MATRICES = "124M, hidden matrices";

    /** As query, key and value of a layer are: Muon takes it apart, the others do not. */
    private static final String FUSED = "3 x 768x768";

    private List<TrainedWeight> trained;
    private Optimizer measured;
    private Optimizer rest;

    /** Creates the arrays and the optimizers, which have no state before their first step. */
    @Override
    void make(Suite suite) {
        trained =
                switch (subject) {
                    case HIDDEN_MATRICES -> TrainedWeight.hidden(manager, model);
                    case "124M, all parameters" -> TrainedWeight.model(manager, model);
                    case FUSED -> List.of(TrainedWeight.fused(manager, 768, 3));
                    default ->
                            suite == Suite.GROWTH
                                    ? TrainedWeight.hidden(manager, Point.parse(subject).config())
                                    : List.of(TrainedWeight.matrix(manager, subject));
                };
        ParameterRouting routing = trained.get(0).routing();
        Muon.Builder muon = Muon.builder();
        measured =
                switch (contender) {
                    case "Muon" -> (routing == null ? muon : muon.optRouting(routing)).build();
                    case "Muon alone" -> muon.build();
                    case "Muon, native Newton-Schulz" ->
                            muon.optMap(SpectralMap.newtonSchulz()).build();
                    case "Muon, DJL arrays" -> new ArrayMuon();
                    case "Freon" -> Freon.builder().build();
                    case "Kaon" -> Kaon.builder().build();
                    case "TruncatedSgd" -> TruncatedSgd.builder().build();
                    case "AdamW" -> DecoupledAdamW.builder().build();
                    case "AdamW, DJL" -> Optimizer.adamW().build();
                    default -> Freon.builder().optMethod(method()).build();
                };
        rest = contender.startsWith("AdamW") ? measured : DecoupledAdamW.builder().build();
        work = () -> trained.forEach(w -> w.update(w.hidden() ? measured : rest));
    }

    private Freon.Method method() {
        return Freon.Method.valueOf(contender.toUpperCase(Locale.ROOT).replace(' ', '_'));
    }

    /** Frees the optimizers, and tells how exact the polar factor of the Muon that ran is. */
    @Override
    void finish() {
        MemoryProfiler.notePeak();
        if (subject.matches("\\d+x\\d+") && measured instanceof Muon muon) {
            double error = PolarError.of(muon.getMap(), subject);
            MemoryProfiler.tell(MemoryProfiler.POLAR_ERROR, error);
        }
        close(measured);
        close(rest);
    }

    /** Frees an optimizer, if it has something to free. */
    static void close(Optimizer optimizer) {
        if (optimizer instanceof StatefulOptimizer ours) {
            ours.close();
        }
    }

    /**
     * A weight as an optimizer meets it.
     *
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
        static TrainedWeight fused(NDManager manager, int side, int blocks) {
            Linear layer = Linear.builder().setUnits((long) blocks * side).optBias(false).build();
            initialize(layer, manager, side);
            ParameterRouting routing =
                    ParameterRouting.of(layer).withSpectral("weight").withBlocks("weight", blocks);
            return of(manager, layer.getParameters().get("weight"), true, routing);
        }

        /** Returns all weights of a new GPT-2. */
        static List<TrainedWeight> model(NDManager manager, Gpt2Config config) {
            Gpt2 gpt2 = Gpt2.builder().setConfig(config).build();
            initialize(gpt2, manager, 1);
            ParameterRouting routing = ParameterRouting.of(gpt2);
            return gpt2.getParameters().values().stream()
                    .map(p -> of(manager, p, routing.isSpectral(p.getId()), null))
                    .toList();
        }

        private static void initialize(Block block, NDManager manager, int width) {
            block.freezeParameters(true); // array operations cannot change what records a gradient
            block.initialize(manager, DataType.FLOAT32, new Shape(1, width));
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
                double scale = Math.sqrt(Math.max(1, rows / weight.getShape().get(1)));
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

    /**
     * How exact a polar factor is: all its singular values s should be 1. The error is the largest
     * |s - 1| in the directions in which the matrix itself is at least a hundredth as large as in
     * its largest; a direction without any gradient has no polar factor.
     */
    static final class PolarError {

        private static final TorchScript KERNELS =
                TorchScript.ofResources(OptimizerTask.class, "polar_error.py");

        private PolarError() {}

        /**
         * Of a map of pseudorandom numbers, rows x columns, the same ones as in {@code peer.py}.
         */
        static double of(SpectralMap map, String shape) {
            int[] sides = Arrays.stream(shape.split("x")).mapToInt(Integer::parseInt).toArray();
            float[] numbers = new float[sides[0] * sides[1]];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = number(i);
            }
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                NDArray matrix = manager.create(numbers, new Shape(sides[0], sides[1]));
                NDArray factor = map.apply(matrix);
                factor.attach(manager);
                return sides[0] > sides[1]
                        ? error(manager, matrix.transpose(), factor.transpose())
                        : error(manager, matrix, factor);
            }
        }

        private static double error(NDManager manager, NDArray wide, NDArray factor) {
            return KERNELS.callDouble(manager, "error", wide, factor);
        }

        /** SplitMix64's output for a state, its upper 24 bits as a number in [-1, 1). */
        static float number(long index) {
            long z = (index + 1) * 0x9E3779B97F4A7C15L;
            z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
            z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
            z ^= z >>> 31;
            return (z >>> 40) / (float) (1 << 23) - 1;
        }
    }
}
