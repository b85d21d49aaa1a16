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

    private static final String HEADER =
            "subject; contender; time, ms; time by another's; tokens/s; of the float32 product rate;"
                    + " peak memory, GiB; largest |s - 1|; memory against formula";
    private static final String READING =
            """
            A time is the mean over rounds, each a process of its own that ran close to its rivals', \
            of the median of its iterations; ± is half the 95% interval by Student's t over rounds. \
            Ratios are geometric means of the rounds' ratios, so that what slows the machine for \
            minutes cancels.""";

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

    /** Returns whether what {@code targets.txt} has is reached; nothing if none was measured. */
    private List<String> targets() {
        Table table = new Table("aim", "measured", "limit", "");
        boolean any = false;
        for (String line : Suite.resource("targets.txt").lines().toList()) {
            String[] cells = line.split(" *[|] *", -1); // aim, least, most, what, of whom, by whom
            Optional<Uncertain> value = value(cells[3], cells[4], cells[5]);
            String format =
                    cells[1].isEmpty()
                            ? "at most %2$.2f"
                            : cells[2].isEmpty() ? "at least %.2f" : "%.2f to %.2f";
            double least = limit(cells[1], Double.NEGATIVE_INFINITY);
            double most = limit(cells[2], Double.POSITIVE_INFINITY);
            String verdict =
                    value.map(it -> it.value() >= least && it.value() <= most ? "held" : "MISSED")
                            .orElse("not measured");
            boolean open = value.filter(it -> it.includes(least) || it.includes(most)).isPresent();
            String margin = open ? " (the limit is within the margin)" : "";
            table.add(cells[0], text(value), Table.text(format, least, most), verdict + margin);
            any |= value.isPresent();
        }
        return any ? section("## Targets", table) : List.of();
    }

    private static double limit(String cell, double none) {
        return cell.isEmpty() ? none : Double.parseDouble(cell);
    }

    /** Returns a time or an error by another's, the exponent of growth, or the worst memory. */
    private Optional<Uncertain> value(String what, String one, String other) {
        Stream<Growth> curves = Growth.of(results).stream();
        return switch (what) {
            case "time" ->
                    results.measured(one).flatMap(m -> results.measured(other).flatMap(m::timeBy));
            case "error" ->
                    polarError(other)
                            .flatMap(by -> polarError(one).map(it -> it.times(1 / by.value())));
            case "exponent" ->
                    curves.filter(c -> c.axis().equals(one) && c.contender().equals(other))
                            .flatMap(curve -> curve.exponent(Round::time).stream())
                            .findFirst();
            default ->
                    curves.filter(curve -> curve.contender().startsWith(one))
                            .flatMap(curve -> curve.worstMemoryDeviation().stream())
                            .max(Comparator.comparing(worst -> Math.abs(worst.value())));
        };
    }

    private Optional<Uncertain> polarError(String name) {
        return results.measured(name).flatMap(found -> found.mean(Round::polarError));
    }

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
