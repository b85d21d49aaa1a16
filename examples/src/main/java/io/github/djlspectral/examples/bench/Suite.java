package io.github.djlspectral.examples.bench;

import com.google.gson.annotations.SerializedName;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
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

    /** Names of measurements to those whose time theirs is divided by. */
    private static final Map<String, List<String>> RIVALS =
            Map.of(
                    "optimizers, .*: Muon",
                    List.of("Muon, DJL arrays", "Muon, native Newton-Schulz", "torch.optim.Muon"),
                    "optimizers, .*: Muon, native Newton-Schulz",
                    List.of("torch.optim.Muon"),
                    "optimizers, .*: (Freon|Kaon|TruncatedSgd)",
                    List.of("Muon, DJL arrays"),
                    "optimizers, .*: AdamW",
                    List.of("AdamW, DJL", "torch.optim.AdamW"),
                    "optimizers, .*: .*, whole step",
                    List.of("torch.optim.AdamW"),
                    "routes, .*",
                    List.of("eigh"),
                    "gpt2, 124M.*: (ours|DJL).*",
                    List.of(
                            "PyTorch, float32",
                            "PyTorch, bfloat16",
                            "DJL blocks",
                            "DJL blocks, DJL AdamW"),
                    "generation, .*: with a cache",
                    List.of("without a cache"),
                    "layers, .*",
                    List.of("linear relu"));

    /** The headline of the table. */
    final String title;

    private final String quick;

    /**
     * A suite.
     *
     * @param quick what a quick run measures: a regular expression for a subject and a contender
     */
    Suite(String title, String quick) {
        this.title = title;
        this.quick = quick;
    }

    /** Returns the name in lower case, as on the command line and in files. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Returns what has keys in its order, but rivals beside each other. */
    static <T> List<T> together(Stream<T> all, Function<T, Key> key) {
        Map<String, List<T>> byTask =
                all.collect(
                        Collectors.groupingBy(
                                one -> key.apply(one).task(),
                                LinkedHashMap::new,
                                Collectors.toList()));
        return byTask.values().stream().flatMap(List::stream).toList();
    }

    /**
     * What was measured.
     *
     * @param suite the table it belongs to
     * @param subject what was done; times of one subject can be compared
     * @param contender who did it
     */
    record Key(Suite suite, String subject, String contender) {

        /** Returns such as "optimizers, 768x768": what rivals for it have in common. */
        String task() {
            return suite + ", " + subject;
        }

        /** Returns such as "optimizers, 768x768: Muon". */
        @Override
        public String toString() {
            return task() + ": " + contender;
        }

        /** Tells whether it is of interest: not what does not change with the size that grows. */
        boolean isSensible() {
            return switch (contender) {
                case GrowthBenchmark.GRADIENTS -> subject.matches("(batch|context)=.*");
                case GrowthBenchmark.UPDATE -> subject.startsWith("width=");
                default -> true;
            };
        }

        /** Tells whether a quick run measures it. */
        boolean isQuick() {
            return (subject + ": " + contender).matches(suite.quick);
        }

        /** Returns the contenders for the same subject whose time this one's is divided by. */
        List<String> rivals() {
            return RIVALS.entrySet().stream()
                    .filter(rule -> toString().matches(rule.getKey()))
                    .flatMap(rule -> rule.getValue().stream())
                    .filter(other -> !other.equals(contender))
                    .toList();
        }
    }
}
