package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.experiment.Stats;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/**
 * The table of all finished runs.
 *
 * @param groups its rows
 */
record IsometryReport(List<OutcomeGroup> groups) {

    private static final double PERCENT = 100;
    private static final double LEAST_PLAIN = 1e-2;
    private static final double LARGEST_PLAIN = 1e3;

    private static final String HEADER =
            "| layers | depth | optimizer | weights | learning rate | seeds | test accuracy, %"
                    + " | training loss, last epoch | singular values before | after"
                    + " | gradient at first layer before | after | Jacobian cosine before | after"
                    + " | fold rate before | after | max \\|W W^T - I\\| | seconds per epoch |";

    /** Returns Markdown: means over the seeds with the least and largest. */
    List<String> table() {
        List<String> lines = new ArrayList<>();
        lines.add(HEADER);
        lines.add("|---".repeat(HEADER.split(" \\| ").length) + "|");
        groups.forEach(group -> lines.add(row(group)));
        return lines;
    }

    private static String row(OutcomeGroup group) {
        DeepRun run = group.run();
        List<DeepOutcome> all = group.outcomes();
        List<DeepOutcome> finished = group.finished();
        int diverged = all.size() - finished.size();
        List<String> cells = new ArrayList<>();
        cells.add(markdown(run.family()));
        cells.add(String.valueOf(run.depth()));
        cells.add(run.settings().optimizer().toString());
        cells.add(
                run.family().hasOrthogonalWeights()
                        ? run.settings().constraint()
                        : run.settings().penalty());
        cells.add(String.valueOf(run.rate()));
        cells.add(all.size() + (diverged == 0 ? "" : ", " + diverged + " diverged"));
        cells.add(Stats.cell("%.2f", all, o -> PERCENT * o.accuracy()));
        cells.add(
                finished.isEmpty() ? "" : Stats.cell("%.4f", finished, o -> o.last().trainLoss()));
        cells.add(singularValues(all, DeepOutcome::before));
        cells.add(singularValues(finished, DeepOutcome::after));
        beforeAndAfter(cells, group, Measurement::gradient);
        beforeAndAfter(cells, group, Measurement::cosine);
        beforeAndAfter(cells, group, Measurement::foldRate);
        double deviation = all.stream().mapToDouble(DeepOutcome::deviation).max().orElseThrow();
        cells.add(Double.isNaN(deviation) ? "" : String.format(Locale.ROOT, "%.1e", deviation));
        cells.add(
                finished.isEmpty()
                        ? ""
                        : Stats.cell("%.1f", finished, DeepOutcome::secondsPerEpoch));
        return "| " + String.join(" | ", cells) + " |";
    }

    private static void beforeAndAfter(
            List<String> cells, OutcomeGroup group, ToDoubleFunction<Measurement> number) {
        cells.add(mean(group.outcomes(), o -> number.applyAsDouble(o.before())));
        cells.add(mean(group.finished(), o -> number.applyAsDouble(o.after())));
    }

    private static String mean(List<DeepOutcome> outcomes, ToDoubleFunction<DeepOutcome> value) {
        double mean = outcomes.stream().mapToDouble(value).average().orElse(Double.NaN);
        return Double.isNaN(mean) ? "" : number(mean);
    }

    /** The least and the largest of all seeds. */
    private static String singularValues(
            List<DeepOutcome> outcomes, Function<DeepOutcome, Measurement> when) {
        if (outcomes.isEmpty()) {
            return "";
        }
        double least =
                outcomes.stream().mapToDouble(o -> when.apply(o).least()).min().orElseThrow();
        double largest =
                outcomes.stream().mapToDouble(o -> when.apply(o).largest()).max().orElseThrow();
        return number(least) + " to " + number(largest);
    }

    /** The name of a family in a table's cell. */
    static String markdown(Family family) {
        return family.label().replace("|", "\\|");
    }

    /** Writes a number with three decimals, or with an exponent where that says nothing. */
    static String number(double value) {
        double size = Math.abs(value);
        boolean plain = size == 0 || size >= LEAST_PLAIN && size < LARGEST_PLAIN;
        return String.format(Locale.ROOT, plain ? "%.3f" : "%.1e", value);
    }
}
