package io.github.djlspectral.examples.experiment;

import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.StatefulOptimizer;
import io.github.djlspectral.optim.WarmupCosineTracker;

/**
 * Makes the optimizer of a run by its name. Rates go up over the first twentieth of a run, then
 * down along half a cosine.
 *
 * @param rate the learning rate, at its highest
 * @param adamRate that of what Muon and Freon do not train
 * @param decay of the weights
 * @param steps of the run
 */
public record ImageOptimizer(double rate, double adamRate, float decay, int steps) {

    private static final int WARMUP_SHARE = 20;

    /** Returns the optimizer: muon, freon (c = 2/3), adam or adamw. */
    public StatefulOptimizer named(String name, ParameterRouting routing) {
        return switch (name) {
            case "muon" -> spectral(Muon.builder(), routing).build();
            case "freon" -> spectral(Freon.builder(), routing).build();
            case "adam", "adamw" -> adam(rate);
            default -> throw new IllegalArgumentException("There is no optimizer " + name);
        };
    }

    private <T extends SpectralOptimizer.Builder<T>> T spectral(T builder, ParameterRouting way) {
        builder.optLearningRateTracker(schedule(rate)).optWeightDecays(decay);
        return builder.optRouting(way).optFallback(adam(adamRate));
    }

    private DecoupledAdamW adam(double highest) {
        DecoupledAdamW.Builder adam = DecoupledAdamW.builder().optWeightDecays(decay);
        return adam.optLearningRateTracker(schedule(highest)).build();
    }

    private Tracker schedule(double highest) {
        WarmupCosineTracker.Builder rates = WarmupCosineTracker.builder();
        rates.setWarmupSteps(steps / WARMUP_SHARE).setTotalSteps(steps);
        return rates.setBaseValue((float) highest).build();
    }
}
