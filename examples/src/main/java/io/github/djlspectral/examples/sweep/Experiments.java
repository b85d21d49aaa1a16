package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.text.BadInputException;
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

    /** Of steps whose entries are about as large as the learning rate. */
    private static final double[] ADAM_RATES = {0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016};

    private static final double[] QUICK_RATES = {0.005, 0.01, 0.02, 0.05, 0.1, 0.2};

    private Experiments() {}

    /**
     * Returns the sweep for two cores: 54 runs and 9 more per seed, each of some ten seconds on one
     * core.
     *
     * <p>In either sweep the contenders differ in what they do to the singular values of the
     * momentum of hidden matrices, and in nothing else: routing, momentum, update scale, weight
     * decay and schedule are shared, and so is AdamW, with its learning rate, for all other
     * parameters. AdamW alone, SOAP, which has a scale of its own, and NorMuon are there to
     * compare. "SGD" is Freon with c = 0: the direction of the momentum itself, divided by the root
     * mean square of its singular values, so that learning rates are of one order of magnitude.
     */
    static SweepPlan quickSweep() {
        return plan(
                QUICK,
                Contender.of("SGD", FREON + 0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02),
                Contender.of("TruncatedSGD", "--optimizer truncated-sgd", QUICK_RATES),
                Contender.of("Muon", "--optimizer muon", QUICK_RATES),
                Contender.of("Kaon", "--optimizer kaon", QUICK_RATES),
                Contender.of("Freon c=2/3", FREON + 2.0 / 3, QUICK_RATES),
                Contender.of("Freon c=3/4", FREON + 0.75, QUICK_RATES),
                Contender.of("NorMuon", "--optimizer normuon", QUICK_RATES),
                Contender.of("SOAP", "--optimizer soap", 0.002, 0.004, 0.008, 0.016, 0.032, 0.064),
                Contender.of("AdamW", "--optimizer adamw", ADAM_RATES));
    }

    /** Returns the sweep for a GPU: 91 runs and 13 more per seed, of 118 million tokens each. */
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
                Contender.of("Freon c=1", FREON + 1, FULL_RATES),
                Contender.of("NorMuon", "--optimizer normuon", FULL_RATES),
                Contender.of("SOAP", "--optimizer soap", ADAM_RATES),
                Contender.of("AdamW", "--optimizer adamw", ADAM_RATES));
    }

    /**
     * Returns the sweep that tells whether a learning rate tuned on a narrow model is that of a
     * wide one. That of AdamW beside Muon is the same for all widths.
     *
     * @throws BadInputException if a width is not a multiple of 32, or comes before a smaller one
     */
    static SweepPlan transfer(SweepPlan size, List<Integer> widths) {
        boolean legal = widths.stream().allMatch(width -> width > 0 && width % 32 == 0);
        legal &= widths.stream().sorted().distinct().toList().equals(widths);
        BadInputException.unless(
                legal,
                "--widths is %s, but must be increasing multiples of 32, as in 64,128,256",
                widths);
        String sphere = "--optimizer sphere-muon --weight-decay 0 --adamw-weight-decay 0.01";
        List<Contender> methods =
                List.of(
                        Contender.of("AdamW", "--optimizer adamw", ADAM_RATES),
                        muon("spectral", FULL_RATES),
                        muon("spectral_condition", FULL_RATES),
                        muon("match_rms", 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064),
                        muon("none", FULL_RATES),
                        Contender.of("sphere, spectral", sphere, FULL_RATES),
                        Contender.of(
                                "sphere, match_rms",
                                sphere + " --update-scale match_rms",
                                ADAM_RATES),
                        Contender.of("NorMuon", "--optimizer normuon", FULL_RATES));
        TrainArguments common = size.common().without("--width").without("--heads");
        List<Contender> all =
                methods.stream().flatMap(method -> widths.stream().map(method::atWidth)).toList();
        return new SweepPlan(common, all, size.seeds());
    }

    private static Contender muon(String scale, double... rates) {
        return Contender.of("Muon, " + scale, "--optimizer muon --update-scale " + scale, rates);
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
