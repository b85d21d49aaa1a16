package io.github.djlspectral.examples.gpt;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Complete configurations, written as the command line that gives them. Options given by the user
 * come after these and win.
 */
public enum Preset {
    /** Learns visibly in about three minutes on two cores. */
    TINY(
            """
            --data commons-lang --tokenizer bytes
            --layers 4 --heads 4 --width 128 --context 128 --dropout 0 --no-bias --precision float32
            --batch 16 --accumulate 1 --steps 1200
            --schedule cosine --lr-end 0.1 --warmup 60 --clip 1.0
            --eval-every 100 --eval-batches 20 --checkpoint-every 200 --sample-every 400
            """,
            "--lr 0.05 --momentum 0.95 --weight-decay 0.01 --adamw-lr 1e-2 --beta1 0.9 --beta2 0.99",
            "--lr 3e-3 --beta1 0.9 --beta2 0.99 --weight-decay 0.1"),

    /** nanoGPT's configuration for a CPU, on characters, so that curves compare. */
    CHAR(
            """
            --data tiny-shakespeare --tokenizer chars
            --layers 4 --heads 4 --width 128 --context 64 --dropout 0 --no-bias --precision float32
            --batch 12 --accumulate 1 --steps 2000
            --schedule cosine --lr-end 0.1 --warmup 100 --clip 1.0
            --eval-every 250 --eval-batches 20 --checkpoint-every 500 --sample-every 500
            """,
            "--lr 0.02 --momentum 0.95 --weight-decay 0.01 --adamw-lr 1e-3 --beta1 0.9 --beta2 0.99",
            "--lr 1e-3 --beta1 0.9 --beta2 0.99 --weight-decay 0.1"),

    /** GPT-2 124M on 10 billion tokens of FineWeb: llm.c's recipe, half a million tokens a step. */
    GPT2(
            """
            --data fineweb-10b --tokenizer gpt2
            --layers 12 --heads 12 --width 768 --context 1024 --dropout 0 --bias --precision bfloat16
            --batch 16 --accumulate 32 --steps 18865
            --schedule cosine --lr-end 0 --warmup 700 --clip 1.0
            --eval-every 250 --eval-batches 20 --checkpoint-every 250 --sample-every 1000
            """,
            "--lr 0.02 --momentum 0.95 --weight-decay 0.01 --adamw-lr 6e-4 --beta1 0.9 --beta2 0.95",
            "--lr 6e-4 --beta1 0.9 --beta2 0.95 --weight-decay 0.1");

    /** Nobody's recipe: the same for every preset, for comparison only. */
    private static final String SGD = "--lr 0.1 --weight-decay 0";

    private final String common;
    private final String spectral;
    private final String adamw;

    Preset(String common, String spectral, String adamw) {
        this.common = common;
        this.spectral = spectral;
        this.adamw = adamw;
    }

    /** Returns the preset as command-line arguments. */
    List<String> arguments(OptimizerChoice optimizer) {
        List<String> arguments = new ArrayList<>(List.of(common.strip().split("\\s+")));
        arguments.addAll(List.of(recipe(optimizer).split(" ")));
        return arguments;
    }

    private String recipe(OptimizerChoice optimizer) {
        return switch (optimizer) {
            case MUON, FREON, KAON, TRUNCATED_SGD, NORMUON, SPHERE_MUON ->
                    spectral; // tuned for Muon
            case SOAP -> spectral.replaceFirst("--lr \\S+", "--lr 3e-3");
            case ADAMW -> adamw;
            case SGD -> SGD;
        };
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
