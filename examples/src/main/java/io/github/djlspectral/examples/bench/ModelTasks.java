package io.github.djlspectral.examples.bench;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.NormalInitializer;
import io.github.djlspectral.examples.bench.Trial.Task;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.KeyValueCache;
import io.github.djlspectral.layers.isometry.AbsFold;
import io.github.djlspectral.layers.isometry.Parametrization;
import io.github.djlspectral.layers.isometry.ResidualFold;
import io.github.djlspectral.torch.Host;
import io.github.djlspectral.torch.TorchScript;
import java.util.Arrays;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** What models are made of, and what they write. */
final class ModelTasks {

    private ModelTasks() {}

    /**
     * Products of two matrices of 2048 x 2048, 17.18 GFLOP each, in memory that is there already,
     * sums in float32. In float32 a candidate for the peak that everything else is a share of; the
     * other one is the product of 1024 x 1024 before each round, and the faster one it is.
     */
    static class MatrixProduct extends Task {

        private static final TorchScript KERNELS =
                TorchScript.ofResources(ModelTasks.class, "product.py");

        int side = 2048;
        double element; // the last of the last product

        @Override
        void make(Suite suite) {
            NDArray left = manager.randomNormal(new Shape(side, side));
            NDArray right = manager.randomNormal(new Shape(side, side));
            int type = contender.equals("ours, bfloat16") ? 15 : 6;
            Object[] inputs = {left, right, type, 4}; // rounding is then a hundredth of it
            work = () -> element = KERNELS.callDouble(manager, "products", inputs);
        }
    }

    /**
     * GPT-2 124M with random weights writes 256 tokens, each the most likely one, after a prompt of
     * 16: with a cache, and by a forward pass over everything so far.
     */
    static class Generation extends Task {

        private static final int PROMPT = 16;

        private final long[] tokens = LongStream.range(1000, 1272).toArray(); // of the prompt
        private Gpt2 gpt2;

        @Override
        void make(Suite suite) {
            gpt2 = Gpt2.builder().setConfig(model).build();
            // An untrained model mostly repeats its last token, which proves little.
            gpt2.setInitializer(
                    new NormalInitializer(0.05f),
                    p ->
                            p.getName().matches("(h|wpe)\\..*weight")
                                    && p.getShape().dimension() == 2);
            gpt2.initialize(manager, DataType.FLOAT32, new Shape(1, PROMPT));
            boolean eight = contender.startsWith("eight");
            work = () -> write(contender.startsWith("without") ? 0 : eight ? 8 : 1);
        }

        /** Writes all tokens, as so many sequences with a cache, or one without one. */
        private void write(int batch) {
            try (NDManager session = manager.newSubManager()) {
                KeyValueCache cache =
                        batch == 0 ? null : gpt2.newCache(session, batch, tokens.length);
                int[] all = IntStream.range(0, batch).toArray();
                for (int length = PROMPT; length < tokens.length; length++) {
                    int known = cache == null || length == PROMPT ? 0 : length - 1;
                    try (NDManager scratch = session.newSubManager()) {
                        long[] fresh = Arrays.copyOfRange(tokens, known, length);
                        NDArray input = scratch.create(fresh).reshape(1, -1);
                        ParameterStore store = new ParameterStore(scratch, false);
                        NDArray next =
                                cache == null
                                        ? logits(store, input).get(0).get(length - 1)
                                        : gpt2.next(store, input.repeat(0, batch), cache, all)
                                                .get(0);
                        tokens[length] = Host.read(next.argMax(), NDArray::getLong);
                    }
                }
            }
        }

        private NDArray logits(ParameterStore store, NDArray input) {
            return gpt2.forward(store, new NDList(input), false).singletonOrThrow();
        }

        /** Checks that each token is the most likely one by a single pass over all of them. */
        @Override
        void finish() {
            NDArray input = manager.create(tokens).reshape(1, -1);
            NDArray best = logits(new ParameterStore(manager, false), input).argMax(2).get(0);
            NDArray after = best.get((PROMPT - 1) + ":" + (tokens.length - 1));
            long[] expected = Host.read(after, NDArray::toLongArray);
            if (!Arrays.equals(expected, Arrays.copyOfRange(tokens, PROMPT, tokens.length))) {
                throw new IllegalStateException("Tokens differ from those of a pass over all");
            }
        }
    }

    /**
     * One isometric layer in the middle of a network, forward and backward for the input and all
     * parameters, against a linear layer with ReLU: width 512, batch 128, float32.
     */
    static class Fold extends Task {

        private static final Shape SHAPE = new Shape(128, 512);

        private Block block;
        private NDArray input;
        private NDArray moved;

        @Override
        void make(Suite suite) {
            Parametrization way =
                    contender.endsWith("retracted")
                            ? Parametrization.RETRACTION
                            : contender.endsWith("cayley")
                                    ? Parametrization.CAYLEY
                                    : Parametrization.INITIAL;
            AbsFold.Builder abs = AbsFold.builder().setWidth(512);
            ResidualFold.Builder residual = ResidualFold.builder().setWidth(512);
            Linear linear = Linear.builder().setUnits(512).build();
            block =
                    switch (contender) {
                        case "linear relu" ->
                                new SequentialBlock().add(linear).add(Activation::relu);
                        case "abs fold" -> abs.optParametrization(way).build();
                        default -> residual.optParametrization(way).build();
                    };
            block.initialize(manager, DataType.FLOAT32, SHAPE);
            block.getParameters()
                    .values()
                    .forEach(p -> p.getArray().setRequiresGradient(p.requiresGradient()));
            input = manager.randomNormal(SHAPE);
            input.setRequiresGradient(true);
            if (way == Parametrization.RETRACTION) {
                moved = block.getParameters().get("weight").getArray().duplicate();
                moved.addi(manager.randomNormal(moved.getShape()).mul(1e-3));
            }
            work = this::gradients;
        }

        private void gradients() {
            if (moved != null) {
                moved.copyTo(block.getParameters().get("weight").getArray());
            }
            try (NDManager scratch = manager.newSubManager();
                    GradientCollector collector =
                            Engine.getEngine("PyTorch").newGradientCollector()) {
                input.attach(scratch);
                ParameterStore store = new ParameterStore(scratch, false);
                NDList output = block.forward(store, new NDList(input), true);
                collector.backward(output.singletonOrThrow().sum());
                input.attach(manager);
            }
        }
    }
}
