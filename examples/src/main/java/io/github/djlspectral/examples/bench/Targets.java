package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.Results.Measurement;
import io.github.djlspectral.examples.experiment.Table;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/** The speed that this project aims at, and whether it is reached. */
final class Targets {

    private static final String MUON = "Muon";
    private static final String TORCH_MUON = "torch.optim.Muon";
    private static final String SQUARE = "768x768";
    private static final String WIDE = "768x3072";
    private static final String HIDDEN = "124M, hidden matrices";
    private static final String STEP = "124M, B=4, T=256, step";

    private static final double BY_NEWTON_SCHULZ = 0.36;
    private static final double OPTIMIZER_SHARE = 0.12;
    private static final double BY_TORCH_SQUARE = 1.0;
    private static final double BY_TORCH_WIDE = 0.8;
    private static final double BY_PYTORCH = 1.15;
    private static final double EXPONENT = 0.05;
    private static final double MEMORY = 0.15;

    private final Results results;
    private final Table table = new Table("aim", "measured", "limit", "");
    private boolean measured;

    Targets(Results results) {
        this.results = results;
        muon(BY_NEWTON_SCHULZ, HIDDEN, "Muon, DJL arrays");
        muon(BY_NEWTON_SCHULZ, HIDDEN, "Muon, native Newton-Schulz");
        muon(BY_TORCH_SQUARE, SQUARE, TORCH_MUON);
        muon(BY_TORCH_WIDE, WIDE, TORCH_MUON);
        polarError(SQUARE);
        polarError(WIDE);
        Optional<Uncertain> share =
                results.measured(Suite.OPTIMIZERS, "124M, all parameters", MUON)
                        .flatMap(
                                update ->
                                        timeBy(
                                                update,
                                                Suite.GPT2,
                                                "124M, B=32, T=256, step",
                                                "ours, float32, Muon"));
        atMost(OPTIMIZER_SHARE, "Muon's share of a step of GPT-2 124M with 8192 tokens", share);
        tokens("float32");
        tokens("bfloat16");
        for (String axis : List.of("batch", "context")) {
            exponent("a step's gradients in tokens, by " + axis, "gradients alone", axis);
            exponent(
                    "a whole step in tokens, by "
                            + axis
                            + " (the update takes the same time for any number of tokens)",
                    "ours, AdamW",
                    axis);
        }
        Optional<Uncertain> worst =
                curves(contender -> contender.startsWith("ours"))
                        .flatMap(curve -> curve.worstMemoryDeviation().stream())
                        .max(Comparator.comparingDouble(deviation -> Math.abs(deviation.value())));
        within(-MEMORY, MEMORY, "peak memory against the formula, worst relative deviation", worst);
    }

    /** Returns Markdown lines with a headline; empty if nothing was measured. */
    List<String> lines() {
        return measured ? Report.section("## Targets", table) : List.of();
    }

    private void muon(double limit, String subject, String other) {
        atMost(
                limit,
                "Muon's step, " + subject + ", by the time of " + other,
                results.measured(Suite.OPTIMIZERS, subject, MUON)
                        .flatMap(muon -> timeBy(muon, Suite.OPTIMIZERS, subject, other)));
    }

    private void tokens(String precision) {
        within(
                BY_PYTORCH,
                Double.POSITIVE_INFINITY,
                "tokens/s of a step of GPT-2 124M by PyTorch's, " + precision,
                results.measured(Suite.GPT2, STEP, "PyTorch, " + precision)
                        .flatMap(its -> timeBy(its, Suite.GPT2, STEP, "ours, " + precision)));
    }

    private Optional<Uncertain> timeBy(
            Measurement one, Suite suite, String subject, String contender) {
        return results.measured(suite, subject, contender).flatMap(one::timeBy);
    }

    private void polarError(String subject) {
        Optional<Uncertain> mine = polarError(subject, MUON);
        Optional<Uncertain> its = polarError(subject, TORCH_MUON);
        atMost(
                1,
                "largest error of Muon's polar factor, " + subject + ", by that of " + TORCH_MUON,
                mine.flatMap(error -> its.map(other -> error.times(1 / other.value()))));
    }

    private Optional<Uncertain> polarError(String subject, String contender) {
        return results.measured(Suite.OPTIMIZERS, subject, contender)
                .flatMap(Measurement::polarError);
    }

    /** The tokens of a step are the batch by the context. */
    private void exponent(String what, String contender, String axis) {
        within(
                1 - EXPONENT,
                1 + EXPONENT,
                "exponent of the time of " + what,
                curves(contender::equals)
                        .filter(curve -> curve.axis().equals(axis))
                        .flatMap(curve -> curve.timeFit().stream())
                        .map(Uncertain::exponent)
                        .findFirst());
    }

    private Stream<Growth> curves(Predicate<String> contender) {
        return Growth.of(results).stream().filter(curve -> contender.test(curve.contender()));
    }

    private void atMost(double largest, String aim, Optional<Uncertain> value) {
        within(Double.NEGATIVE_INFINITY, largest, aim, value);
    }

    private void within(double least, double largest, String aim, Optional<Uncertain> value) {
        String limit =
                least == Double.NEGATIVE_INFINITY
                        ? Table.text("at most %.2f", largest)
                        : largest == Double.POSITIVE_INFINITY
                                ? Table.text("at least %.2f", least)
                                : Table.text("%.2f to %.2f", least, largest);
        measured |= value.isPresent();
        table.add(
                aim,
                value.map(Uncertain::toString).orElse(""),
                limit,
                value.map(found -> verdict(found, least, largest)).orElse("not measured"));
    }

    /** Returns whether a value is within limits, and whether its margin leaves that open. */
    private static String verdict(Uncertain found, double least, double largest) {
        boolean held = found.value() >= least && found.value() <= largest;
        boolean open = found.includes(least) || found.includes(largest);
        return (held ? "held" : "MISSED") + (open ? " (the limit is within the margin)" : "");
    }
}
