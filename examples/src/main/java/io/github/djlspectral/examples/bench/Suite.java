package io.github.djlspectral.examples.bench;

import com.google.gson.annotations.SerializedName;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** What benchmarks are about; each suite is one table of the report. */
enum Suite {
    @SerializedName("optimizers")
    OPTIMIZERS(
            "One step of an optimizer",
            "(768x768|768x3072|3072x768|124M, hidden matrices): .*"
                    + "|.*: .*, whole step|124M, all parameters: torch.*"),
    @SerializedName("routes")
    ROUTES("Freon's step by the way to compute the power", "(16x64|64x256|256x1024): .*"),
    @SerializedName("gpt2")
    GPT2("GPT-2", ".*"),
    @SerializedName("generation")
    GENERATION("GPT-2 writes", ".*"),
    @SerializedName("layers")
    LAYERS("Isometric layers, forward and backward", ".*"),
    @SerializedName("growth")
    GROWTH("Growth with size", "(width|depth|batch|context)=(2|4|256|512): .*");

    /** What keys look like, and the contenders for the same subject whose time theirs is by. */
    private static final String[][] RIVALS = {
        {
            "optimizers, .*: Muon",
            "Muon, DJL arrays",
            "Muon, native Newton-Schulz",
            "torch.optim.Muon"
        },
        {"optimizers, .*: Muon, native Newton-Schulz", "torch.optim.Muon"},
        {"optimizers, .*: (Freon|Kaon|TruncatedSgd)", "Muon, DJL arrays"},
        {"optimizers, .*: AdamW", "AdamW, DJL", "torch.optim.AdamW"},
        {"optimizers, .*: .*, whole step", "torch.optim.AdamW"},
        {"routes, .*", "eigh"},
        {"gpt2, 124M.*: (ours|DJL).*", "PyTorch, float32", "PyTorch, bfloat16"},
        {"gpt2, 124M.*: (ours|DJL).*", "DJL blocks", "DJL blocks, DJL AdamW"},
        {"generation, .*: with a cache", "without a cache"},
        {"layers, .*", "linear relu"}
    };

    /** The headline of the table. */
    final String title;

    private final String quick; // what a quick run measures

    Suite(String title, String quick) {
        this.title = title;
        this.quick = quick;
    }

    /** Returns the name in lower case, as on the command line and in files. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    /**
     * What was measured.
     *
     * @param suite the table it belongs to
     * @param subject what was done; times of one subject can be compared
     * @param contender who did it
     */
    record Key(Suite suite, String subject, String contender) {

        /** Tells whether nothing is missing, as it may be where it was read. */
        boolean isComplete() {
            return suite != null && subject != null && contender != null;
        }

        /** Returns such as "optimizers, 768x768": what rivals for it have in common. */
        String task() {
            return suite + ", " + subject;
        }

        /** Returns such as "optimizers, 768x768: Muon". */
        @Override
        public String toString() {
            return task() + ": " + contender;
        }

        /** Tells whether a quick run measures it. */
        boolean isQuick() {
            return (subject + ": " + contender).matches(suite.quick);
        }

        /** Returns the contenders for the same subject whose time this one's is divided by. */
        List<String> rivals() {
            return Stream.of(RIVALS)
                    .filter(rule -> toString().matches(rule[0]))
                    .flatMap(rule -> Stream.of(rule).skip(1))
                    .filter(other -> !other.equals(contender))
                    .toList();
        }
    }
}
