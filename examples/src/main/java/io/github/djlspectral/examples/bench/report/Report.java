package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.experiment.Table;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The tables and pictures of what was measured. */
public final class Report {

    private static final String READING =
            "A time is the mean over rounds, each a process of its own that ran close to its"
                    + " rivals', of the median of its iterations; ± is half the 95% interval by"
                    + " Student's t over rounds. Ratios are geometric means of the rounds' ratios,"
                    + " so that what slows the machine for minutes cancels.";

    private final Results results;

    /**
     * Prepares a report.
     *
     * @param results what to show
     */
    public Report(Results results) {
        this.results = results;
    }

    /**
     * Returns the tables.
     *
     * @return lines of Markdown
     */
    public List<String> lines() {
        List<String> lines = new ArrayList<>();
        lines.add("# Benchmarks of " + results.date());
        lines.add("");
        Stream.of(
                        results.machine().describe(),
                        new ProductRate(results).lines(),
                        List.of("Command: `" + results.options() + "`. " + READING),
                        results.machine().warnings(),
                        results.notes())
                .flatMap(List::stream)
                .forEach(line -> lines.add("- " + line));
        lines.addAll(new Targets(results).lines());
        for (Suite suite : Suite.values()) {
            lines.addAll(new SuiteTable(results, suite).lines());
        }
        lines.addAll(new GrowthTable(GrowthCurve.of(results)).lines());
        return lines;
    }

    /**
     * Writes {@code bench.md} and the pictures that there is something for: {@code optimizers.png},
     * {@code gpt2.png}, {@code growth.png}.
     *
     * @param directory where; it exists
     * @throws java.io.UncheckedIOException if a file cannot be written
     */
    public void write(Path directory) {
        List<String> lines = lines();
        for (String picture : new Charts(results).write(directory)) {
            lines.addAll(List.of("", "![" + picture + "](" + picture + ")"));
        }
        Table.write(directory.resolve("bench.md"), lines);
    }
}
