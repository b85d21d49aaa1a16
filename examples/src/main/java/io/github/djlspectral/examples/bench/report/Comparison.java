package io.github.djlspectral.examples.bench.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Stream;

/** Results beside older ones. */
public final class Comparison {

    private final Results old;
    private final Results fresh;
    private final List<Row> rows;

    private record Row(String what, String before, String now, Change change) {}

    /**
     * Compares times and peak memory of what both have.
     *
     * @param old the older results
     * @param fresh the newer ones
     */
    public Comparison(Results old, Results fresh) {
        this.old = old;
        this.fresh = fresh;
        rows = fresh.measurements().stream().flatMap(this::rows).toList();
    }

    private Stream<Row> rows(Measurement now) {
        return old.find(now.key()).stream()
                .flatMap(before -> Stream.concat(time(before, now), memory(before, now)));
    }

    private static Stream<Row> time(Measurement before, Measurement now) {
        Function<Measurement, Uncertain> shown = m -> m.time().times(1 / SuiteTable.MILLI);
        return row(", ms", before, before.times(), now, now.times(), shown);
    }

    private static Stream<Row> memory(Measurement before, Measurement now) {
        Function<Measurement, Uncertain> shown =
                m -> m.memory().orElseThrow().times(1 / SuiteTable.GIBI);
        return row(", peak GiB", before, before.memories(), now, now.memories(), shown);
    }

    private static Stream<Row> row(
            String unit,
            Measurement before,
            double[] old,
            Measurement now,
            double[] fresh,
            Function<Measurement, Uncertain> shown) {
        return old.length == 0 || fresh.length == 0
                ? Stream.empty()
                : Stream.of(
                        new Row(
                                now.key() + unit,
                                shown.apply(before).toString(),
                                shown.apply(now).toString(),
                                Change.between(old, fresh)));
    }

    /**
     * Tells whether anything got worse.
     *
     * @return true if a time or a peak memory grew beyond noise, or what could be measured no
     *     longer can
     */
    public boolean hasRegressions() {
        return regressions().findAny().isPresent();
    }

    private Stream<String> regressions() {
        Stream<String> worse =
                rows.stream()
                        .filter(row -> row.change.isRegression())
                        .map(row -> row.what + ": " + row.change + " of before");
        return Stream.concat(lost(), worse);
    }

    /** What the newer run tried and failed to measure. */
    private Stream<String> lost() {
        return fresh.measurements().stream()
                .filter(now -> now.failure().isPresent())
                .filter(now -> old.find(now.key()).filter(Measurement::isMeasured).isPresent())
                .map(now -> now.key() + " fails now: " + now.failure().orElseThrow());
    }

    /**
     * Returns the table.
     *
     * @return lines of Markdown, with warnings if the machines or their conditions differ
     */
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add(
                "## Against the results of " + old.date() + commit().map(", "::concat).orElse(""));
        lines.add("");
        fresh.machine()
                .differences(old.machine())
                .forEach(difference -> lines.add("- Warning: not the same machine: " + difference));
        if (old.quick() != fresh.quick()) {
            lines.add("- Warning: one of the two is a quick run, which warms up less");
        }
        lines.addAll(new ProductRate(fresh).against(new ProductRate(old)));
        regressions().forEach(message -> lines.add("- REGRESSION: " + message));
        MarkdownTable table = new MarkdownTable("measured", "old", "new", "new by old", "verdict");
        rows.forEach(
                row ->
                        table.add(
                                row.what,
                                row.before,
                                row.now,
                                row.change.toString(),
                                row.change.verdict()));
        if (table.isEmpty()) {
            lines.add("- Nothing was measured in both.");
            return lines;
        }
        if (!hasRegressions()) {
            lines.add("- No regression.");
        }
        lines.add("");
        lines.addAll(table.lines());
        lines.addAll(List.of("", Change.rule(rows.size())));
        return lines;
    }

    private Optional<String> commit() {
        return Optional.ofNullable(old.machine().commit()).map("commit "::concat);
    }
}
