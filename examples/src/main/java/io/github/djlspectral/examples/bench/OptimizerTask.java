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
import io.github.djlspectral.examples.bench.Trial.Task;
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
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * One whole optimizer step with given gradients, float32: on one hidden matrix of a GPT-2 of any
 * published size, on all 48 of the model with 124 million parameters, or on all its parameters;
 * there what is no hidden matrix takes a step of AdamW. Ours with their defaults, or Muon with the
 * reference's five Newton-Schulz steps; or DJL's.
 */
final class OptimizerTask extends Task {

    private static final TorchScript KERNELS =
            TorchScript.ofResources(OptimizerTask.class, "polar_error.py");

    private List<Weight> trained;
    private Optimizer measured;
    private Optimizer rest;

    /** A weight as an optimizer meets it; spectral ones are for hidden matrices. */
    private record Weight(String id, NDArray value, NDArray gradient, boolean hidden) {}

    @Override
    void make(Suite suite) {
        Muon.Builder muon = Muon.builder();
        Gpt2Config config = suite == Suite.GROWTH ? Point.parse(subject).config() : model;
        if (subject.startsWith("3 x")) {
            // As query, key and value of a layer are: Muon takes it apart, the others do not.
            Block fused = Linear.builder().setUnits(3 * 768).optBias(false).build();
            trained = weights(fused, 768);
            muon.optRouting(
                    ParameterRouting.of(fused).withSpectral("weight").withBlocks("weight", 3));
        } else if (subject.matches("\\d+x\\d+")) {
            Shape shape = shape(subject);
            NDArray value = manager.randomNormal(shape);
            trained = List.of(new Weight("w", value, manager.randomNormal(shape), true));
        } else {
            boolean all = subject.equals("124M, all parameters");
            Gpt2 gpt2 = Gpt2.builder().setConfig(config).build();
            trained = weights(gpt2, 1).stream().filter(w -> all || w.hidden).toList();
        }
        String method = contender.toUpperCase(Locale.ROOT).replace(' ', '_');
        measured =
                switch (contender) {
                    case "Muon", "Muon alone" -> muon.build();
                    case "Muon, native Newton-Schulz" ->
                            Muon.builder().optMap(SpectralMap.newtonSchulz()).build();
                    case "Muon, DJL arrays" -> new ArrayMuon();
                    case "Freon" -> Freon.builder().build();
                    case "Kaon" -> Kaon.builder().build();
                    case "TruncatedSgd" -> TruncatedSgd.builder().build();
                    case "AdamW" -> DecoupledAdamW.builder().build();
                    case "AdamW, DJL" -> Optimizer.adamW().build();
                    default -> Freon.builder().optMethod(Freon.Method.valueOf(method)).build();
                };
        rest = contender.startsWith("AdamW") ? measured : DecoupledAdamW.builder().build();
        work = () -> trained.forEach(w -> step(w.hidden ? measured : rest, w));
    }

    private static void step(Optimizer optimizer, Weight weight) {
        optimizer.update(weight.id, weight.value, weight.gradient);
    }

    private static Shape shape(String text) {
        return new Shape(Stream.of(text.split("x")).mapToLong(Long::parseLong).toArray());
    }

    private List<Weight> weights(Block block, int width) {
        block.freezeParameters(true); // array operations cannot change what records a gradient
        block.initialize(manager, DataType.FLOAT32, new Shape(1, width));
        ParameterRouting routing = ParameterRouting.of(block);
        List<Weight> weights = new ArrayList<>();
        for (Parameter parameter : block.getParameters().values()) {
            NDArray value = parameter.getArray();
            NDArray gradient = manager.randomNormal(value.getShape());
            boolean hidden = block instanceof Linear || routing.isSpectral(parameter.getId());
            weights.add(new Weight(parameter.getId(), value, gradient, hidden));
        }
        return weights;
    }

    /** Frees the optimizers, and tells how exact the polar factor of the Muon that ran is. */
    @Override
    void finish() {
        MemoryProfiler.notePeak();
        if (subject.matches("\\d+x\\d+") && measured instanceof Muon muon) {
            MemoryProfiler.tell(MemoryProfiler.POLAR_ERROR, polarError(muon.getMap(), subject));
        }
        close(measured);
        close(rest);
    }

    static void close(Optimizer optimizer) {
        if (optimizer instanceof StatefulOptimizer ours) {
            ours.close();
        }
    }

    /**
     * Returns how exact a polar factor is, all of whose singular values s should be 1: the largest
     * |s - 1| in the directions in which the matrix itself is at least a hundredth as large as in
     * its largest; a direction without any gradient has no polar factor. The matrix is of
     * pseudorandom numbers, the same ones as in {@code peer.py}.
     */
    static double polarError(SpectralMap map, String rowsByColumns) {
        Shape shape = shape(rowsByColumns);
        float[] numbers = new float[(int) shape.size()];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = number(i);
        }
        boolean tall = shape.get(0) > shape.get(1);
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            NDArray matrix = manager.create(numbers, shape);
            NDArray factor = map.apply(matrix);
            factor.attach(manager);
            NDArray wide = tall ? matrix.transpose() : matrix;
            return KERNELS.callDouble(manager, "error", wide, tall ? factor.transpose() : factor);
        }
    }

    /** SplitMix64's output for a state, its upper 24 bits as a number in [-1, 1). */
    static float number(long index) {
        long z = (index + 1) * 0x9E3779B97F4A7C15L;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        z ^= z >>> 31;
        return (z >>> 40) / (float) (1 << 23) - 1;
    }

    /**
     * The reference Muon step as a DJL user would write it with array operations: momentum 0.95,
     * Nesterov, five Newton-Schulz steps, decay and update at rate 0.02. The momentum belongs to
     * the manager of its weight.
     */
    static final class ArrayMuon extends Optimizer {

        private final Map<String, NDArray> momenta = new HashMap<>();

        ArrayMuon() {
            super(Optimizer.sgd()); // of which it takes nothing
        }

        @Override
        public void update(String parameterId, NDArray weight, NDArray gradient) {
            NDArray momentum = momenta.computeIfAbsent(parameterId, id -> weight.zerosLike());
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                momentum.muli(0.95f).addi(gradient.mul(1 - 0.95f));
                NDArray lookahead = gradient.mul(1 - 0.95f).add(momentum.mul(0.95f));
                double rows = weight.getShape().get(0);
                double scale = Math.sqrt(Math.max(1, rows / weight.getShape().get(1)));
                weight.muli(1 - 0.02f * 0.01f).subi(newtonSchulz(lookahead).mul(0.02f * scale));
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
    }
}
