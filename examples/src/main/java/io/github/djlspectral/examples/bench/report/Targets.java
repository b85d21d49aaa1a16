package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.bench.Suite;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * The speed that this project aims at.
 *
 * @param results what was measured
 */
record Targets(Results results) {

    private static final String MUON = "Muon";
    private static final String TORCH_MUON = "torch.optim.Muon";
    private static final String SQUARE = "768x768";
    private static final String WIDE = "768x3072";
    private static final String HIDDEN = "124M, hidden matrices";
    private static final String ALL = "124M, all parameters";
    private static final String STEP = "124M, B=4, T=256, step";
    private static final String GRADIENTS = "gradients alone";
    private static final String WHOLE = "ours, AdamW";
    private static final String LARGE_STEP = "124M, B=32, T=256, step";

    private static final double BY_NEWTON_SCHULZ = 0.36;
    private static final double OPTIMIZER_SHARE = 0.12;
    private static final double BY_TORCH_SQUARE = 1.0;
    private static final double BY_TORCH_WIDE = 0.8;
    private static final double BY_PYTORCH = 1.15;
    private static final double EXPONENT = 0.05;
    private static final double MEMORY = 0.15;

    /** Returns Markdown lines with a headline; empty if nothing was measured. */
    List<String> lines() {
        MarkdownTable table = new MarkdownTable("aim", "measured", "limit", "");
        List<Target> targets = all();
        if (targets.stream().noneMatch(Target::isMeasured)) {
            return List.of();
        }
        for (Target target : targets) {
            String measured = target.value().map(Uncertain::toString).orElse("");
            table.add(target.aim(), measured, target.limit(), target.verdict());
        }
        List<String> lines = table.lines();
        lines.addAll(0, List.of("", "## Targets", ""));
        return lines;
    }

    List<Target> all() {
        List<Target> targets = new ArrayList<>();
        targets.add(muon(BY_NEWTON_SCHULZ, HIDDEN, "Muon, DJL arrays"));
        targets.add(muon(BY_NEWTON_SCHULZ, HIDDEN, "Muon, native Newton-Schulz"));
        targets.add(muon(BY_TORCH_SQUARE, SQUARE, TORCH_MUON));
        targets.add(muon(BY_TORCH_WIDE, WIDE, TORCH_MUON));
        targets.add(polarError(SQUARE));
        targets.add(polarError(WIDE));
        targets.add(
                Target.atMost(
                        OPTIMIZER_SHARE,
                        "Muon's share of a step of GPT-2 124M with 8192 tokens",
                        optimizerShare()));
        targets.add(tokens("float32"));
        targets.add(tokens("bfloat16"));
        for (String axis : List.of("batch", "context")) {
            targets.add(timeExponent("a step's gradients in tokens, by " + axis, GRADIENTS, axis));
            targets.add(
                    timeExponent(
                            "a whole step in tokens, by "
                                    + axis
                                    + " (the update takes the same time for any number of tokens)",
                            WHOLE,
                            axis));
        }
        targets.add(
                Target.within(
                        -MEMORY,
                        MEMORY,
                        "peak memory against the formula, worst relative deviation",
                        memoryDeviation()));
        return targets;
    }

    private Target muon(double limit, String subject, String other) {
        return Target.atMost(
                limit,
                "Muon's step, " + subject + ", by the time of " + other,
                timeBy(Suite.OPTIMIZERS, subject, MUON, other));
    }

    private Target tokens(String precision) {
        return Target.atLeast(
                BY_PYTORCH,
                "tokens/s of a step of GPT-2 124M by PyTorch's, " + precision,
                timeBy(Suite.GPT2, STEP, "PyTorch, " + precision, "ours, " + precision));
    }

    private Optional<Uncertain> timeBy(Suite suite, String subject, String one, String other) {
        return results.measured(suite, subject, one)
                .flatMap(a -> results.measured(suite, subject, other).flatMap(a::timeBy));
    }

    private Optional<Uncertain> optimizerShare() {
        return results.measured(Suite.OPTIMIZERS, ALL, MUON)
                .flatMap(
                        update ->
                                results.measured(Suite.GPT2, LARGE_STEP, "ours, float32, Muon")
                                        .flatMap(update::timeBy));
    }

    private Target polarError(String subject) {
        Optional<Uncertain> mine = polarError(subject, MUON);
        Optional<Uncertain> its = polarError(subject, TORCH_MUON);
        return Target.atMost(
                1,
                "largest error of Muon's polar factor, " + subject + ", by that of " + TORCH_MUON,
                mine.flatMap(error -> its.map(other -> error.times(1 / other.value()))));
    }

    private Optional<Uncertain> polarError(String subject, String contender) {
        return results.measured(Suite.OPTIMIZERS, subject, contender)
                .flatMap(Measurement::polarError);
    }

    /** The tokens of a step are the batch by the context. */
    private Target timeExponent(String what, String contender, String axis) {
        return Target.within(
                1 - EXPONENT,
                1 + EXPONENT,
                "exponent of the time of " + what,
                curves(contender::equals)
                        .filter(curve -> curve.axis().equals(axis))
                        .flatMap(curve -> curve.timeFit().stream())
                        .map(Uncertain::exponent)
                        .findFirst());
    }

    private Optional<Uncertain> memoryDeviation() {
        return curves(contender -> contender.startsWith("ours"))
                .flatMap(curve -> curve.worstMemoryDeviation().stream())
                .max(Comparator.comparingDouble(deviation -> Math.abs(deviation.value())));
    }

    private Stream<GrowthCurve> curves(Predicate<String> contender) {
        return GrowthCurve.of(results).stream().filter(curve -> contender.test(curve.contender()));
    }
}
