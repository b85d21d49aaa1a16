package io.github.djlspectral.examples.sweep;

import java.util.List;

/** The experiments at their two sizes, as options of {@code train}. */
final class Experiments {

    /** What all runs share. */
    private static final String SHARED =
            """
            --momentum 0.95 --weight-decay 0.01 --clip 1.0 --schedule cosine --lr-end 0.1
            --keep 1 --sample-every 0
            """;

    /** 0.1M parameters, 0.3M tokens of bytes. */
    private static final String QUICK =
            """
            --preset tiny --data commons-lang --tokenizer bytes
            --layers 2 --heads 2 --width 64 --context 64 --batch 16 --accumulate 1
            --steps 300 --warmup 30 --eval-every 25 --eval-batches 20 --checkpoint-every 300
            --adamw-lr 3e-3 --beta1 0.9 --beta2 0.99
            """;

    /** GPT-2 124M on 118 million tokens, the size of the paper's WikiText: 1,800 times 65,536. */
    private static final String FULL =
            """
            --preset gpt2 --data fineweb-10b:2 --tokenizer gpt2 --device gpu
            --layers 12 --heads 12 --width 768 --context 1024 --batch 16 --accumulate 4
            --steps 1800 --warmup 180 --eval-every 100 --eval-batches 20 --checkpoint-every 600
            --adamw-lr 6e-4 --beta1 0.9 --beta2 0.95
            """;

    /** What a landscape changes: its run's optimizer, and a smaller fixed batch to validate on. */
    private static final String LANDSCAPE = "--optimizer muon --lr 0.02 --eval-batches 4";

    private static final String FREON = "--optimizer freon --exponent ";

    /** Wide, and the same for all: nothing is known at this size. */
    private static final double[] FULL_RATES = {0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16};

    private Experiments() {}

    /**
     * Returns the sweep for two cores: 24 runs per seed, each of some ten seconds on one core.
     *
     * <p>In either sweep the contenders differ in what they do to the singular values of the
     * momentum of hidden matrices, and in nothing else: routing, momentum, update scale, weight
     * decay and schedule are shared, and so is AdamW, with its learning rate, for all other
     * parameters. "SGD" is Freon with c = 0: the direction of the momentum itself, divided by the
     * root mean square of its singular values, so that learning rates are of one order of
     * magnitude.
     */
    static SweepPlan quickSweep() {
        return plan(
                QUICK,
                Contender.of("SGD", FREON + 0, 0.01, 0.02, 0.05, 0.1),
                Contender.of("TruncatedSGD", "--optimizer truncated-sgd", 0.01, 0.02, 0.05, 0.1),
                Contender.of("Muon", "--optimizer muon", 0.01, 0.02, 0.05, 0.1),
                Contender.of("Kaon", "--optimizer kaon", 0.02, 0.05, 0.1, 0.2),
                Contender.of("Freon c=2/3", FREON + 2.0 / 3, 0.01, 0.02, 0.05, 0.1),
                Contender.of("Freon c=3/4", FREON + 0.75, 0.01, 0.02, 0.05, 0.1));
    }

    /** Returns the sweep for a GPU: 63 runs per seed, of 118 million tokens each. */
    static SweepPlan fullSweep() {
        return plan(
                FULL,
                Contender.of("SGD", FREON + 0, FULL_RATES),
                Contender.of("TruncatedSGD", "--optimizer truncated-sgd", FULL_RATES),
                Contender.of("Freon c=1/4", FREON + 0.25, FULL_RATES),
                Contender.of("Muon", "--optimizer muon", FULL_RATES),
                Contender.of("Kaon", "--optimizer kaon", FULL_RATES),
                Contender.of("Freon c=0.6", FREON + 0.6, FULL_RATES),
                Contender.of("Freon c=2/3", FREON + 2.0 / 3, FULL_RATES),
                Contender.of("Freon c=3/4", FREON + 0.75, FULL_RATES),
                Contender.of("Freon c=1", FREON + 1, FULL_RATES));
    }

    /** Returns the run whose landscape is measured on two cores. */
    static TrainArguments quickLandscape() {
        return arguments(QUICK).plus(TrainArguments.parse(LANDSCAPE));
    }

    /** Returns the run whose landscape is measured on a GPU. */
    static TrainArguments fullLandscape() {
        return arguments(FULL).plus(TrainArguments.parse(LANDSCAPE));
    }

    private static SweepPlan plan(String size, Contender... contenders) {
        return new SweepPlan(arguments(size), List.of(contenders), 3);
    }

    private static TrainArguments arguments(String size) {
        return TrainArguments.parse(SHARED).plus(TrainArguments.parse(size));
    }
}
