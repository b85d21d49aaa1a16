package io.github.djlspectral.examples.sweep;

import java.util.List;

/**
 * The two sizes of the sweep.
 *
 * <p>The contenders differ in what they do to the singular values of the momentum of hidden
 * matrices, and in nothing else: routing, momentum, update scale, weight decay and schedule are
 * shared, and so is AdamW, with its learning rate, for all other parameters. "SGD" is Freon with c
 * = 0: the direction of the momentum itself, divided by the root mean square of its singular
 * values, so that learning rates are of one order of magnitude.
 */
final class SweepSize {

    private SweepSize() {}

    /** What all runs share, at either size. */
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

    /** Returns the plan for two cores: some minutes. */
    static SweepPlan quick() {
        return plan(
                QUICK,
                Contender.of("SGD", "--optimizer sgd", 0.01, 0.03, 0.1, 0.3),
                Contender.of("Muon", "--optimizer muon", 0.01, 0.02, 0.04, 0.08));
    }

    /** Returns the plan for a GPU: about a day. */
    static SweepPlan full() {
        return plan(
                FULL,
                Contender.of("SGD", "--optimizer sgd", 0.01, 0.02, 0.05, 0.1),
                Contender.of("Muon", "--optimizer muon", 0.01, 0.02, 0.05, 0.1));
    }

    private static SweepPlan plan(String size, Contender... contenders) {
        TrainArguments common = TrainArguments.parse(SHARED).plus(TrainArguments.parse(size));
        return new SweepPlan(common, List.of(contenders), 3);
    }
}
