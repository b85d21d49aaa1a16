package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.descent.LocalDescent;
import io.github.djlspectral.examples.report.Picture;
import java.awt.Color;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.knowm.xchart.HeatMapChart;
import org.knowm.xchart.HeatMapChartBuilder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;

/** The results of a landscape, for people. */
final class LandscapeReport {

    private static final int WIDTH = 1000;
    private static final int HEIGHT = 600;
    private static final Color FALLS = new Color(0x2166ac);
    private static final Color RISES = new Color(0xb2182b);

    private final SortedMap<Integer, List<LandscapePoint>> steps;

    /**
     * Collects the points.
     *
     * @param points every step's whole grid
     */
    LandscapeReport(List<LandscapePoint> points) {
        steps =
                points.stream()
                        .collect(
                                Collectors.groupingBy(
                                        LandscapePoint::step, TreeMap::new, Collectors.toList()));
    }

    /** Returns a Markdown table: the best point at each step, and the best of each exponent. */
    List<String> table() {
        List<Double> exponents = exponents(steps.get(steps.firstKey()));
        List<String> lines = new ArrayList<>();
        lines.add("| step | loss | best c | its learning rate | loss change |");
        lines.add("|---|---|---|---|---|");
        steps.forEach((step, points) -> lines.add(bestRow(best(points))));
        lines.add("");
        lines.add("The largest fall of each c, and its learning rate:");
        lines.add("");
        lines.add("| c | " + joined(steps.keySet().stream().map(s -> "step " + s).toList()));
        lines.add("|" + "---|".repeat(steps.size() + 1));
        for (double exponent : exponents) {
            List<String> cells = new ArrayList<>(List.of(twoDigits(exponent)));
            steps.values().forEach(points -> cells.add(bestCell(points, exponent)));
            lines.add("| " + joined(cells));
        }
        lines.add("");
        lines.add("Alignment, and descent potential, of each c, by differences of gradients:");
        lines.add("");
        lines.add("| c | " + joined(steps.keySet().stream().map(s -> "step " + s).toList()));
        lines.add("|" + "---|".repeat(steps.size() + 1));
        for (double exponent : exponents) {
            List<String> cells = new ArrayList<>(List.of(twoDigits(exponent)));
            steps.values().forEach(points -> cells.add(descentCell(points, exponent)));
            lines.add("| " + joined(cells));
        }
        return lines;
    }

    private static String descentCell(List<LandscapePoint> points, double exponent) {
        LocalDescent descent = descent(points, exponent);
        return String.format(Locale.ROOT, "%.2f, %.2g", descent.alignment(), descent.potential());
    }

    private static LocalDescent descent(List<LandscapePoint> points, double exponent) {
        return points.stream()
                .filter(p -> p.exponent() == exponent)
                .findFirst()
                .orElseThrow()
                .descent();
    }

    private static String joined(List<String> cells) {
        return String.join(" | ", cells) + " |";
    }

    private static String bestRow(LandscapePoint best) {
        return String.format(
                Locale.ROOT,
                "| %d | %.4f | %s | %s | %.4f |",
                best.step(),
                best.loss(),
                twoDigits(best.exponent()),
                twoDigits(best.rate()),
                best.change());
    }

    private static String bestCell(List<LandscapePoint> points, double exponent) {
        LandscapePoint best = best(points.stream().filter(p -> p.exponent() == exponent).toList());
        return String.format(Locale.ROOT, "%.4f at %s", best.change(), twoDigits(best.rate()));
    }

    /** Returns the point where the loss falls most. */
    static LandscapePoint best(List<LandscapePoint> points) {
        return points.stream()
                .min(Comparator.comparingDouble(LandscapePoint::change))
                .orElseThrow();
    }

    private static List<Double> exponents(List<LandscapePoint> points) {
        return points.stream().map(LandscapePoint::exponent).distinct().toList();
    }

    /**
     * Draws a heat map for each step, {@code landscape-<step>.png}, and the decrease that the best
     * step along each direction would bring by the second-order model, {@code descent.png}.
     */
    void draw(Path directory) {
        XYChart descents = descentChart();
        if (!descents.getSeriesMap().isEmpty()) {
            Picture.save(descents, directory.resolve("descent.png"));
        }
        steps.forEach(
                (step, points) ->
                        Picture.save(
                                chart(step, points),
                                directory.resolve("landscape-" + step + ".png")));
    }

    private XYChart descentChart() {
        XYChart chart =
                new XYChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title("best step of each exponent, by the second-order model")
                        .xAxisTitle("exponent c")
                        .yAxisTitle("decrease of the training loss")
                        .build();
        chart.getStyler().setYAxisLogarithmic(true);
        steps.forEach(
                (step, points) -> {
                    List<Double> bending =
                            exponents(points).stream()
                                    .filter(c -> descent(points, c).curvature() > 0)
                                    .filter(c -> descent(points, c).bestDecrease() > 0)
                                    .toList();
                    if (!bending.isEmpty()) { // else there is no minimum to show
                        chart.addSeries(
                                "step " + step,
                                bending,
                                bending.stream()
                                        .map(c -> descent(points, c).bestDecrease())
                                        .toList());
                    }
                });
        return chart;
    }

    private static HeatMapChart chart(int step, List<LandscapePoint> points) {
        HeatMapChart chart =
                new HeatMapChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title("change of the validation loss by one step, after step " + step)
                        .xAxisTitle("learning rate")
                        .yAxisTitle("exponent c")
                        .build();
        // Rises have no bound; a colour scale as wide as the largest fall shows where it falls.
        double fall = Math.max(Math.abs(best(points).change()), Float.MIN_NORMAL);
        double range = new BigDecimal(fall).round(new MathContext(2)).doubleValue();
        chart.getStyler()
                .setRangeColors(new Color[] {FALLS, Color.WHITE, RISES})
                .setMin(-range)
                .setMax(range);
        List<Double> exponents = exponents(points);
        List<Double> rates = points.stream().map(LandscapePoint::rate).distinct().toList();
        List<Number[]> cells = new ArrayList<>();
        for (LandscapePoint point : points) {
            double shown = point.change() <= range ? point.change() : range; // also for NaN
            cells.add(
                    new Number[] {
                        rates.indexOf(point.rate()), exponents.indexOf(point.exponent()), shown
                    });
        }
        chart.addSeries(
                "loss change",
                rates.stream().map(LandscapeReport::twoDigits).toList(),
                exponents.stream().map(LandscapeReport::twoDigits).toList(),
                cells);
        return chart;
    }

    /** Returns a number with two significant digits. */
    private static String twoDigits(double value) {
        return value == 0 ? "0" : String.format(Locale.ROOT, value < 0.1 ? "%.2g" : "%.2f", value);
    }
}
