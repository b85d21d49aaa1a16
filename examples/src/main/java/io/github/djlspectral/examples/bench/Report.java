package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.ProductRate.Work;
import io.github.djlspectral.examples.bench.Results.Measurement;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.experiment.Table;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
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
}
