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
import io.github.djlspectral.layers.gpt.Gpt2Config;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.GradientClipping;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.OptimizerStep;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.torch.Host;
import java.util.function.UnaryOperator;

/** A language model with random weights, its trainer and one batch of random tokens. */
final class Gpt2Training implements AutoCloseable {

    /** The shape of the batch where none is given: B = 4, T = 256. */
    static final Shape BATCH = new Shape(4, 256);

    private final Model model = Model.newInstance("gpt2", "PyTorch");
    private final Trainer trainer;
    private final Optimizer optimizer;
    private final NDArray tokens;
    private final NDArray targets;
    private final Gpt2 gpt2;
    private final Gpt2Backpropagation backpropagation;

    /**
     * Creates a training, which owns the optimizer.
     *
     * @param block ours, or another one, tokens to logits, which is trained as DJL does it
     * @param batch B x T
     * @param autograd whether ours has its gradient by autograd, not as in training
     */
    Gpt2Training(Block block, int vocabulary, Optimizer optimizer, Shape batch, boolean autograd) {
        Engine.getEngine("PyTorch").setRandomSeed(0);
        this.optimizer = optimizer;
        model.setBlock(block);
        trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                                .optOptimizer(optimizer));
        trainer.initialize(batch);
        NDManager manager = model.getNDManager();
        tokens = manager.randomInteger(0, vocabulary, batch, DataType.INT64);
        targets = manager.randomInteger(0, vocabulary, batch, DataType.INT64);
        gpt2 = block instanceof Gpt2 ours ? ours : null;
        boolean written = gpt2 != null && !autograd;
        backpropagation =
                written && Gpt2Backpropagation.supports(gpt2, manager.getDevice())
                        ? new Gpt2Backpropagation(
                                gpt2, manager, (int) batch.get(0), (int) batch.get(1))
                        : null;
    }

    /** Creates the training of ours in float32, by AdamW or with Muon for hidden matrices. */
    static Gpt2Training of(Gpt2Config config, boolean muon, Shape batch) {
        Gpt2 gpt2 = Gpt2.builder().setConfig(config).build();
        StatefulOptimizer optimizer =
                muon
                        ? Muon.builder().optRouting(ParameterRouting.of(gpt2)).build()
                        : DecoupledAdamW.builder().build();
        return new Gpt2Training(gpt2, config.vocabSize(), optimizer, batch, false);
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
        NDArray inputs = copy(tokens, scratch);
        NDArray labels = copy(targets, scratch);
        if (gpt2 != null) {
            return forward.apply(new NDList(inputs, labels)).singletonOrThrow();
        }
        NDArray logits = forward.apply(new NDList(inputs)).singletonOrThrow();
        Shape rows = new Shape(targets.size(), logits.getShape().get(2));
        return trainer.getLoss()
                .evaluate(new NDList(labels.flatten()), new NDList(logits.reshape(rows)));
    }

    private static NDArray copy(NDArray array, NDManager scratch) {
        NDArray copy = array.duplicate();
        copy.attach(scratch);
        return copy;
    }

    /** A whole training step. */
    void step() {
        gradients();
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

    /** Returns the number of arrays that are there now, of the model and of its training. */
    int arrays() {
        return model.getNDManager().getManagedArrays().size()
                + trainer.getManager().getManagedArrays().size();
    }

    @Override
    public void close() {
        if (backpropagation != null) {
            backpropagation.close();
        }
        trainer.close();
        model.close();
        close(optimizer);
    }

    /** Frees an optimizer, if it has something to free. */
    static void close(Optimizer optimizer) {
        if (optimizer instanceof StatefulOptimizer ours) {
            ours.close();
        }
    }
}
