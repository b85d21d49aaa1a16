package io.github.djlspectral.examples.bench;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.examples.bench.Trial.MemoryProfiler;
import io.github.djlspectral.layers.gpt.ComposedGpt2;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Backpropagation;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.Precision;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.GradientClipping;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.OptimizerStep;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.text.BadInputException;
import io.github.djlspectral.torch.Host;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Training of a GPT-2 or a part of it. */
final class Gpt2Task extends Task {

    int layerWidth = 768;
    Training training;

    /**
     * On 1024 tokens: the loss alone, with its gradients, which accumulate, and a whole AdamW step,
     * which clips and updates too; or a Muon step on 8192 tokens, eight batches whose gradients
     * accumulate; or an update as training makes it: all gradients measured, all weights moved, all
     * zeroed. One layer is 45.1 GFLOP with causal attention counted in full; it sits between an
     * embedding and a head of 64 tokens, which are included.
     *
     * <p>Of {@link Point}, of which one axis grows, a training step with its memory, or its part
     * that grows with the tokens: clipping and the update, which are the same for any batch, would
     * bend its curve.
     */
    @Override
    void make(Suite suite) {
        if (suite == Suite.GROWTH) {
            grow(Point.parse(subject));
            return;
        }
        boolean update = contender.endsWith("whole step");
        training =
                new Training(
                        subject.startsWith("one layer") ? oneLayer(layerWidth) : model,
                        contender,
                        update ? 1 : 4,
                        update ? 16 : 256);
        work =
                switch (subject.substring(subject.lastIndexOf(' ') + 1)) {
                    case "forward" -> training::loss;
                    case "backward" -> training::gradients;
                    case "parameters" -> training::update;
                    default -> () -> training.step(subject.contains("B=32") ? 8 : 1);
                };
        if (update) {
            training.gradients(); // weights have them once there was a backward pass
        }
    }

    /** Returns a GPT-2 of one layer, with a head for each 64, and of 64 tokens. */
    static Gpt2Config oneLayer(int width) {
        return new Gpt2Config(64, 1024, 1, width / 64, width, 0, true);
    }

    private void grow(Point point) {
        if (contender.startsWith("ours")) {
            // A tiny one takes a step before, so that the base of the memory has the code that a
            // step runs through, and the rest is arrays.
            try (Training tiny = new Training(new Point(64, 1, 1, 1).config(), contender, 1, 1)) {
                tiny.step(1);
            }
            MemoryProfiler.noteBase();
            double bytes = point.memory(contender.endsWith("Muon"));
            MemoryProfiler.tell(MemoryProfiler.PREDICTED, bytes);
        }
        training = new Training(point.config(), contender, point.batch, point.context);
        work = contender.startsWith("ours") ? () -> training.step(1) : training::gradients;
    }

    @Override
    void finish() {
        training.close();
    }

    /**
     * A GPT-2 and its batch, for growth along one axis at a time.
     *
     * @param width C; a head for each 64
     * @param depth the number of layers
     * @param batch the number of sequences B
     * @param context the tokens of each T
     */
    record Point(int width, int depth, int batch, int context) {

        private static final int VOCABULARY = 8192;
        private static final long BESIDE = 8_000_000;
        private static final Pattern AXIS =
                Pattern.compile("(width|depth|batch|context)=([1-9]\\d*)");

        /**
         * Changes the base, which is width 512, depth 2, batch 4 and context 256, along one axis.
         *
         * @param text such as "width=768"
         * @throws BadInputException if it is nothing of the kind
         */
        static Point parse(String text) {
            Matcher axis = AXIS.matcher(text);
            String message = "A point of growth is %s, such as width=768, not %s";
            BadInputException.unless(axis.matches(), message, AXIS, text);
            int value = Integer.parseInt(axis.group(2));
            return switch (axis.group(1)) {
                case "width" -> new Point(value, 2, 4, 256);
                case "depth" -> new Point(512, value, 4, 256);
                case "batch" -> new Point(512, 2, value, 256);
                default -> new Point(512, 2, 4, value);
            };
        }

        /** Returns the model, without dropout. */
        Gpt2Config config() {
            return new Gpt2Config(VOCABULARY, context, depth, width / 64, width, 0, true);
        }

        /**
         * Returns the memory that training in float32 on a CPU needs for arrays, in bytes.
         *
         * <p>With P parameters, of which H are in hidden matrices, L layers of width C with h
         * heads, V tokens in the vocabulary, N = B T tokens in the batch and r rows of logits at a
         * time, these are numbers of 4 bytes:
         *
         * <pre>
         * weights     P
         * gradients   P: they stay, as the engine adds to them
         * state       2 P for AdamW;  2 P - H for Muon, which has only the momentum
         * workspace   N ((2 L + 1) (2 C + 2) + L (12 C + h) + 6 C) + r V
         * passing     4 N C, and 10 C^2 for Muon
         * beside      8 million
         * </pre>
         *
         * <p>All of it is there at the same time, so the peak is the sum. Each term is counted from
         * what the code allocates, but for the last, which was measured: the buffers in which the
         * library of matrix products packs its operands, and what the virtual machine takes to
         * compile the program while it runs. What the allocator leaves unused between blocks is not
         * counted.
         *
         * <p>The workspace is what a {@link Gpt2Backpropagation} keeps of the forward pass. At the
         * beginning of each half layer and at the end, the residual stream, what of it is
         * normalised, and two numbers for that; of each layer, queries, keys and values (3 C), what
         * attention gives (C) and a number per head, and the perceptron before and after GELU (8
         * C); three gradients for one layer at a time (6 C); and r rows of logits.
         *
         * <p>Passing is what is made and freed again. In a layer's attention the gradients of
         * queries, keys and values, and beside them one of the stream; in Muon's update of a C x 4
         * C matrix what enters the polar map (4 C^2), and six of the size of its Gram matrix: that,
         * its Cholesky factor, the inverse and the product of two steps. One comes after the other,
         * but blocks of less than 32 MiB stay with the process, in pieces that the next does not
         * fit into.
         *
         * @param muon whether the optimizer is Muon, with AdamW for what is no hidden matrix
         */
        long memory(boolean muon) {
            DataType type = DataType.FLOAT32;
            long workspace =
                    Gpt2Backpropagation.bytes(config(), Precision.FLOAT32, type, batch, context);
            long passing = 4L * batch * context * width + (muon ? 10L * width * width : 0);
            long numbers = 4 * weights() - (muon ? hidden() : 0) + passing + BESIDE;
            return workspace + type.getNumOfBytes() * numbers;
        }

