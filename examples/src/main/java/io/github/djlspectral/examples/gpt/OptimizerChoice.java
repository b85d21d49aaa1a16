package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.examples.gpt.TrainingOptions.atLeast;
import static io.github.djlspectral.examples.gpt.TrainingOptions.require;
import static io.github.djlspectral.examples.gpt.TrainingOptions.share;
import static java.util.Objects.requireNonNullElse;

import ai.djl.nn.Block;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.examples.experiment.Table;
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
import io.github.djlspectral.text.BadInputException;
import java.util.List;
import java.util.Locale;

/**
 * The optimizers of the command line, each with the presets' options for it. All but the last two
 * are for the hidden matrices, with AdamW for the rest.
 */
enum OptimizerChoice {
    MUON,
    FREON,
    KAON,
    TRUNCATED_SGD,
    NORMUON,
    SPHERE_MUON,
    SOAP,
    /** AdamW for everything; decay on matrices only. */
    ADAMW,
    /** Plain stochastic gradient descent without momentum: the baseline that keeps no state. */
    SGD;

    static final String UPDATE_SCALES =
            "spectral, match_rms, spectral_condition or none. Default: spectral; of soap: none.";

    /** Tells whether hidden matrices and the rest are treated differently. */
    boolean isSpectral() {
        return this != ADAMW && this != SGD;
    }

    /**
     * Returns the optimizer of a run.
     *
     * @param stepsDone the steps done before; optimizers with a state read them from it
     * @param observer sees the updates of hidden matrices, if there are any
     */
    static Optimizer optimizer(
            TrainingOptions o, Block block, int stepsDone, UpdateObserver observer) {
        return switch (o.optimizer) {
            case MUON -> spectral(Muon.builder(), o, block, observer).build();
            case FREON -> spectral(freon(o), o, block, observer).build();
            case KAON -> spectral(kaon(o), o, block, observer).build();
            case TRUNCATED_SGD ->
                    spectral(TruncatedSgd.builder(), o, block, observer)
                            .optFraction(o.fraction)
                            .build();
            case NORMUON -> spectral(NorMuon.builder(), o, block, observer).build();
            case SPHERE_MUON -> spectral(SphereMuon.builder(), o, block, observer).build();
            case SOAP -> spectral(Soap.builder(), o, block, observer).optMomentum(0).build();
            case ADAMW -> adamw(o, o.lr, o.weightDecay, o.warmup);
            case SGD ->
                    Optimizer.sgd()
                            .setLearningRateTracker(o.rate())
                            .optWeightDecays((float) o.weightDecay)
                            .optBeginNumUpdate(stepsDone)
                            .build();
        };
    }

    private static <T extends SpectralOptimizer.Builder<T>> T spectral(
            T builder, TrainingOptions o, Block block, UpdateObserver observer) {
        if (o.updateScale != null) {
            builder.optUpdateScale(UpdateScale.of(o.updateScale));
        }
        double decay = requireNonNullElse(o.adamwWeightDecay, o.weightDecay);
        int warmup = requireNonNullElse(o.adamwWarmup, o.warmup);
        return builder.optLearningRateTracker(o.rate())
                .optMomentum((float) o.momentum)
                .optWeightDecays((float) o.weightDecay)
                .optRouting(ParameterRouting.of(block))
                .optObserver(observer)
                .optFallback(adamw(o, o.adamwLr, decay, warmup));
    }

    private static Freon.Builder freon(TrainingOptions o) {
        Freon.Builder freon =
                Freon.builder().optExponent(o.exponent).optNormalization(o.normalization);
        return o.floor == null ? freon : freon.optFloor(o.floor);
    }

    private static Kaon.Builder kaon(TrainingOptions o) {
        Kaon.Builder kaon = Kaon.builder().optIterations(o.iterations);
        return o.randomSpectrum ? kaon.optRandomSpectrum(o.seed) : kaon;
    }

    private static DecoupledAdamW adamw(TrainingOptions o, double peak, double decay, int warmup) {
        return DecoupledAdamW.builder()
                .optLearningRateTracker(o.schedule.tracker(o, peak, warmup))
                .optBeta1((float) o.beta1)
                .optBeta2((float) o.beta2)
                .optWeightDecays((float) decay)
                .build();
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
        return Table.text("%s for the %,d in hidden matrices, adamw for the rest", this, hidden);
    }

    /** Fails unless every option of the optimizer is in its range, naming the option. */
    static void requireLegal(TrainingOptions o) {
        atLeast(0, "--warmup", o.warmup);
        positive("--lr", o.lr);
        if (o.isSpectral()) {
            positive("--adamw-lr", o.adamwLr);
        }
        requireSpectral(o, "--adamw-weight-decay", o.adamwWeightDecay);
        atLeastZero("--adamw-weight-decay", requireNonNullElse(o.adamwWeightDecay, 0.0));
        requireSpectral(o, "--adamw-warmup", o.adamwWarmup);
        atLeast(0, "--adamw-warmup", requireNonNullElse(o.adamwWarmup, 0));
        requireSpectral(o, "--update-scale", o.updateScale);
        try {
            UpdateScale.of(requireNonNullElse(o.updateScale, "none"));
        } catch (IllegalArgumentException e) {
            throw new BadInputException("--update-scale: " + e.getMessage(), e);
        }
        fraction("--lr-end", o.lrEnd, "");
        share("--momentum", o.momentum);
        fraction("--exponent", o.exponent, "");
        String relative = ", relative to the root mean square singular value";
        fraction("--floor", requireNonNullElse(o.floor, 0.0), relative);
        boolean few = o.iterations >= 1 && o.iterations <= 32;
        require(few, "--iterations", o.iterations, "a whole number in [1, 32]");
        share("--fraction", o.fraction);
        share("--beta1", o.beta1);
        share("--beta2", o.beta2);
        atLeastZero("--weight-decay", o.weightDecay);
        atLeastZero("--clip", o.clip);
        boolean clips = o.clip == 0 || (float) o.clip > 0;
        require(clips, "--clip", o.clip, "0, or a float above 1e-45");
    }

