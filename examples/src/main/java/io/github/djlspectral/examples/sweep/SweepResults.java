package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Plot.Style;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.gpt.RunOutcome;
import io.github.djlspectral.examples.sweep.SweepPlan.Cell;
import io.github.djlspectral.examples.sweep.SweepPlan.Contender;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * What the runs of a sweep say: those of seed 0, which choose the learning rates, and those of
 * other seeds, which tell how good the chosen ones are.
 *
 * @param outcomes the runs that have ended, in the order of the table
 */
record SweepResults(Map<Cell, RunOutcome> outcomes) {

    private static final String CONTENDERS =
            "The optimizers differ in what they do with hidden matrices; SGD is Freon with c = 0,"
                    + " the momentum divided by the root mean square of its singular values. AdamW"
                    + " does the rest.";

    private static final String EDGE =
            "\\* The first or the last of those tried: there may be a better one beyond.";

    private static final String LOSS = "validation loss, nats per token";

    private List<Contender> contenders() {
        return outcomes.keySet().stream().map(Cell::contender).distinct().toList();
    }

    /** Returns the optimizers of each method, by increasing width. */
    Map<String, List<Contender>> methods() {
        return contenders().stream()
                .collect(
                        Collectors.groupingBy(
                                Contender::method, LinkedHashMap::new, Collectors.toList()));
    }

    /** Returns the final losses with seed 0 by learning rate, infinite if it diverged. */
    SortedMap<Double, Double> tuning(Contender contender) {
        SortedMap<Double, Double> losses = new TreeMap<>();
        outcomes.forEach(
                (cell, outcome) -> {
                    if (cell.contender().equals(contender) && cell.seed() == 0) {
                        losses.put(cell.rate(), outcome.finalLoss());
                    }
                });
        return losses;
    }

    /** Returns the learning rate of least loss with seed 0; the smallest if all diverged. */
    double best(Contender contender) {
        return tuning(contender).entrySet().stream()
                .min(Map.Entry.comparingByValue())
                .orElseThrow()
                .getKey();
    }

    private List<RunOutcome> tests(Contender contender, double rate) {
        return outcomes.entrySet().stream()
                .filter(e -> e.getKey().contender().equals(contender))
                .filter(e -> e.getKey().rate() == rate && e.getKey().seed() > 0)
                .map(Map.Entry::getValue)
                .toList();
    }

    /** Returns the mean validation loss of the other seeds by step, where all have one. */
    SortedMap<Integer, Double> curve(Contender contender) {
        List<RunOutcome> runs = tests(contender, best(contender));
        SortedMap<Integer, Double> curve = new TreeMap<>();
        runs.forEach(run -> curve.putAll(run.validationLosses()));
        runs.forEach(run -> curve.keySet().retainAll(run.validationLosses().keySet()));
        curve.replaceAll(
                (step, any) ->
                        runs.stream()
                                .mapToDouble(run -> run.validationLosses().get(step))
                                .average()
                                .orElseThrow());
        return curve;
    }

    /** Returns the lines of {@code sweep.csv}, one per run. */
    List<String> csv() {
        String header = "optimizer,learning_rate,seed,final_validation_loss,steps,seconds";
        Table table = new Table(header.split(","));
        outcomes.forEach(
                (cell, outcome) ->
                        table.add(
                                cell.contender().label(),
                                SweepPlan.plain(cell.rate()),
                                cell.seed(),
                                (float) outcome.finalLoss(),
                                outcome.steps(),
                                Table.text("%.1f", outcome.seconds())));
        return table.csv();
    }

    /** Writes {@code sweep.md}, {@code rates.png} and {@code curves.png}, and prints the table. */
    void report(String setting, Path directory, PrintStream out) {
        List<String> page = new ArrayList<>(List.of(setting + ".", CONTENDERS, ""));
        page.addAll(table());
        page.add("");
        page.add("![final validation loss by learning rate](rates.png)");
        page.add("![validation loss at the best learning rates](curves.png)");
        Table.write(directory.resolve("sweep.md"), page);
        Plot.save(directory.resolve("rates.png"), 2, rates());
        curves().save(directory.resolve("curves.png"));
        table().forEach(out::println);
    }

