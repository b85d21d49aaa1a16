package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.Machine.Speed;
import io.github.djlspectral.examples.bench.Machine.Work;
import io.github.djlspectral.examples.bench.Results.Measurement;
import io.github.djlspectral.examples.bench.Results.Round;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Table;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Stream;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries.CategorySeriesRenderStyle;
import org.knowm.xchart.style.CategoryStyler;
import org.knowm.xchart.style.Styler.LegendPosition;

/** The tables and pictures of what was measured. */
record Report(Results results) {

    static final double MILLI = 1e-3;
    static final double GIBI = 1L << 30;
    private static final double LEAST = Double.NEGATIVE_INFINITY;
    private static final double MOST = Double.POSITIVE_INFINITY;

    private static final String HEADER =
            "subject; contender; time, ms; time by another's; tokens/s; of the float32 product rate;"
                    + " peak memory, GiB; largest |s - 1|; memory against formula";
    private static final String READING =
            """
            A time is the mean over rounds, each a process of its own that ran close to its rivals', \
            of the median of its iterations; ± is half the 95% interval by Student's t over rounds. \
            Ratios are geometric means of the rounds' ratios, so that what slows the machine for \
            minutes cancels.""";

    /** Returns lines of Markdown. */
    List<String> lines() {
        List<String> lines = new ArrayList<>(List.of("# Benchmarks of " + results.date(), ""));
        Stream.of(
                        results.machine().lines(),
                        Speed.of(results).lines(),
                        List.of("Command: `" + results.options() + "`. " + READING),
                        results.machine().warnings(),
                        results.notes())
                .flatMap(List::stream)
                .forEach(line -> lines.add("- " + line));
        lines.addAll(targets());
        for (Suite suite : Suite.values()) {
            Table table = new Table(HEADER.split("; "));
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
        List<String> ratios = new ArrayList<>();
        for (String other : key.rivals()) {
            Optional<Measurement> rival = results.measured(key.task() + ": " + other);
            rival.flatMap(measurement::timeBy).ifPresent(by -> ratios.add(by + " of " + other));
        }
        return String.join("; ", ratios);
    }

    private String share(Work work, Uncertain time) {
        double percent = 100 * work.operations() / time.value();
        OptionalDouble best = Speed.of(results).best();
        return best.isEmpty() ? "" : Table.text("%.0f%%", percent / best.getAsDouble());
    }

    /** Returns whether what this project aims at is reached; nothing if none was measured. */
    private List<String> targets() {
        Table table = new Table("aim", "measured", "limit", "");
        String[] shapes = {"124M, hidden matrices", "768x768", "768x3072"};
        String torch = "torch.optim.Muon";
        boolean any = muon(table, 0.36, shapes[0], "Muon, DJL arrays");
        any |= muon(table, 0.36, shapes[0], "Muon, native Newton-Schulz");
        any |= muon(table, 1, shapes[1], torch) | muon(table, 0.8, shapes[2], torch);
        for (String shape : List.of(shapes[1], shapes[2])) {
            Optional<Double> its = polarError(shape, torch).map(Uncertain::value);
            String aim = "largest error of Muon's polar factor, " + shape + ", by that of " + torch;
            Optional<Uncertain> mine = polarError(shape, "Muon");
            any |= aim(table, LEAST, 1, aim, its.flatMap(by -> mine.map(m -> m.times(1 / by))));
        }
        String share = "Muon's share of a step of GPT-2 124M with 8192 tokens";
        String part = "optimizers, 124M, all parameters: Muon";
        String whole = "gpt2, 124M, B=32, T=256, step: ours, float32, Muon";
        any |= aim(table, LEAST, 0.12, share, ratio(part, whole));
        for (String precision : List.of("float32", "bfloat16")) {
            String step = "gpt2, 124M, B=4, T=256, step: ";
            String tokens = "tokens/s of a step of GPT-2 124M by PyTorch's, " + precision;
            String peer = step + "PyTorch, " + precision;
            any |= aim(table, 1.15, MOST, tokens, ratio(peer, step + "ours, " + precision));
        }
        String exponent = "exponent of the time of a %s in tokens, by %s";
        String update = " (the update takes the same time for any number of tokens)";
        for (String axis : List.of("batch", "context")) { // the tokens of a step are their product
            String gradients = Table.text(exponent, "step's gradients", axis);
            String step = Table.text(exponent, "whole step", axis) + update;
            any |= aim(table, 0.95, 1.05, gradients, exponent(axis, "gradients alone"));
            any |= aim(table, 0.95, 1.05, step, exponent(axis, "ours, AdamW"));
        }
        Optional<Uncertain> worst =
                Growth.of(results).stream()
                        .filter(curve -> curve.contender().startsWith("ours"))
                        .flatMap(curve -> curve.worstMemoryDeviation().stream())
                        .max(Comparator.comparing(deviation -> Math.abs(deviation.value())));
        String memory = "peak memory against the formula, worst relative deviation";
        any |= aim(table, -0.15, 0.15, memory, worst);
        return any ? section("## Targets", table) : List.of();
    }

    private boolean muon(Table table, double limit, String subject, String other) {
        String task = "optimizers, " + subject + ": ";
        String aim = "Muon's step, " + subject + ", by the time of " + other;
        return aim(table, LEAST, limit, aim, ratio(task + "Muon", task + other));
    }

    /** Adds what was found, if anything, and whether that is within limits, or its margin. */
    private static boolean aim(
            Table table, double least, double most, String aim, Optional<Uncertain> value) {
        String atMost = most == MOST ? "at least %.2f" : "%.2f to %.2f";
        String limit = Table.text(least == LEAST ? "at most %2$.2f" : atMost, least, most);
        String verdict =
                value.map(it -> it.value() >= least && it.value() <= most ? "held" : "MISSED")
                        .orElse("not measured");
        boolean open = value.filter(it -> it.includes(least) || it.includes(most)).isPresent();
        String margin = open ? " (the limit is within the margin)" : "";
        table.add(aim, text(value), limit, verdict + margin);
        return value.isPresent();
    }

    private Optional<Uncertain> ratio(String one, String other) {
        return results.measured(one).flatMap(m -> results.measured(other).flatMap(m::timeBy));
    }

    private Optional<Uncertain> polarError(String subject, String contender) {
        return results.measured("optimizers, " + subject + ": " + contender)
                .flatMap(measurement -> measurement.mean(Round::polarError));
    }

    private Optional<Uncertain> exponent(String axis, String contender) {
        return Growth.of(results).stream()
                .filter(curve -> curve.axis().equals(axis) && curve.contender().equals(contender))
                .flatMap(curve -> curve.exponent(Round::time).stream())
                .findFirst();
    }

    /** Writes {@code bench.md} and the pictures that there is something for. */
    void write(Path directory) {
        List<String> lines = lines();
        for (String name : List.of("optimizers.png", "gpt2.png", "growth.png")) {
            if (draw(name, directory.resolve(name))) {
                lines.addAll(List.of("", "![" + name + "](" + name + ")"));
            }
        }
        Table.write(directory.resolve("bench.md"), lines);
    }

    private boolean draw(String name, Path path) {
        if (name.startsWith("growth")) {
            return Growth.draw(Growth.of(results), path);
        }
        Suite suite = name.startsWith("gpt2") ? Suite.GPT2 : Suite.OPTIMIZERS;
        List<Key> keys =
                results.of(suite).stream()
                        .filter(m -> m.key().subject().matches("124M, B.*|\\d+x\\d+"))
                        .filter(Measurement::isMeasured)
                        .map(Measurement::key)
                        .toList();
        if (!keys.isEmpty()) {
            Plot.save(path, 1, () -> List.of(chart(suite == Suite.GPT2, keys)));
        }
        return !keys.isEmpty();
    }

    /** Draws tokens a second of GPT-2 as bars with margins, or times of optimizers as lines. */
    private CategoryChart chart(boolean tokens, List<Key> keys) {
        CategoryChart chart =
                new CategoryChartBuilder()
                        .width(1200)
                        .height(560)
                        .title(tokens ? "GPT-2" : "One step of an optimizer, by shape")
                        .yAxisTitle(tokens ? "tokens/s" : "ms")
                        .build();
        CategoryStyler styler = chart.getStyler();
        styler.setLegendPosition(LegendPosition.OutsideE);
        styler.setAvailableSpaceFill(0.9);
        styler.setXAxisLabelRotation(20);
        List<String> tasks = keys.stream().map(Key::task).distinct().toList();
        List<String> subjects = keys.stream().map(Key::subject).distinct().toList();
        DoubleSummaryStatistics range = new DoubleSummaryStatistics();
        for (String contender : keys.stream().map(Key::contender).distinct().toList()) {
            List<Optional<Uncertain>> found =
                    tasks.stream()
                            .map(task -> results.measured(task + ": " + contender))
                            .map(measured -> measured.map(m -> shown(tokens, m)))
                            .toList();
            found.forEach(it -> it.ifPresent(known -> range.accept(known.value())));
            List<Double> values =
                    found.stream().map(it -> it.map(Uncertain::value).orElse(null)).toList();
            List<Double> margins =
                    found.stream().map(it -> it.map(Uncertain::margin).orElse(0.)).toList();
            // XChart can draw margins on a linear axis only, and for no series with gaps.
            boolean bars = tokens && !values.contains(null) && !margins.contains(Double.NaN);
            chart.addSeries(contender, subjects, values, bars ? margins : null);
        }
        if (!tokens) {
            styler.setYAxisLogarithmic(true); // which has no zero for bars to stand on
            styler.setDefaultSeriesRenderStyle(CategorySeriesRenderStyle.Line);
            styler.setOverlapped(true); // all contenders of a shape above each other
            // Whole decades: XChart labels nothing else, so that there might be no number at all.
            styler.setYAxisMin(Math.pow(10, Math.floor(Math.log10(range.getMin()))));
            styler.setYAxisMax(Math.pow(10, Math.ceil(Math.log10(range.getMax()))));
        }
        return chart;
    }

    private static Uncertain shown(boolean tokens, Measurement measurement) {
        Optional<Work> work = Work.of(measurement.key().subject());
        Uncertain time = measurement.time();
        return tokens ? time.under(work.orElseThrow().tokens()) : time.times(1 / MILLI);
    }
}
