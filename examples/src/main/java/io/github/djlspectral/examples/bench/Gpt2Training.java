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
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.layers.gpt.Gpt2;
import io.github.djlspectral.layers.gpt.Gpt2Backpropagation;
import io.github.djlspectral.optim.GradientClipping;
import io.github.djlspectral.optim.OptimizerStep;

/** A language model with its trainer and one batch of random tokens, B = 4 and T = 256. */
final class Gpt2Training implements AutoCloseable {

    static final int BATCH = 4;
    static final int LENGTH = 256;
    private static final Shape SHAPE = new Shape(BATCH, LENGTH);

    private final Model model;
    private final Trainer trainer;
    private final ParameterStore parameters;
    private final NDArray tokens;
    private final NDArray targets;
    private final Optimizer optimizer;
    private final boolean fusedLoss;
    private Gpt2Backpropagation backpropagation;

    /**
     * Creates a model with random weights, whose gradient is computed without autograd.
     *
     * @param gpt2 the model, without dropout
     */
    Gpt2Training(Gpt2 gpt2, Optimizer optimizer) {
        this(gpt2, gpt2.getConfig().vocabSize(), optimizer, true);
        backpropagation = new Gpt2Backpropagation(gpt2, trainer.getManager(), BATCH, LENGTH);
    }

    /**
     * Creates a model with random weights, whose gradient is computed by autograd.
     *
     * @param block tokens to logits
     * @param fusedLoss whether the block computes the loss itself when it gets the targets too
     */
    Gpt2Training(Block block, int vocabulary, Optimizer optimizer, boolean fusedLoss) {
        Engine.getEngine("PyTorch").setRandomSeed(0);
        this.optimizer = optimizer;
        this.fusedLoss = fusedLoss;
        model = Model.newInstance("gpt2", "PyTorch");
        model.setBlock(block);
        trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                                .optOptimizer(optimizer));
        trainer.initialize(SHAPE);
        parameters = new ParameterStore(trainer.getManager(), false);
        NDManager manager = model.getNDManager();
        tokens = manager.randomInteger(0, vocabulary, SHAPE, DataType.INT64);
        targets = manager.randomInteger(0, vocabulary, SHAPE, DataType.INT64);
    }

    /** Forward and backward; gradients accumulate. */
    void gradients() {
        if (backpropagation != null) {
            backpropagation.accumulate(parameters, tokens, targets, 1);
            return;
        }
        try (NDManager scratch = trainer.getManager().newSubManager();
                GradientCollector collector = trainer.newGradientCollector()) {
            NDArray input = tokens.duplicate();
            input.attach(scratch);
            collector.backward(fusedLoss ? fused(input) : composed(input));
        }
    }

    private NDArray fused(NDArray input) {
        return trainer.forward(new NDList(input, targets)).singletonOrThrow();
    }

    private NDArray composed(NDArray input) {
        NDArray logits = trainer.forward(new NDList(input)).singletonOrThrow();
        Shape rows = new Shape(BATCH * LENGTH, logits.getShape().get(2));
        return trainer.getLoss()
                .evaluate(new NDList(targets.flatten()), new NDList(logits.reshape(rows)));
    }

    /** A whole training step. */
    void step() {
        gradients();
        GradientClipping.byGlobalNorm(trainer, 1);
        OptimizerStep.apply(trainer, optimizer);
    }

    @Override
    public void close() {
        if (backpropagation != null) {
            backpropagation.close();
        }
        trainer.close();
        model.close();
    }
}
