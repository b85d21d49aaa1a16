package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.experiment.Table;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The results of a sweep, for people.
 *
 * @param setting what was trained on what, in one line
 * @param results the outcomes
 */
record SweepReport(String setting, SweepResults results) {

    private static final String CONTENDERS =
            "The optimizers differ in what they do with hidden matrices; SGD is Freon with c = 0,"
                    + " the momentum divided by the root mean square of its singular values. AdamW"
                    + " does the rest.";

    /**
     * Writes {@code sweep.md}, {@code rates.png} and {@code curves.png}, and prints the table.
     *
     * @throws java.io.UncheckedIOException if a file cannot be written
     */
    void write(Path directory, PrintStream out) {
        List<String> table = results.table();
        List<String> page = new ArrayList<>();
        page.add(setting + ".");
        page.add(CONTENDERS);
        page.add("");
        page.addAll(table);
        page.add("");
        page.add("![final validation loss by learning rate](rates.png)");
        page.add("![validation loss at the best learning rates](curves.png)");
        Table.write(directory.resolve("sweep.md"), page);
        SweepPlots plots = new SweepPlots(results);
        plots.rates(directory.resolve("rates.png"));
        plots.curves(directory.resolve("curves.png"));
        table.forEach(out::println);
    }
}