    /** Returns a Markdown table: every method at its best learning rate, at all its widths. */
    List<String> table() {
        Map<String, List<Contender>> methods = methods();
        List<Contender> widths = methods.values().iterator().next();
        boolean several = widths.size() > 1;
        List<String> header = new ArrayList<>(List.of("optimizer"));
        widths.forEach(w -> header.add("best learning rate" + size(w)));
        header.add("final validation loss" + (several ? " at the largest width" : ""));
        header.add("with the smallest one's rate");
        Table table = new Table(header.toArray(String[]::new));
        methods.forEach(
                (method, all) -> {
                    List<String> row = new ArrayList<>(List.of(method));
                    all.forEach(
                            w -> row.add(SweepPlan.plain(best(w)) + (isAtEdge(w) ? "\\*" : "")));
                    Contender largest = all.get(all.size() - 1);
                    row.add(loss(largest, best(largest)));
                    row.add(several ? loss(largest, best(all.get(0))) : "");
                    table.add(row.toArray());
                });
        List<String> lines = new ArrayList<>(table.markdown());
        if (contenders().stream().anyMatch(this::isAtEdge)) {
            lines.addAll(List.of("", EDGE));
        }
        return lines;
    }

    /** Returns what a label has after the method: nothing, or the width. */
    private static String size(Contender contender) {
        return contender.label().substring(contender.method().length());
    }

    private String loss(Contender contender, double rate) {
        List<RunOutcome> tests = tests(contender, rate);
        if (tests.isEmpty()) {
            return "not tested";
        }
        boolean finite = tests.stream().allMatch(run -> Double.isFinite(run.finalLoss()));
        return finite ? Stats.cell("%.4f", tests, RunOutcome::finalLoss) : "diverged";
    }

    private boolean isAtEdge(Contender contender) {
        List<Double> rates = contender.rates();
        double best = best(contender);
        return best == rates.get(0) || best == rates.get(rates.size() - 1);
    }

    /**
     * Draws final validation losses over learning rates: lines are seed 0, bars the range of the
     * others. Of several widths a panel per method, with one axis of losses and one colour per
     * width.
     */
    private List<Plot> rates() {
        boolean several = methods().size() < contenders().size();
        DoubleSummaryStatistics losses =
                outcomes.values().stream()
                        .mapToDouble(RunOutcome::finalLoss)
                        .filter(Double::isFinite)
                        .summaryStatistics();
        Map<String, Plot> panels = new LinkedHashMap<>();
        for (Contender c : contenders()) {
            String title = several ? c.method() : "lines: seed 0; bars: the other seeds";
            Plot plot =
                    panels.computeIfAbsent(
                            title, t -> new Plot(t, "learning rate", "final " + LOSS).logX());
            if (several) {
                plot.between(losses.getMin(), losses.getMax());
            }
            String name = several ? size(c).substring(2) : c.label();
            add(plot, name, Style.MARKED, tuning(c));
            for (double rate : c.rates()) {
                plot.addRange(
                        name,
                        rate,
                        tests(c, rate).stream().mapToDouble(RunOutcome::finalLoss).toArray());
            }
        }
        return List.copyOf(panels.values());
    }

    /** Draws validation losses over steps at the chosen rates, mean of the other seeds. */
    private Plot curves() {
        Plot plot = new Plot("at the best learning rates, mean of the other seeds", "step", LOSS);
        for (Contender c : contenders()) {
            String name = c.label() + ", " + SweepPlan.plain(best(c));
            add(plot, name, Style.LINE, curve(c).tailMap(1)); // all begin at one point
        }
        return plot;
    }

    private static void add(Plot plot, String name, Style style, Map<? extends Number, Double> y) {
        double[] x = y.keySet().stream().mapToDouble(Number::doubleValue).toArray();
        plot.add(name, style, x, y.values().stream().mapToDouble(loss -> loss).toArray());
    }
}
