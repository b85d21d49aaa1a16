package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.ProductRate.Work;
import io.github.djlspectral.examples.bench.Results.Measurement;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.experiment.Table;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The tables of what was measured.
 *
 * @param results what to show
 */
record Report(Results results) {

    static final double MILLI = 1e-3;
    static final double GIBI = 1L << 30;

    private static final String READING =
            "A time is the mean over rounds, each a process of its own that ran close to its"
                    + " rivals', of the median of its iterations; ± is half the 95% interval by"
                    + " Student's t over rounds. Ratios are geometric means of the rounds' ratios,"
                    + " so that what slows the machine for minutes cancels.";

    /** Returns lines of Markdown. */
    List<String> lines() {
        List<String> lines = new ArrayList<>(List.of("# Benchmarks of " + results.date(), ""));
        Stream.of(
                        results.machine().lines(),
                        new ProductRate(results).lines(),
                        List.of("Command: `" + results.options() + "`. " + READING),
                        results.machine().warnings(),
                        results.notes())
                .flatMap(List::stream)
                .forEach(line -> lines.add("- " + line));
        lines.addAll(new Targets(results).lines());
        for (Suite suite : Suite.values()) {
            Table table =
                    new Table(
                            "subject",
                            "contender",
                            "time, ms",
                            "time by another's",
                            "tokens/s",
                            "of the float32 product rate",
                            "peak memory, GiB",
                            "largest |s - 1|",
                            "memory against formula");
            results.of(suite).forEach(measurement -> add(table, measurement));
            lines.addAll(section("## " + suite.title, table));
        }
        lines.addAll(Growth.lines(Growth.of(results)));
        return lines;
    }

    /** Returns a headline and a table, as Markdown; nothing if that is empty. */
    static List<String> section(String headline, Table table) {
        List<String> lines = new ArrayList<>();
        if (!table.isEmpty()) {
            lines.addAll(List.of("", headline, ""));
            lines.addAll(table.markdown());
        }
        return lines;
    }

    /**
     * Writes {@code bench.md} and the pictures that there is something for, into a directory that
     * exists.
     */
    void write(Path directory) {
        List<String> lines = lines();
        for (String picture : new Charts(results).write(directory)) {
            lines.addAll(List.of("", "![" + picture + "](" + picture + ")"));
        }
        Table.write(directory.resolve("bench.md"), lines);
    }

    private void add(Table table, Measurement measurement) {
        Key key = measurement.key();
        if (!measurement.isMeasured()) {
            String why = "failed: " + measurement.failure().orElse("");
            table.add(key.subject(), key.contender(), why, "", "", "", "", "", "");
            return;
        }
        Uncertain time = measurement.time();
        int all = measurement.rounds().size();
        int failed = all - measurement.measured().size();
        String failures = failed == 0 ? "" : " (" + failed + " of " + all + " rounds failed)";
        boolean isGpt2 = key.suite() == Suite.GPT2;
        Optional<Work> work = isGpt2 ? Work.of(key.subject()) : Optional.empty();
        table.add(
                key.subject(),
                key.contender(),
                time.times(1 / MILLI) + failures,
                ratios(key, measurement),
                text(work.filter(w -> w.tokens() > 0).map(w -> time.under(w.tokens()))),
                text(work.map(w -> share(w, time))),
                text(measurement.memory().map(memory -> memory.times(1 / GIBI))),
                text(measurement.polarError().map(error -> Table.text("%.2g", error.value()))),
                text(measurement.memoryDeviation().map(Uncertain::percent)));
    }

    private static String text(Optional<?> cell) {
        return cell.map(Object::toString).orElse("");
    }

    private String ratios(Key key, Measurement measurement) {
        return key.rivals().stream()
                .flatMap(
                        other ->
                                results.measured(key.task() + ": " + other).stream()
                                        .flatMap(rival -> measurement.timeBy(rival).stream())
                                        .map(ratio -> ratio + " of " + other))
                .collect(Collectors.joining("; "));
    }

    private String share(Work work, Uncertain time) {
        OptionalDouble rate = new ProductRate(results).best();
        return rate.isEmpty()
                ? ""
                : Table.text("%.0f%%", 100 * work.operations() / time.value() / rate.getAsDouble());
    }