        /** All parameters: embeddings, each layer's four matrices, and the biases and gains. */
        long weights() {
            return hidden() + (VOCABULARY + context + 13L * depth + 2) * width;
        }

        /** The hidden matrices: 3 C x C, C x C, 4 C x C and C x 4 C. */
        private long hidden() {
            return 12L * depth * width * width;
        }
    }

    /** A GPT-2 with random weights, its trainer and one batch of random tokens. */
    static final class Training implements AutoCloseable {

        final Model model = Model.newInstance("gpt2", "PyTorch");
        final Trainer trainer;
        private final Optimizer optimizer;
        private final NDArray tokens;
        private final NDArray targets;
        private final Gpt2 gpt2; // null if it is of DJL's blocks
        private final Gpt2Backpropagation backpropagation; // null if the gradient is autograd's

        /**
         * Creates the model and its optimizer.
         *
         * @param contender in words: "DJL blocks" for the same model of DJL's stock blocks, which
         *     is trained as DJL does it, "bfloat16", "autograd" for ours not as in training; "DJL
         *     AdamW", or "Muon" with our AdamW for what is no hidden matrix
         * @param batch B x T
         */
        Training(Gpt2Config config, String contender, long... batch) {
            Engine.getEngine("PyTorch").setRandomSeed(0);
            boolean half = contender.contains("bfloat16");
            Precision precision = half ? Precision.BFLOAT16 : Precision.FLOAT32;
            gpt2 =
                    contender.startsWith("DJL")
                            ? null
                            : Gpt2.builder().setConfig(config).optPrecision(precision).build();
            Block block = gpt2 == null ? new ComposedGpt2(config, Activation::gelu) : gpt2;
            optimizer =
                    contender.endsWith("DJL AdamW")
                            ? Optimizer.adamW().build()
                            : contender.contains("Muon")
                                    ? Muon.builder().optRouting(ParameterRouting.of(block)).build()
                                    : DecoupledAdamW.builder().build();
            model.setBlock(block);
            Loss loss = Loss.softmaxCrossEntropyLoss();
            trainer = model.newTrainer(new DefaultTrainingConfig(loss).optOptimizer(optimizer));
            Shape shape = new Shape(batch);
            trainer.initialize(shape);
            NDManager manager = model.getNDManager();
            tokens = manager.randomInteger(0, config.vocabSize(), shape, DataType.INT64);
            targets = manager.randomInteger(0, config.vocabSize(), shape, DataType.INT64);
            boolean written = gpt2 != null && !contender.contains("autograd");
            backpropagation =
                    written && Gpt2Backpropagation.supports(gpt2, manager.getDevice())
                            ? new Gpt2Backpropagation(gpt2, manager, (int) batch[0], (int) batch[1])
                            : null;
        }

        /** Returns the loss, without gradients. */
        float loss() {
            try (NDManager scratch = trainer.getManager().newSubManager()) {
                return Host.read(loss(scratch, trainer::evaluate), NDArray::getFloat);
            }
        }

        /** Forward and backward; gradients accumulate. */
        void gradients() {
            if (backpropagation != null) {
                ParameterStore parameters = new ParameterStore(trainer.getManager(), false);
                backpropagation.accumulate(parameters, tokens, targets, 1);
                return;
            }
            try (NDManager scratch = trainer.getManager().newSubManager();
                    GradientCollector collector = trainer.newGradientCollector()) {
                collector.backward(loss(scratch, trainer::forward));
            }
        }

        /** The loss of copies of the batch, to whose manager its arrays attach. */
        private NDArray loss(NDManager scratch, UnaryOperator<NDList> forward) {
            NDArray inputs = tokens.duplicate();
            inputs.attach(scratch);
            NDArray labels = targets.duplicate();
            labels.attach(scratch);
            if (gpt2 != null) {
                return forward.apply(new NDList(inputs, labels)).singletonOrThrow();
            }
            NDArray logits = forward.apply(new NDList(inputs)).singletonOrThrow();
            Shape rows = new Shape(targets.size(), logits.getShape().get(2));
            return trainer.getLoss()
                    .evaluate(new NDList(labels.reshape(-1)), new NDList(logits.reshape(rows)));
        }

        /** A whole training step. */
        void step(int batches) {
            for (int i = 0; i < batches; i++) {
                gradients();
            }
            update();
        }

        /** What follows the gradients: clipping and the optimizer. */
        void update() {
            if (gpt2 != null) {
                OptimizerStep.apply(trainer, optimizer, 1);
            } else {
                GradientClipping.byGlobalNorm(trainer, 1);
                trainer.step();
            }
        }

        @Override
        public void close() {
            if (backpropagation != null) {
                backpropagation.close();
            }
            trainer.close();
            model.close();
            OptimizerTask.close(optimizer);
        }
    }
}
