package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.train.RunOutcome;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** What the runs of a sweep say, over seeds. */
final class SweepResults {

    private static final String HEADER =
            "optimizer,learning_rate,seed,final_validation_loss,steps,seconds";

    private final Map<Cell, RunOutcome> outcomes;

    /**
     * Collects the runs.
     *
     * @param outcomes those that have ended, in the order of the table
     */
    SweepResults(Map<Cell, RunOutcome> outcomes) {
        this.outcomes = outcomes;
    }

    /**
     * The final validation losses of one optimizer at one learning rate.
     *
     * @param rate the learning rate
     * @param mean the mean over seeds; infinite if one diverged
     * @param least the least
     * @param largest the largest
     */
    record Point(double rate, double mean, double least, double largest) {

        boolean diverged() {
            return !Double.isFinite(mean);
        }
    }

    /** Returns the optimizers in their order. */
    List<Contender> contenders() {
        return outcomes.keySet().stream().map(Cell::contender).distinct().toList();
    }

    /** Returns the points of an optimizer by increasing learning rate. */
    List<Point> points(Contender contender) {
        List<Point> points = new ArrayList<>();
        for (double rate : contender.rates()) {
            double[] losses =
                    at(contender, rate).stream().mapToDouble(RunOutcome::finalLoss).toArray();
            if (losses.length > 0) {
                points.add(point(rate, losses));
            }
        }
        return points;
    }

    private static Point point(double rate, double[] losses) {
        double sum = 0;
        double least = Double.POSITIVE_INFINITY;
        double largest = Double.NEGATIVE_INFINITY;
        for (double loss : losses) {
            sum += loss;
            least = Math.min(least, loss);
            largest = Math.max(largest, loss);
        }
        return new Point(rate, sum / losses.length, least, largest);
    }

    /** Returns the point of least mean; the smallest learning rate if all are infinite. */
    Point best(Contender contender) {
        return points(contender).stream()
                .min(Comparator.comparingDouble(Point::mean))
                .orElseThrow();
    }

    /** Returns the mean validation loss by step at a learning rate, where all seeds have one. */
    SortedMap<Integer, Double> curve(Contender contender, double rate) {
        List<RunOutcome> runs = at(contender, rate);
        SortedMap<Integer, Double> curve = new TreeMap<>();
        for (int step : runs.get(0).validationLosses().keySet()) {
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

    private List<RunOutcome> at(Contender contender, double rate) {
        return outcomes.entrySet().stream()
                .filter(e -> e.getKey().contender().equals(contender))
                .filter(e -> e.getKey().rate() == rate)
                .map(Map.Entry::getValue)
                .toList();
    }

    /** Returns the lines of {@code sweep.csv}, one per run. */
    List<String> csv() {
        List<String> lines = new ArrayList<>(List.of(HEADER));
        outcomes.forEach(
                (cell, outcome) ->
                        lines.add(
                                String.format(
                                        Locale.ROOT,
                                        "%s,%s,%d,%s,%d,%.1f",
                                        cell.contender().label(),
                                        Cell.plain(cell.rate()),
                                        cell.seed(),
                                        Float.toString((float) outcome.finalLoss()),
                                        outcome.steps(),
                                        outcome.seconds())));
        return lines;
    }

    /** Returns a Markdown table: every optimizer at its best learning rate. */
    List<String> table() {
        List<String> lines = new ArrayList<>();
        lines.add(
                "| optimizer | best learning rate | mean final validation loss | [least, largest]"
                        + " | spread |");
        lines.add("|---|---|---|---|---|");
        boolean edges = false;
        for (Contender contender : contenders()) {
            Point best = best(contender);
            edges |= isAtEdge(contender, best);
            lines.add(row(contender, best));
        }
        if (edges) {
            lines.add("");
            lines.add(
                    "\\* The first or the last of those tried: there may be a better one beyond.");
        }
        return lines;
    }

    private static String row(Contender contender, Point best) {
        if (best.diverged()) {
            return "| " + contender.label() + " | none | diverged | | |";
        }
        return String.format(
                Locale.ROOT,
                "| %s | %s%s | %.4f | [%.4f, %.4f] | %.4f |",
                contender.label(),
                Cell.plain(best.rate()),
                isAtEdge(contender, best) ? "\\*" : "",
                best.mean(),
                best.least(),
                best.largest(),
                best.largest() - best.least());
    }

    private static boolean isAtEdge(Contender contender, Point best) {
        List<Double> rates = contender.rates();
        return !best.diverged()
                && (best.rate() == rates.get(0) || best.rate() == rates.get(rates.size() - 1));
    }
}
