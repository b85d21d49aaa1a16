package io.github.djlspectral.examples.gpt;

import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.WarmupCosineTracker;
import io.github.djlspectral.optim.WarmupStableDecayTracker;
import java.util.Locale;

/** How a learning rate moves from its warmup to its final value. */
public enum Schedule {
    /** Half a cosine from the peak to the end. */
    COSINE,
    /** Constant at the peak, then linear over the last fifth of the steps. */
    WSD;

    private static final int DECAY_SHARE = 5;

    /**
     * Returns the schedule of one learning rate.
     *
     * @param options the steps and the final share
     * @param peak the value after the warmup
     * @param warmupSteps the steps of its warmup
     */
    Tracker tracker(TrainingOptions options, double peak, int warmupSteps) {
        int warmup = Math.min(warmupSteps, options.steps - 1);
        float end = (float) (peak * options.lrEnd);
        if (this == COSINE) {
            return WarmupCosineTracker.builder()
                    .setBaseValue((float) peak)
                    .setWarmupSteps(warmup)
                    .setTotalSteps(options.steps)
                    .optFinalValue(end)
                    .build();
        }
        return WarmupStableDecayTracker.builder()
                .setBaseValue((float) peak)
                .setWarmupSteps(warmup)
                .setDecaySteps(Math.min(options.steps / DECAY_SHARE, options.steps - warmup))
                .setTotalSteps(options.steps)
                .optFinalValue(end)
                .build();
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
