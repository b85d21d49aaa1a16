package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.train.RunOutcome;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
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

    private static final String HEADER =
            "optimizer,learning_rate,seed,final_validation_loss,steps,seconds";

    private static final String EDGE =
            "\\* The first or the last of those tried: there may be a better one beyond.";

    /** Returns the optimizers in their order. */
    List<Contender> contenders() {
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
                .min(Comparator.comparingDouble(Map.Entry::getValue))
                .orElseThrow()
                .getKey();
    }

    /** Returns what came of the other seeds at a learning rate. */
    List<RunOutcome> tests(Contender contender, double rate) {
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
        for (int step : runs.isEmpty() ? List.<Integer>of() : stepsOf(runs.get(0))) {
            if (runs.stream().allMatch(run -> run.validationLosses().containsKey(step))) {
                curve.put(
                        step,
                        runs.stream()
                                .mapToDouble(run -> run.validationLosses().get(step))
                                .average()
                                .orElseThrow());
            }
        }
        return curve;
    }

    private static List<Integer> stepsOf(RunOutcome run) {
        return List.copyOf(run.validationLosses().keySet());
    }

    /** Returns the lines of {@code sweep.csv}, one per run. */
    List<String> csv() {
        List<String> lines = new ArrayList<>(List.of(HEADER));
        outcomes.forEach(
                (cell, outcome) ->
                        lines.add(
                                String.format(
                                        Locale.ROOT,
                                        "\"%s\",%s,%d,%s,%d,%.1f",
                                        cell.contender().label(),
                                        Cell.plain(cell.rate()),
                                        cell.seed(),
                                        Float.toString((float) outcome.finalLoss()),
                                        outcome.steps(),
                                        outcome.seconds())));
        return lines;
    }

    /** Returns a Markdown table: every method at its best learning rate, at all its widths. */
    List<String> table() {
        List<String> lines = new ArrayList<>();
        List<Contender> widths = methods().values().iterator().next();
        boolean several = widths.size() > 1;
        int name = widths.get(0).method().length();
        String rates =
                widths.stream()
                        .map(w -> " | best learning rate" + w.label().substring(name))
                        .collect(Collectors.joining());
        lines.add(
                "| optimizer"
                        + rates
                        + " | final validation loss"
                        + (several ? " at the largest width | with the smallest one's rate" : "")
                        + " |");
        lines.add("|" + "---|".repeat(widths.size() + (several ? 3 : 2)));
        methods().forEach((method, contenders) -> lines.add(row(method, contenders)));
        if (contenders().stream().anyMatch(this::isAtEdge)) {
            lines.addAll(List.of("", EDGE));
        }
        return lines;
    }

    private String row(String method, List<Contender> widths) {
        Contender largest = widths.get(widths.size() - 1);
        String cells =
                widths.stream()
                        .map(w -> Cell.plain(best(w)) + (isAtEdge(w) ? "\\*" : ""))
                        .collect(Collectors.joining(" | "));
        String row = "| " + method + " | " + cells + " | " + loss(largest, best(largest));
        return row + (widths.size() > 1 ? " | " + loss(largest, best(widths.get(0))) : "") + " |";
    }

    private String loss(Contender contender, double rate) {
        List<RunOutcome> tests = tests(contender, rate);
        if (tests.isEmpty()) {
            return "not tested";
        }
        return tests.stream().allMatch(run -> Double.isFinite(run.finalLoss()))
                ? Stats.cell("%.4f", tests, RunOutcome::finalLoss)
                : "diverged";
    }

    private boolean isAtEdge(Contender contender) {
        List<Double> rates = contender.rates();
        double best = best(contender);
        return best == rates.get(0) || best == rates.get(rates.size() - 1);
    }
}
