package io.github.djlspectral.examples.train;

import ai.djl.nn.Block;
import ai.djl.training.optimizer.Optimizer;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import java.util.Locale;

/** The optimizers of the command line. */
public enum OptimizerChoice {
    /** Muon for the hidden matrices, AdamW for the rest. */
    MUON,
    /** AdamW for everything; decay on matrices only. */
    ADAMW,
    /** Plain stochastic gradient descent without momentum: the baseline that keeps no state. */
    SGD;

    /**
     * Returns the optimizer of a run.
     *
     * @param options the run's options
     * @param block the block to train
     * @param stepsDone the steps done before; optimizers with a state read them from it
     */
    Optimizer optimizer(TrainingOptions options, Block block, int stepsDone) {
        return switch (this) {
            case MUON ->
                    Muon.builder()
                            .optLearningRateTracker(options.schedule.tracker(options, options.lr))
                            .optMomentum((float) options.momentum)
                            .optWeightDecays((float) options.weightDecay)
                            .optRouting(ParameterRouting.of(block))
                            .optFallback(adamw(options, options.adamwLr))
                            .build();
            case ADAMW -> adamw(options, options.lr);
            case SGD ->
                    Optimizer.sgd()
                            .setLearningRateTracker(options.schedule.tracker(options, options.lr))
                            .optWeightDecays((float) options.weightDecay)
                            .optBeginNumUpdate(stepsDone)
                            .build();
        };
    }

    /** Says in a few words what is done with the parameters of a block. */
    String description(Block block) {
        if (this != MUON) {
            return this + " for all";
        }
        ParameterRouting routing = ParameterRouting.of(block);
        long hidden =
                block.getParameters().values().stream()
                        .filter(parameter -> routing.isSpectral(parameter.getId()))
                        .mapToLong(parameter -> parameter.getShape().size())
                        .sum();
        return String.format(
                Locale.ROOT, "muon for the %,d in hidden matrices, adamw for the rest", hidden);
    }

    private static DecoupledAdamW adamw(TrainingOptions options, double peak) {
        return DecoupledAdamW.builder()
                .optLearningRateTracker(options.schedule.tracker(options, peak))
                .optBeta1((float) options.beta1)
                .optBeta2((float) options.beta2)
                .optWeightDecays((float) options.weightDecay)
                .build();
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
