package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Plot.Style;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.gpt.RunOutcome;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

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

    private static final String EDGE =
            "\\* The first or the last of those tried: there may be a better one beyond.";

    private static final String LOSS = "validation loss, nats per token";

    /**
     * Writes {@code sweep.md}, {@code rates.png} and {@code curves.png}, and prints the table.
     *
     * @throws java.io.UncheckedIOException if a file cannot be written
     */
    void write(Path directory, PrintStream out) {
        List<String> page = new ArrayList<>(List.of(setting + ".", CONTENDERS, ""));
        page.addAll(table());
        page.add("");
        page.add("![final validation loss by learning rate](rates.png)");
        page.add("![validation loss at the best learning rates](curves.png)");
        Table.write(directory.resolve("sweep.md"), page);
        rates(directory.resolve("rates.png"));
        curves().save(directory.resolve("curves.png"));
        table().forEach(out::println);
    }

    /** Returns a Markdown table: every method at its best learning rate, at all its widths. */
    List<String> table() {
        List<Contender> widths = results.methods().values().iterator().next();
        boolean several = widths.size() > 1;
        int name = widths.get(0).method().length();
        List<String> header = new ArrayList<>(List.of("optimizer"));
        widths.forEach(w -> header.add("best learning rate" + w.label().substring(name)));
        header.add("final validation loss" + (several ? " at the largest width" : ""));
        if (several) {
            header.add("with the smallest one's rate");
        }
        Table table = new Table(header.toArray(String[]::new));
        results.methods().forEach((method, all) -> table.add(row(method, all)));
        List<String> lines = new ArrayList<>(table.markdown());
        if (results.contenders().stream().anyMatch(this::isAtEdge)) {
            lines.addAll(List.of("", EDGE));
        }
        return lines;
    }

    private Object[] row(String method, List<Contender> widths) {
        Contender largest = widths.get(widths.size() - 1);
        List<String> cells = new ArrayList<>(List.of(method));
        widths.forEach(w -> cells.add(Cell.plain(results.best(w)) + (isAtEdge(w) ? "\\*" : "")));
        cells.add(loss(largest, results.best(largest)));
        if (widths.size() > 1) {
            cells.add(loss(largest, results.best(widths.get(0))));
        }
        return cells.toArray();
    }

    private String loss(Contender contender, double rate) {
        List<RunOutcome> tests = results.tests(contender, rate);
        if (tests.isEmpty()) {
            return "not tested";
        }
        return tests.stream().allMatch(run -> Double.isFinite(run.finalLoss()))
                ? Stats.cell("%.4f", tests, RunOutcome::finalLoss)
                : "diverged";
    }

    private boolean isAtEdge(Contender contender) {
        List<Double> rates = contender.rates();
        double best = results.best(contender);
        return best == rates.get(0) || best == rates.get(rates.size() - 1);
    }

    /**
     * Draws final validation losses over learning rates: lines are seed 0, bars the range of the
     * others. Of several widths a panel per method, with one axis of losses and one colour per
     * width.
     */
    private void rates(Path path) {
        Map<String, List<Contender>> methods = results.methods();
        if (methods.size() == results.contenders().size()) {
            Plot plot = rates("lines: seed 0; bars: the other seeds");
            results.contenders().forEach(contender -> add(plot, contender.label(), contender));
            plot.save(path);
            return;
        }
        double[] losses =
                results.outcomes().values().stream()
                        .mapToDouble(RunOutcome::finalLoss)
                        .filter(Double::isFinite)
                        .sorted()
                        .toArray();
        List<Plot> panels = new ArrayList<>();
        methods.forEach(
                (method, widths) -> {
                    Plot plot = rates(method);
                    if (losses.length > 0) {
                        plot.between(losses[0], losses[losses.length - 1]);
                    }
                    widths.forEach(w -> add(plot, w.label().substring(method.length() + 2), w));
                    panels.add(plot);
                });
        Plot.save(path, 2, panels);
    }

    private static Plot rates(String title) {
        return new Plot(title, "learning rate", "final " + LOSS).logX();
    }

    private void add(Plot plot, String name, Contender contender) {
        SortedMap<Double, Double> losses = results.tuning(contender);
        plot.add(name, Style.MARKED, array(losses.keySet()), array(losses.values()));
        for (double rate : contender.rates()) {
            List<RunOutcome> tests = results.tests(contender, rate);
            if (!tests.isEmpty()) {
                plot.addRange(
                        name, rate, tests.stream().mapToDouble(RunOutcome::finalLoss).toArray());
            }
        }
    }

    /** Validation losses over steps at the chosen learning rates, mean of the other seeds. */
    private Plot curves() {
        Plot plot = new Plot("at the best learning rates, mean of the other seeds", "step", LOSS);
        for (Contender contender : results.contenders()) {
            SortedMap<Integer, Double> curve =
                    results.curve(contender).tailMap(1); // all begin at one point
            String name = contender.label() + ", " + Cell.plain(results.best(contender));
            plot.add(name, Style.LINE, array(curve.keySet()), array(curve.values()));
        }
        return plot;
    }

    private static double[] array(java.util.Collection<? extends Number> numbers) {
        return numbers.stream().mapToDouble(Number::doubleValue).toArray();
    }
}
