package io.github.djlspectral.examples.gpt;

import ai.djl.nn.Block;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.DecoupledAdamW;
import io.github.djlspectral.optim.Freon;
import io.github.djlspectral.optim.Kaon;
import io.github.djlspectral.optim.Muon;
import io.github.djlspectral.optim.ParameterRouting;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.TruncatedSgd;
import io.github.djlspectral.optim.UpdateObserver;
import io.github.djlspectral.optim.UpdateScale;
import io.github.djlspectral.optim.WarmupCosineTracker;
import io.github.djlspectral.optim.WarmupStableDecayTracker;
import io.github.djlspectral.optim.extra.NorMuon;
import io.github.djlspectral.optim.extra.Soap;
import io.github.djlspectral.optim.extra.SphereMuon;
import java.util.Locale;

/** The optimizers of the command line. */
public enum OptimizerChoice {
    /** Muon for the hidden matrices, AdamW for the rest. */
    MUON,
    /** Freon for the hidden matrices, AdamW for the rest. */
    FREON,
    /** Kaon for the hidden matrices, AdamW for the rest. */
    KAON,
    /** Truncated SGD for the hidden matrices, AdamW for the rest. */
    TRUNCATED_SGD,
    /** NorMuon for the hidden matrices, AdamW for the rest. */
    NORMUON,
    /** Muon on the sphere of the spectral norm for the hidden matrices, AdamW for the rest. */
    SPHERE_MUON,
    /** SOAP for the hidden matrices, AdamW for the rest. */
    SOAP,
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
     * @param observer sees the updates of hidden matrices, if there are any
     */
    Optimizer optimizer(
            TrainingOptions options, Block block, int stepsDone, UpdateObserver observer) {
        return switch (this) {
            case MUON -> spectral(Muon.builder(), options, block, observer).build();
            case FREON -> spectral(freon(options), options, block, observer).build();
            case KAON -> spectral(kaon(options), options, block, observer).build();
            case TRUNCATED_SGD -> {
                TruncatedSgd.Builder truncated = TruncatedSgd.builder();
                truncated.optFraction(options.fraction);
                yield spectral(truncated, options, block, observer).build();
            }
            case NORMUON -> spectral(NorMuon.builder(), options, block, observer).build();
            case SPHERE_MUON -> spectral(SphereMuon.builder(), options, block, observer).build();
            case SOAP -> spectral(Soap.builder(), options, block, observer).optMomentum(0).build();
            case ADAMW -> adamw(options, options.lr, options.weightDecay, options.warmup);
            case SGD ->
                    Optimizer.sgd()
                            .setLearningRateTracker(options.rate())
                            .optWeightDecays((float) options.weightDecay)
                            .optBeginNumUpdate(stepsDone)
                            .build();
        };
    }

    /** Tells whether hidden matrices and the rest are treated differently. */
    boolean isSpectral() {
        return this != ADAMW && this != SGD;
    }

    private static <T extends SpectralOptimizer.Builder<T>> T spectral(
            T builder, TrainingOptions options, Block block, UpdateObserver observer) {
        if (options.updateScale != null) {
            builder.optUpdateScale(UpdateScale.of(options.updateScale));
        }
        double decay =
                options.adamwWeightDecay == null ? options.weightDecay : options.adamwWeightDecay;
        int warmup = options.adamwWarmup == null ? options.warmup : options.adamwWarmup;
        return builder.optLearningRateTracker(options.rate())
                .optMomentum((float) options.momentum)
                .optWeightDecays((float) options.weightDecay)
                .optRouting(ParameterRouting.of(block))
                .optObserver(observer)
                .optFallback(adamw(options, options.adamwLr, decay, warmup));
    }

    private static Freon.Builder freon(TrainingOptions options) {
        Freon.Builder freon =
                Freon.builder()
                        .optExponent(options.exponent)
                        .optNormalization(options.normalization);
        return options.floor == null ? freon : freon.optFloor(options.floor);
    }

    private static Kaon.Builder kaon(TrainingOptions options) {
        Kaon.Builder kaon = Kaon.builder().optIterations(options.iterations);
        return options.randomSpectrum ? kaon.optRandomSpectrum(options.seed) : kaon;
    }

    /** Says in a few words what is done with the parameters of a block. */
    String description(Block block) {
        if (!isSpectral()) {
            return this + " for all";
        }
        ParameterRouting routing = ParameterRouting.of(block);
        long hidden =
                block.getParameters().values().stream()
                        .filter(parameter -> routing.isSpectral(parameter.getId()))
                        .mapToLong(parameter -> parameter.getShape().size())
                        .sum();
        return String.format(
                Locale.ROOT, "%s for the %,d in hidden matrices, adamw for the rest", this, hidden);
    }

    private static DecoupledAdamW adamw(
            TrainingOptions options, double peak, double decay, int warmup) {
        return DecoupledAdamW.builder()
                .optLearningRateTracker(options.schedule.tracker(options, peak, warmup))
                .optBeta1((float) options.beta1)
                .optBeta2((float) options.beta2)
                .optWeightDecays((float) decay)
                .build();
    }

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

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
