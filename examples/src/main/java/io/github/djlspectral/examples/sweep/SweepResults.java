package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.gpt.RunOutcome;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
        for (int step :
                runs.isEmpty() ? Set.<Integer>of() : runs.get(0).validationLosses().keySet()) {
            if (runs.stream().allMatch(run -> run.validationLosses().containsKey(step))) {
                double[] losses =
                        runs.stream()
                                .mapToDouble(run -> run.validationLosses().get(step))
                                .toArray();
                curve.put(step, Arrays.stream(losses).average().orElseThrow());
            }
        }
        return curve;
    }

    /** Returns the lines of {@code sweep.csv}, one per run. */
    List<String> csv() {
        String[] header = {
            "optimizer", "learning_rate", "seed", "final_validation_loss", "steps", "seconds"
        };
        Table table = new Table(header);
        outcomes.forEach(
                (cell, outcome) ->
                        table.add(
                                cell.contender().label(),
                                Cell.plain(cell.rate()),
                                cell.seed(),
                                (float) outcome.finalLoss(),
                                outcome.steps(),
                                Table.text("%.1f", outcome.seconds())));
        return table.csv();
    }
}