    static void requireSpectral(TrainingOptions o, String option, Object given) {
        String range =
                "left out with --optimizer " + o.optimizer + ", which treats all parameters alike";
        require(given == null || o.isSpectral(), option, given, range);
    }

    // The optimizers take floats: what rounds to 0, 1 or infinity is out of range too.

    private static void positive(String option, double value) {
        boolean legal = (float) value > 0 && Float.isFinite((float) value);
        require(legal, option, value, "a positive float");
    }

    private static void atLeastZero(String option, double value) {
        boolean legal = value >= 0 && Float.isFinite((float) value);
        require(legal, option, value, "a float of at least 0");
    }

    private static void fraction(String option, double value, String more) {
        require(value >= 0 && value <= 1, option, value, "in [0, 1]" + more);
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** How a learning rate moves from its warmup to its final value. */
    enum Schedule {
        /** Half a cosine from the peak to the end. */
        COSINE,
        /** Constant at the peak, then linear over the last fifth of the steps. */
        WSD;

        private static final int DECAY_SHARE = 5;

        /** Returns the schedule of a learning rate with this value after so many steps. */
        Tracker tracker(TrainingOptions o, double peak, int warmupSteps) {
            int warmup = Math.min(warmupSteps, o.steps - 1);
            float end = (float) (peak * o.lrEnd);
            if (this == COSINE) {
                return WarmupCosineTracker.builder()
                        .setBaseValue((float) peak)
                        .setWarmupSteps(warmup)
                        .setTotalSteps(o.steps)
                        .optFinalValue(end)
                        .build();
            }
            return WarmupStableDecayTracker.builder()
                    .setBaseValue((float) peak)
                    .setWarmupSteps(warmup)
                    .setDecaySteps(Math.min(o.steps / DECAY_SHARE, o.steps - warmup))
                    .setTotalSteps(o.steps)
                    .optFinalValue(end)
                    .build();
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Complete configurations, written as the command line that gives them. */
    enum Preset {
        /** Learns visibly in about three minutes on two cores. */
        TINY(
                """
                --data commons-lang --tokenizer bytes --no-bias --precision float32
                --layers 4 --heads 4 --width 128 --context 128 --batch 16 --accumulate 1
                --steps 1200 --lr-end 0.1 --warmup 60
                --eval-every 100 --checkpoint-every 200 --sample-every 400
                """,
                "--lr 0.05 --adamw-lr 1e-2 --beta2 0.99",
                "--lr 3e-3 --beta2 0.99"),

        /** nanoGPT's configuration for a CPU, on characters, so that curves compare. */
        CHAR(
                """
                --data tiny-shakespeare --tokenizer chars --no-bias --precision float32
                --layers 4 --heads 4 --width 128 --context 64 --batch 12 --accumulate 1
                --steps 2000 --lr-end 0.1 --warmup 100
                --eval-every 250 --checkpoint-every 500 --sample-every 500
                """,
                "--lr 0.02 --adamw-lr 1e-3 --beta2 0.99",
                "--lr 1e-3 --beta2 0.99"),

        /** GPT-2 124M on 10 billion tokens of FineWeb: llm.c's recipe, half a million a step. */
        GPT2(
                """
                --data fineweb-10b --tokenizer gpt2 --bias --precision bfloat16
                --layers 12 --heads 12 --width 768 --context 1024 --batch 16 --accumulate 32
                --steps 18865 --lr-end 0 --warmup 700
                --eval-every 250 --checkpoint-every 250 --sample-every 1000
                """,
                "--lr 0.02 --adamw-lr 6e-4 --beta2 0.95",
                "--lr 6e-4 --beta2 0.95");

        private static final String ALL =
                "--dropout 0 --schedule cosine --clip 1 --eval-batches 20 ";

        private final String common;
        private final String spectral;
        private final String adamw;

        Preset(String common, String spectral, String adamw) {
            this.common = ALL + common;
            this.spectral = spectral + " --momentum 0.95 --weight-decay 0.01 --beta1 0.9";
            this.adamw = adamw + " --weight-decay 0.1 --beta1 0.9";
        }

        /** Returns the preset as command-line arguments. Spectral ones are tuned for Muon. */
        List<String> arguments(OptimizerChoice optimizer) {
            String recipe =
                    switch (optimizer) {
                        case SOAP -> spectral.replaceFirst("--lr \\S+", "--lr 3e-3");
                        case ADAMW -> adamw;
                        case SGD -> "--lr 0.1 --weight-decay 0"; // nobody's, for comparison only
                        default -> spectral;
                    };
            return List.of((common + recipe).split("\\s+"));
        }

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
