package io.github.djlspectral.examples.bench;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.optim.GradientClipping;

/** A language model with its trainer and one batch of random tokens. */
final class Gpt2Training implements AutoCloseable {

    static final int BATCH = 4;
    static final int LENGTH = 256;

    private final Model model;
    private final Trainer trainer;
    private final NDArray tokens;
    private final NDArray targets;
    private final boolean fusedLoss;

    /**
     * Creates the model with random weights and a batch of B = {@value #BATCH}, T = {@value
     * #LENGTH}.
     *
     * @param block tokens to logits
     * @param fusedLoss whether the block computes the loss itself when it gets the targets too
     */
    Gpt2Training(Block block, int vocabulary, Optimizer optimizer, boolean fusedLoss) {
        this(block, vocabulary, optimizer, fusedLoss, new Shape(BATCH, LENGTH));
    }

    /** As the other, with a batch of another shape. */
    Gpt2Training(Block block, int vocabulary, Optimizer optimizer, boolean fusedLoss, Shape shape) {
        Engine.getEngine("PyTorch").setRandomSeed(0);
        this.fusedLoss = fusedLoss;
        model = Model.newInstance("gpt2", "PyTorch");
        model.setBlock(block);
        trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                                .optOptimizer(optimizer));
        trainer.initialize(shape);
        NDManager manager = model.getNDManager();
        tokens = manager.randomInteger(0, vocabulary, shape, DataType.INT64);
        targets = manager.randomInteger(0, vocabulary, shape, DataType.INT64);
    }

    /** Returns the loss, without gradients. */
    float loss() {
        try (NDManager scratch = trainer.getManager().newSubManager()) {
            return loss(trainer.evaluate(inputs(scratch))).getFloat();
        }
    }

    /** Forward and backward; gradients accumulate. */
    void gradients() {
        try (NDManager scratch = trainer.getManager().newSubManager();
                GradientCollector collector = trainer.newGradientCollector()) {
            collector.backward(loss(trainer.forward(inputs(scratch))));
        }
    }

    private NDList inputs(NDManager scratch) {
        NDArray input = tokens.duplicate();
        input.attach(scratch);
        return fusedLoss ? new NDList(input, targets) : new NDList(input);
    }

    private NDArray loss(NDList output) {
        if (fusedLoss) {
            return output.singletonOrThrow();
        }
        NDArray logits = output.singletonOrThrow();
        Shape rows = new Shape(targets.size(), logits.getShape().get(2));
        return trainer.getLoss()
                .evaluate(new NDList(targets.flatten()), new NDList(logits.reshape(rows)));
    }

    /** A whole training step. */
    void step() {
        gradients();
        update();
    }

    /** What follows the gradients: clipping and the optimizer. */
    void update() {
        GradientClipping.byGlobalNorm(trainer, 1);
        trainer.step();
    }

    @Override
    public void close() {
        trainer.close();
        model.close();
    }
}
