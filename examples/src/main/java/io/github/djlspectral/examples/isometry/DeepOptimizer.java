package io.github.djlspectral.examples.isometry;

import ai.djl.nn.Block;
import io.github.djlspectral.examples.classify.ClassifierOptimizer;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.StatefulOptimizer;
import java.util.List;
import java.util.Locale;

/** The optimizers that deep networks can be trained with, without weight decay. */
enum DeepOptimizer {
    /** Adam for everything. */
    ADAM(List.of(0.0003, 0.001, 0.003)),
    /** Muon for the matrices of the layers, Adam for embedding, head and vectors. */
    MUON(List.of(0.003, 0.01, 0.03)),
    /** Freon, c = 2/3, in the same way. */
    FREON(List.of(0.003, 0.01, 0.03));

    private final List<Double> rates;

    DeepOptimizer(List<Double> rates) {
        this.rates = rates;
    }

    /** Returns the learning rate that suits most networks. */
    double usualRate() {
        return rates.get(rates.size() / 2);
    }

    /** Returns the learning rates to try if none are given. */
    List<Double> rates() {
        return rates;
    }

    /** Returns the optimizer of a run of so many steps. */
    StatefulOptimizer optimizer(double rate, double adamRate, Block block, int steps) {
        return switch (this) {
            case ADAM -> adam(rate, steps);
            case MUON -> spectral(Muon.builder(), rate, adamRate, block, steps).build();
            case FREON -> spectral(Freon.builder(), rate, adamRate, block, steps).build();
        };
    }

    private static <T extends SpectralOptimizer.Builder<T>> T spectral(
            T builder, double rate, double adamRate, Block block, int steps) {
        return builder.optLearningRateTracker(ClassifierOptimizer.schedule(rate, steps))
                .optWeightDecays(0)
                .optRouting(routing(block))
                .optFallback(adam(adamRate, steps));
    }

    /** The embedding is a linear map of pixels, below a block of that name. */
    static ParameterRouting routing(Block network) {
        return ParameterRouting.of(network).withFallback("^\\d+embedding");
    }

    private static DecoupledAdamW adam(double rate, int steps) {
        return ClassifierOptimizer.adamw(rate, 0, steps);
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