    /** The speed that this project aims at, and whether it is reached. */
    private static final class Targets {

        private static final String TORCH_MUON = "torch.optim.Muon";
        private static final String HIDDEN = "124M, hidden matrices";
        private static final String STEP = "gpt2, 124M, B=4, T=256, step: ";

        private final Results results;
        private final Table table = new Table("aim", "measured", "limit", "");
        private boolean measured;

        private Targets(Results results) {
            this.results = results;
            muon(0.36, HIDDEN, "Muon, DJL arrays");
            muon(0.36, HIDDEN, "Muon, native Newton-Schulz");
            muon(1, "768x768", TORCH_MUON);
            muon(0.8, "768x3072", TORCH_MUON);
            polarError("768x768");
            polarError("768x3072");
            atMost(
                    0.12,
                    "Muon's share of a step of GPT-2 124M with 8192 tokens",
                    ratio(
                            "optimizers, 124M, all parameters: Muon",
                            "gpt2, 124M, B=32, T=256, step: ours, float32, Muon"));
            for (String precision : List.of("float32", "bfloat16")) {
                within(
                        1.15,
                        Double.POSITIVE_INFINITY,
                        "tokens/s of a step of GPT-2 124M by PyTorch's, " + precision,
                        ratio(STEP + "PyTorch, " + precision, STEP + "ours, " + precision));
            }
            for (String axis : List.of("batch", "context")) {
                exponent("a step's gradients in tokens, by " + axis, "gradients alone", axis);
                exponent(
                        "a whole step in tokens, by "
                                + axis
                                + " (the update takes the same time for any number of tokens)",
                        "ours, AdamW",
                        axis);
            }
            within(
                    -0.15,
                    0.15,
                    "peak memory against the formula, worst relative deviation",
                    curves(contender -> contender.startsWith("ours"))
                            .flatMap(curve -> curve.worstMemoryDeviation().stream())
                            .max(
                                    Comparator.comparingDouble(
                                            deviation -> Math.abs(deviation.value()))));
        }

        /** Returns Markdown lines with a headline; empty if nothing was measured. */
        private List<String> lines() {
            return measured ? section("## Targets", table) : List.of();
        }

        private Optional<Uncertain> ratio(String one, String other) {
            return results.measured(one).flatMap(m -> results.measured(other).flatMap(m::timeBy));
        }

        private void muon(double limit, String subject, String other) {
            String task = "optimizers, " + subject + ": ";
            String aim = "Muon's step, " + subject + ", by the time of " + other;
            atMost(limit, aim, ratio(task + "Muon", task + other));
        }

        private void polarError(String subject) {
            String task = "optimizers, " + subject + ": ";
            Optional<Uncertain> its =
                    results.measured(task + TORCH_MUON).flatMap(Measurement::polarError);
            atMost(
                    1,
                    "largest error of Muon's polar factor, "
                            + subject
                            + ", by that of "
                            + TORCH_MUON,
                    results.measured(task + "Muon")
                            .flatMap(Measurement::polarError)
                            .flatMap(mine -> its.map(other -> mine.times(1 / other.value()))));
        }

        /** The tokens of a step are the batch by the context. */
        private void exponent(String what, String contender, String axis) {
            within(
                    0.95,
                    1.05,
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
            String format =
                    Double.isInfinite(least)
                            ? "at most %2$.2f"
                            : Double.isInfinite(largest) ? "at least %.2f" : "%.2f to %.2f";
            measured |= value.isPresent();
            table.add(
                    aim,
                    value.map(Uncertain::toString).orElse(""),
                    Table.text(format, least, largest),
                    value.map(found -> verdict(found, least, largest)).orElse("not measured"));
        }

        /** Returns whether a value is within limits, and whether its margin leaves that open. */
        private static String verdict(Uncertain found, double least, double largest) {
            boolean held = found.value() >= least && found.value() <= largest;
            boolean open = found.includes(least) || found.includes(largest);
            return (held ? "held" : "MISSED") + (open ? " (the limit is within the margin)" : "");
        }
    }
}
