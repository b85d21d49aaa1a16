package io.github.djlspectral.examples.classify;

import ai.djl.nn.Block;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.optim.WarmupCosineTracker;
import java.util.List;
import java.util.Locale;

/** The optimizers that classifiers can be trained with. */
public enum ClassifierOptimizer {
    /** Muon for the matrices between tokens, AdamW for embeddings and head. */
    MUON(List.of(0.01, 0.02, 0.05, 0.1, 0.2)),
    /** AdamW for everything. */
    ADAMW(List.of(0.001, 0.003, 0.01));

    private static final int WARMUP_SHARE = 20;
    private static final float WEIGHT_DECAY = 0.01f;

    private final List<Double> rates;

    ClassifierOptimizer(List<Double> rates) {
        this.rates = rates;
    }

    /**
     * Returns the learning rates to try if none are given.
     *
     * @return the rates, ascending
     */
    public List<Double> rates() {
        return rates;
    }

    /** Returns the optimizer of a run of so many steps. */
    StatefulOptimizer optimizer(double rate, double adamwRate, Block block, int steps) {
        if (this == ADAMW) {
            return adamw(rate, WEIGHT_DECAY, steps);
        }
        return Muon.builder()
                .optLearningRateTracker(schedule(rate, steps))
                .optWeightDecays(WEIGHT_DECAY)
                .optRouting(ParameterRouting.of(block))
                .optFallback(adamw(adamwRate, WEIGHT_DECAY, steps))
                .build();
    }

    /**
     * Returns AdamW.
     *
     * @param rate the learning rate, at its highest
     * @param decay of the weights
     * @param steps of the run
     * @return the optimizer, on {@link #schedule}
     */
    public static DecoupledAdamW adamw(double rate, float decay, int steps) {
        return DecoupledAdamW.builder()
                .optLearningRateTracker(schedule(rate, steps))
                .optWeightDecays(decay)
                .build();
    }

    /**
     * Returns how a learning rate moves: up over the first twentieth of a run, then down along half
     * a cosine.
     *
     * @param rate the highest
     * @param steps of the run
     * @return the tracker
     */
    public static Tracker schedule(double rate, int steps) {
        return WarmupCosineTracker.builder()
                .setBaseValue((float) rate)
                .setWarmupSteps(steps / WARMUP_SHARE)
                .setTotalSteps(steps)
                .build();
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
