package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.bench.Suite;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/**
 * The table of one suite.
 *
 * @param results all that was found
 * @param suite what to show
 */
record SuiteTable(Results results, Suite suite) {

    static final double MILLI = 1e-3;
    static final double GIBI = 1L << 30;
    private static final double PERCENT = 100;

    /** Returns Markdown lines with a headline; empty if nothing was to be measured. */
    List<String> lines() {
        MarkdownTable table =
                new MarkdownTable(
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
        if (table.isEmpty()) {
            return List.of();
        }
        List<String> lines = table.lines();
        lines.addAll(0, List.of("", "## " + suite.title(), ""));
        return lines;
    }

    private void add(MarkdownTable table, Measurement measurement) {
        Key key = measurement.key();
        if (!measurement.isMeasured()) {
            String why = "failed: " + measurement.failure().orElse("");
            table.add(key.subject(), key.contender(), why, "", "", "", "", "", "");
            return;
        }
        Uncertain time = measurement.time();
        Optional<Gpt2Work> work =
                suite == Suite.GPT2 ? Gpt2Work.of(key.subject()) : Optional.empty();
        table.add(
                key.subject(),
                key.contender(),
                time.times(1 / MILLI) + failures(measurement),
                ratios(measurement),
                work.filter(w -> w.tokens() > 0)
                        .map(w -> time.under(w.tokens()).toString())
                        .orElse(""),
                work.map(w -> share(w, time)).orElse(""),
                measurement.memory().map(m -> m.times(1 / GIBI).toString()).orElse(""),
                measurement.polarError().map(SuiteTable::number).orElse(""),
                measurement.memoryDeviation().map(SuiteTable::percent).orElse(""));
    }

    private static String failures(Measurement measurement) {
        int all = measurement.rounds().size();
        int failed = all - measurement.measured().size();
        return failed == 0 ? "" : " (" + failed + " of " + all + " rounds failed)";
    }

    private String ratios(Measurement measurement) {
        return measurement.against().stream()
                .map(other -> ratio(measurement, other))
                .flatMap(Optional::stream)
                .collect(Collectors.joining("; "));
    }

    private Optional<String> ratio(Measurement measurement, String other) {
        return results.measured(suite, measurement.key().subject(), other)
                .flatMap(measurement::timeBy)
                .map(ratio -> ratio + " of " + other);
    }

    private String share(Gpt2Work work, Uncertain time) {
        OptionalDouble rate = new ProductRate(results).best();
        return rate.isPresent()
                ? String.format(
                        Locale.ROOT,
                        "%.0f%%",
                        PERCENT * work.operations() / time.value() / rate.getAsDouble())
                : "";
    }

    private static String number(Uncertain error) {
        return String.format(Locale.ROOT, "%.2g", error.value());
    }

    /** Returns such as "+3.1% ± 0.2%" for 0.031. */
    static String percent(Uncertain share) {
        String margin =
                Double.isNaN(share.margin())
                        ? "?"
                        : String.format(Locale.ROOT, "%.1f%%", PERCENT * share.margin());
        return String.format(Locale.ROOT, "%+.1f%% ± ", PERCENT * share.value()) + margin;
    }
}
