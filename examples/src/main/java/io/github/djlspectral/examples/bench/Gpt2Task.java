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
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.examples.bench.Trial.MemoryProfiler;
import io.github.djlspectral.examples.bench.Trial.Task;
import io.github.djlspectral.layers.gpt.ComposedGpt2;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.layers.gpt.LossGradient;
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

/** Training of a GPT-2 with random weights on one batch of random tokens, or a part of it. */
final class Gpt2Task extends Task {

    int layerWidth = 768;
    Model gpt;
    Trainer trainer;
    private Optimizer optimizer;
    private NDArray tokens;
    private NDArray targets;
    private Gpt2 ours; // null if it is of DJL's blocks
    private LossGradient gradient; // null if a collector finds it

    /**
     * On 1024 tokens: the loss, with its gradients, a whole step, which clips and updates too; a
     * step on 8192 tokens, eight batches whose gradients accumulate; an update of measured
     * gradients. One layer is 45.1 GFLOP with causal attention counted in full; it sits between an
     * embedding and a head of 64 tokens, which are included. Of {@link Point}, a step with its
     * memory, or its gradients: clipping and the update, which are the same for any batch, would
     * bend their curve.
     */
    @Override
    void make(Suite suite) {
        if (suite == Suite.GROWTH) {
            grow(Point.parse(subject));
            return;
        }
        boolean update = contender.endsWith("whole step");
        Gpt2Config config = subject.startsWith("one layer") ? oneLayer(layerWidth) : model;
        train(config, contender, update ? 1 : 4, update ? 16 : 256);
        work =
                switch (subject.substring(subject.lastIndexOf(' ') + 1)) {
                    case "forward" -> this::loss;
                    case "backward" -> this::gradients;
                    case "parameters" -> this::update;
                    default -> () -> step(subject.contains("B=32") ? 8 : 1);
                };
        if (update) {
            gradients(); // weights have them once there was a backward pass
        }
    }

    /** Returns a GPT-2 of one layer, with a head for each 64, and of 64 tokens. */
    static Gpt2Config oneLayer(int width) {
        return new Gpt2Config(64, 1024, 1, width / 64, width, 0, true);
    }

    private void grow(Point point) {
        boolean whole = contender.startsWith("ours");
        if (whole) {
            // A tiny one takes a step before, so that the base of the memory has the code that a
            // step runs through, and the rest is arrays.
            train(new Point(64, 1, 1, 1).config(), contender, 1, 1);
            step(1);
            finish();
            MemoryProfiler.noteBase();
            double bytes = point.memory(contender.endsWith("Muon"));
            MemoryProfiler.tell(MemoryProfiler.PREDICTED, bytes);
        }
        train(point.config(), contender, point.batch, point.context);
        work = whole ? () -> step(1) : this::gradients;
    }

    /**
     * Creates what trains.
     *
     * @param how in words: "DJL blocks" for the same model of DJL's stock blocks, which is trained
     *     as DJL does it, "bfloat16", "autograd" for ours not as in training; "DJL AdamW", or
     *     "Muon" with our AdamW for what is no hidden matrix
     */
    void train(Gpt2Config config, String how, int batch, int length) {
        Engine.getEngine("PyTorch").setRandomSeed(0);
        Precision precision = how.contains("bfloat16") ? Precision.BFLOAT16 : Precision.FLOAT32;
        Gpt2.Builder builder = Gpt2.builder().setConfig(config).optPrecision(precision);
        ours = how.startsWith("DJL") ? null : builder.build();
        Block block = ours == null ? new ComposedGpt2(config, Activation::gelu) : ours;
        optimizer =
                how.endsWith("DJL AdamW")
                        ? Optimizer.adamW().build()
                        : how.contains("Muon")
                                ? Muon.builder().optRouting(ParameterRouting.of(block)).build()
                                : DecoupledAdamW.builder().build();
        gpt = Model.newInstance("gpt2", "PyTorch");
        gpt.setBlock(block);
        Loss loss = Loss.softmaxCrossEntropyLoss();
        trainer = gpt.newTrainer(new DefaultTrainingConfig(loss).optOptimizer(optimizer));
        Shape shape = new Shape(batch, length);
        trainer.initialize(shape);
        NDManager own = gpt.getNDManager();
        tokens = own.randomInteger(0, config.vocabSize(), shape, DataType.INT64);
        targets = own.randomInteger(0, config.vocabSize(), shape, DataType.INT64);
        boolean written = ours != null && !how.contains("autograd");
        gradient = written ? new LossGradient(ours, trainer, false) : null;
    }

    float loss() {
        try (NDManager scratch = trainer.getManager().newSubManager()) {
            return Host.read(loss(scratch, trainer::evaluate), NDArray::getFloat);
        }
    }

    void gradients() {
        if (gradient != null) {
            gradient.add(new NDList(tokens, targets), 1);
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
        NDArray labels = targets.duplicate();
        new NDList(inputs, labels).attach(scratch);
        if (ours != null) {
            return forward.apply(new NDList(inputs, labels)).singletonOrThrow();
        }
        NDArray logits = forward.apply(new NDList(inputs)).singletonOrThrow();
        NDArray rows = logits.reshape(targets.size(), logits.getShape().get(2));
        return trainer.getLoss().evaluate(new NDList(labels.flatten()), new NDList(rows));
    }

    void step(int batches) {
        for (int i = 0; i < batches; i++) {
            gradients();
        }
        update();
    }

    /** What follows the gradients: clipping and the optimizer. */
    private void update() {
        if (ours != null) {
            OptimizerStep.apply(trainer, optimizer, 1);
        } else {
            GradientClipping.byGlobalNorm(trainer, 1);
            trainer.step();
        }
    }

    @Override
    void finish() {
        trainer.close();
        gpt.close();
        OptimizerTask.close(optimizer);
    }

    /** A GPT-2 without dropout and its batch B x T: width C, with a head for each 64, L layers. */
    record Point(int width, int depth, int batch, int context) {

        private static final int VOCABULARY = 8192;
        private static final long LOGITS = 52_000_000; // at a time
        private static final Pattern AXIS =
                Pattern.compile("(width|depth|batch|context)=([1-9]\\d*)");

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

        Gpt2Config config() {
            return new Gpt2Config(VOCABULARY, context, depth, width / 64, width, 0, true);
        }

        /**
         * Returns the memory that training in float32 on a CPU needs for arrays, in bytes.
         *
         * <p>With P parameters, of which H are in hidden matrices, L layers of width C with h
         * heads, V tokens in the vocabulary, N = B T tokens in the batch and r rows of logits at a
         * time, these are numbers of 4 bytes, all there at the same time:
         *
         * <pre>
         * weights     P
         * gradients   P: they stay, as the engine adds to them
         * state       2 P for AdamW;  2 P - H for Muon, which has only the momentum
         * kept        N ((2 L + 1) (2 C + 2) + L (12 C + h))
         * passing     10 N C + r V + 4 C^2, and 10 C^2 for Muon
         * beside      8 million
         * </pre>
         *
         * <p>Where each term comes from, {@code results/growth.md} tells.
         */
        long memory(boolean muon) {
            long rows = (long) batch * context;
            long kept = (2L * depth + 1) * (2L * width + 2) + depth * (12L * width + width / 64);
            long chunks = (rows * VOCABULARY + LOGITS - 1) / LOGITS;
            long square = (long) width * width;
            long passing = 10 * rows * width + rows / chunks * VOCABULARY + 4 * square;
            long state = 4 * weights() - (muon ? hidden() - 10 * square : 0);
            return Float.BYTES * (state + rows * kept + passing + 8_000_000);
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
}
