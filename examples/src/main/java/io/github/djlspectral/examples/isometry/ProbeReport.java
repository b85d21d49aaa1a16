package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.report.Picture;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.knowm.xchart.XYChart;

/**
 * What a {@link NetworkProbe} found, for people.
 *
 * @param results in the order of the rows
 */
record ProbeReport(List<ProbeResult> results) {

    private static final List<Double> PERTURBATIONS = NetworkProbe.PERTURBATIONS;

    /** What the picture compares: folds of every rate, and a network that is known to train. */
    private static final Set<Family> SHOWN =
            EnumSet.of(
                    Family.RESIDUAL_FOLD_0,
                    Family.RESIDUAL_FOLD,
                    Family.RESIDUAL_FOLD_2,
                    Family.FEW_ROWS,
                    Family.RESIDUAL);

    /** Returns Markdown: least, median and largest of gradients, means of the rest. */
    List<String> table() {
        List<String> lines = new ArrayList<>();
        StringBuilder header =
                new StringBuilder("| layers | depth | gradient, least / median / largest |");
        PERTURBATIONS.forEach(p -> header.append(" cosine at ").append(p).append(" |"));
        lines.add(header + " distance ratio |");
        lines.add("|---".repeat(PERTURBATIONS.size() + 4) + "|");
        results.forEach(result -> lines.add(row(result)));
        return lines;
    }

    private static String row(ProbeResult result) {
        List<String> cells = new ArrayList<>();
        cells.add(IsometryReport.markdown(result.family()));
        cells.add(String.valueOf(result.depth()));
        cells.add(
                IsometryReport.number(result.leastGradient())
                        + " / "
                        + IsometryReport.number(result.medianGradient())
                        + " / "
                        + IsometryReport.number(result.largestGradient()));
        for (int i = 0; i < PERTURBATIONS.size(); i++) {
            cells.add(IsometryReport.number(result.cosine(i)));
        }
        cells.add(IsometryReport.number(result.distance()));
        return "| " + String.join(" | ", cells) + " |";
    }

    /** Writes {@code probe.csv} with a line for each network, {@code probe.md}, the picture. */
    void write(Path directory) {
        Table.write(directory.resolve("probe.md"), table());
        Table.write(directory.resolve("probe.csv"), csv());
        List<ProbeResult> shown =
                results.stream().filter(result -> SHOWN.contains(result.family())).toList();
        if (!shown.isEmpty()) {
            Picture.save(chart(shown), directory.resolve("probe.png"));
        }
    }

    private List<String> csv() {
        List<String> lines = new ArrayList<>();
        StringBuilder header =
                new StringBuilder(
                        "family,depth,seed,gradient_least,gradient_median,gradient_largest");
        PERTURBATIONS.forEach(p -> header.append(",cosine_").append(p));
        lines.add(header + ",distance_ratio");
        for (ProbeResult result : results) {
            int seed = 0;
            for (ProbeResult.OfNetwork network : result.networks()) {
                seed++;
                List<Object> cells = new ArrayList<>();
                cells.addAll(List.of(result.family(), result.depth(), seed));
                cells.add(network.gradient().min());
                cells.add(network.gradient().median());
                cells.add(network.gradient().max());
                for (double cosine : network.cosines()) {
                    cells.add(cosine);
                }
                cells.add(network.distance());
                lines.add(String.join(",", cells.stream().map(String::valueOf).toList()));
            }
        }
        return lines;
    }

    private static XYChart chart(List<ProbeResult> shown) {
        XYChart chart =
                IsometryFigures.chart(
                        "Jacobians of nearby images before training: fewer folds leave more in common",
                        "distance from an image, by its length",
                        "cosine of the Jacobians");
        chart.getStyler().setXAxisLogarithmic(true);
        double[] places = PERTURBATIONS.stream().mapToDouble(p -> p).toArray();
        boolean depths = shown.stream().map(ProbeResult::depth).distinct().count() > 1;
        for (ProbeResult result : shown) {
            double[] cosines =
                    IntStream.range(0, places.length).mapToDouble(result::cosine).toArray();
            String name = result.family().label();
            chart.addSeries(depths ? name + ", depth " + result.depth() : name, places, cosines);
        }
        return chart;
    }
}
