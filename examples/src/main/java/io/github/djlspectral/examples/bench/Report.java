package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.MachineSpeed.Work;
import io.github.djlspectral.examples.bench.Results.Measurement;
import io.github.djlspectral.examples.bench.Results.Round;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Table;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries.CategorySeriesRenderStyle;
import org.knowm.xchart.style.Styler.LegendPosition;

/** The tables and pictures of what was measured. */
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
                        new MachineSpeed(results).lines(),
                        List.of("Command: `" + results.options() + "`. " + READING),
                        results.machine().warnings(),
                        results.notes())
                .flatMap(List::stream)
                .forEach(line -> lines.add("- " + line));
        lines.addAll(targets());
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
        Optional<Work> work = Work.of(key.subject()).filter(w -> key.suite() == Suite.GPT2);
        table.add(
                key.subject(),
                key.contender(),
                time.times(1 / MILLI) + failures,
                ratios(key, measurement),
                text(work.filter(w -> w.tokens() > 0).map(w -> time.under(w.tokens()))),
                text(work.map(w -> share(w, time))),
                text(measurement.mean(Round::peakMemory).map(memory -> memory.times(1 / GIBI))),
                text(measurement.mean(Round::polarError).map(e -> Table.text("%.2g", e.value()))),
                text(measurement.memoryDeviation().map(Uncertain::percent)));
    }

    static String text(Optional<?> cell) {
        return cell.map(Object::toString).orElse("");
    }

    private String ratios(Key key, Measurement measurement) {
        return key.rivals().stream()
                .flatMap(
                        other ->
                                results
                                        .measured(key.task() + ": " + other)
                                        .flatMap(measurement::timeBy)
                                        .map(ratio -> ratio + " of " + other)
                                        .stream())
                .collect(Collectors.joining("; "));
    }

    private String share(Work work, Uncertain time) {
        OptionalDouble rate = new MachineSpeed(results).best();
        return rate.isEmpty()
                ? ""
                : Table.text("%.0f%%", 100 * work.operations() / time.value() / rate.getAsDouble());
    }

    /** A speed that this project aims at. */
    private record Target(String aim, double least, double largest, Optional<Uncertain> value) {

        void addTo(Table table) {
            String format =
                    Double.isInfinite(least)
                            ? "at most %2$.2f"
                            : Double.isInfinite(largest) ? "at least %.2f" : "%.2f to %.2f";
            table.add(
                    aim,
                    text(value),
                    Table.text(format, least, largest),
                    value.map(this::verdict).orElse("not measured"));
        }

        /** Returns whether a value is within limits, and whether its margin leaves that open. */
        private String verdict(Uncertain found) {
            boolean held = found.value() >= least && found.value() <= largest;
            boolean open = found.includes(least) || found.includes(largest);
            return (held ? "held" : "MISSED") + (open ? " (the limit is within the margin)" : "");
        }
    }

    /** Returns whether the targets are reached; nothing if none was measured. */
    private List<String> targets() {
        String hidden = "124M, hidden matrices";
        String torch = "torch.optim.Muon";
        List<Target> all = new ArrayList<>();
        all.add(muon(0.36, hidden, "Muon, DJL arrays"));
        all.add(muon(0.36, hidden, "Muon, native Newton-Schulz"));
        all.add(muon(1, "768x768", torch));
        all.add(muon(0.8, "768x3072", torch));
        for (String subject : List.of("768x768", "768x3072")) {
            Optional<Uncertain> its = polarError(subject, torch);
            Optional<Uncertain> by =
                    polarError(subject, "Muon")
                            .flatMap(mine -> its.map(other -> mine.times(1 / other.value())));
            String aim = "largest error of Muon's polar factor, " + subject + ", by that of ";
            all.add(atMost(1, aim + torch, by));
        }
        all.add(
                atMost(
                        0.12,
                        "Muon's share of a step of GPT-2 124M with 8192 tokens",
                        ratio(
                                "optimizers, 124M, all parameters: Muon",
                                "gpt2, 124M, B=32, T=256, step: ours, float32, Muon")));
        for (String precision : List.of("float32", "bfloat16")) {
            String step = "gpt2, 124M, B=4, T=256, step: ";
            all.add(
                    new Target(
                            "tokens/s of a step of GPT-2 124M by PyTorch's, " + precision,
                            1.15,
                            Double.POSITIVE_INFINITY,
                            ratio(step + "PyTorch, " + precision, step + "ours, " + precision)));
        }
        List<Growth> curves = Growth.of(results);
        for (String axis : List.of("batch", "context")) {
            String update = " (the update takes the same time for any number of tokens)";
            String of = "exponent of the time of a ";
            all.add(
                    exponent(
                            curves,
                            of + "step's gradients in tokens, by " + axis,
                            axis,
                            "gradients alone"));
            all.add(
                    exponent(
                            curves,
                            of + "whole step in tokens, by " + axis + update,
                            axis,
                            "ours, AdamW"));
        }
        all.add(
                new Target(
                        "peak memory against the formula, worst relative deviation",
                        -0.15,
                        0.15,
                        curves.stream()
                                .filter(curve -> curve.contender().startsWith("ours"))
                                .flatMap(curve -> curve.worstMemoryDeviation().stream())
                                .max(Comparator.comparing(worst -> Math.abs(worst.value())))));
        Table table = new Table("aim", "measured", "limit", "");
        all.forEach(target -> target.addTo(table));
        boolean none = all.stream().allMatch(target -> target.value.isEmpty());
        return none ? List.of() : section("## Targets", table);
    }

    private Optional<Uncertain> ratio(String one, String other) {
        return results.measured(one).flatMap(m -> results.measured(other).flatMap(m::timeBy));
    }

    private static Target atMost(double largest, String aim, Optional<Uncertain> value) {
        return new Target(aim, Double.NEGATIVE_INFINITY, largest, value);
    }

    private Target muon(double limit, String subject, String other) {
        String task = "optimizers, " + subject + ": ";
        String aim = "Muon's step, " + subject + ", by the time of " + other;
        return atMost(limit, aim, ratio(task + "Muon", task + other));
    }

    private Optional<Uncertain> polarError(String subject, String contender) {
        return results.measured("optimizers, " + subject + ": " + contender)
                .flatMap(measurement -> measurement.mean(Round::polarError));
    }

    /** The tokens of a step are the batch by the context. */
    private static Target exponent(List<Growth> curves, String aim, String axis, String contender) {
        return new Target(
                aim,
                0.95,
                1.05,
                curves.stream()
                        .filter(c -> c.axis().equals(axis) && c.contender().equals(contender))
                        .flatMap(curve -> curve.exponent().stream())
                        .findFirst());
    }

    /**
     * Writes {@code bench.md} and the pictures that there is something for, into a directory that
     * exists.
     */
    void write(Path directory) {
        List<String> pictures = new ArrayList<>();
        if (draw(directory, "optimizers.png", Suite.OPTIMIZERS, s -> s.matches("\\d+x\\d+"))) {
            pictures.add("optimizers.png");
        }
        if (draw(directory, "gpt2.png", Suite.GPT2, s -> s.startsWith("124M"))) {
            pictures.add("gpt2.png");
        }
        if (Growth.draw(Growth.of(results), directory.resolve("growth.png"))) {
            pictures.add("growth.png");
        }
        List<String> lines = lines();
        pictures.forEach(name -> lines.addAll(List.of("", "![" + name + "](" + name + ")")));
        Table.write(directory.resolve("bench.md"), lines);
    }

    private boolean draw(Path directory, String name, Suite suite, Predicate<String> subjects) {
        List<Measurement> found =
                results.of(suite).stream()
                        .filter(m -> m.isMeasured() && subjects.test(m.key().subject()))
                        .toList();
        if (!found.isEmpty()) {
            Plot.save(directory.resolve(name), 1, () -> List.of(chart(found)));
        }
        return !found.isEmpty();
    }

    /** Draws tokens a second of GPT-2 as bars with margins, or times of optimizers as lines. */
    private static CategoryChart chart(List<Measurement> measurements) {
        boolean tokens = measurements.get(0).key().suite() == Suite.GPT2;
        CategoryChart chart =
                new CategoryChartBuilder()
                        .width(1200)
                        .height(560)
                        .title(tokens ? "GPT-2" : "One step of an optimizer, by shape")
                        .yAxisTitle(tokens ? "tokens/s" : "ms")
                        .build();
        chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
        chart.getStyler().setAvailableSpaceFill(0.9);
        chart.getStyler().setXAxisLabelRotation(20);
        List<String> subjects =
                measurements.stream().map(m -> m.key().subject()).distinct().toList();
        DoubleSummaryStatistics range = new DoubleSummaryStatistics();
        Map<String, List<Measurement>> byContender =
                measurements.stream()
                        .collect(
                                Collectors.groupingBy(
                                        m -> m.key().contender(),
                                        LinkedHashMap::new,
                                        Collectors.toList()));
        byContender.forEach(
                (contender, found) -> {
                    Double[] values = new Double[subjects.size()]; // null: not measured
                    Double[] margins = new Double[subjects.size()];
                    Arrays.fill(margins, 0.0);
                    for (Measurement m : found) {
                        String subject = m.key().subject();
                        Uncertain shown =
                                tokens
                                        ? m.time().under(Work.of(subject).orElseThrow().tokens())
                                        : m.time().times(1 / MILLI);
                        int i = subjects.indexOf(subject);
                        values[i] = shown.value();
                        margins[i] = Double.isNaN(shown.margin()) ? 0 : shown.margin();
                        range.accept(shown.value());
                    }
                    List<Double> drawn = Arrays.asList(values);
                    // XChart can draw margins on a linear axis only, and for no series with gaps.
                    boolean bars = tokens && !drawn.contains(null);
                    chart.addSeries(
                            contender, subjects, drawn, bars ? Arrays.asList(margins) : null);
                });
        if (!tokens) {
            chart.getStyler().setYAxisLogarithmic(true); // which has no zero for bars to stand on
            CategorySeriesRenderStyle line = CategorySeriesRenderStyle.Line;
            chart.getSeriesMap().values().forEach(s -> s.setChartCategorySeriesRenderStyle(line));
            chart.getStyler().setOverlapped(true); // all contenders of a shape above each other
            // Whole decades: XChart labels nothing else, so that there might be no number at all.
            chart.getStyler().setYAxisMin(Math.pow(10, Math.floor(Math.log10(range.getMin()))));
            chart.getStyler().setYAxisMax(Math.pow(10, Math.ceil(Math.log10(range.getMax()))));
        }
        return chart;
    }
}
