package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.descent.LocalDescent;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.sweep.Landscape.Point;
import java.awt.Color;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.knowm.xchart.HeatMapChart;
import org.knowm.xchart.HeatMapChartBuilder;

/** The results of a landscape, for people. */
final class LandscapeReport {

    private static final int WIDTH = 1000;
    private static final int HEIGHT = 600;
    private static final Color FALLS = new Color(0x2166ac);
    private static final Color RISES = new Color(0xb2182b);

    private final SortedMap<Integer, List<Point>> steps;

    /** Collects points: every step's whole grid. */
    LandscapeReport(List<Point> points) {
        steps =
                points.stream()
                        .collect(
                                Collectors.groupingBy(
                                        Point::step, TreeMap::new, Collectors.toList()));
    }

    /** Returns Markdown: the best point at each step, and what was found of each exponent. */
    List<String> table() {
        Table best = new Table("step", "loss", "best c", "its learning rate", "loss change");
        for (List<Point> points : steps.values()) {
            Point p = Landscape.best(points);
            best.add(
                    p.step(),
                    Table.text("%.4f", p.loss()),
                    twoDigits(p.exponent()),
                    twoDigits(p.rate()),
                    Table.text("%.4f", p.change()));
        }
        List<String> lines = new ArrayList<>(best.markdown());
        lines.addAll(List.of("", "The largest fall of each c, and its learning rate:", ""));
        lines.addAll(byExponent(LandscapeReport::fall));
        String descent =
                "Alignment, and descent potential, of each c, by differences of gradients:";
        lines.addAll(List.of("", descent, ""));
        lines.addAll(byExponent(LandscapeReport::descent));
        return lines;
    }

    /** A row for each exponent, of whose points at a step the function makes a cell. */
    private List<String> byExponent(Function<List<Point>, String> cell) {
        Table table =
                new Table(
                        Stream.concat(Stream.of("c"), steps.keySet().stream().map(s -> "step " + s))
                                .toArray(String[]::new));
        for (double exponent : exponents(steps.get(steps.firstKey()))) {
            List<String> cells = new ArrayList<>(List.of(twoDigits(exponent)));
            steps.values().forEach(points -> cells.add(cell.apply(of(points, exponent))));
            table.add(cells.toArray());
        }
        return table.markdown();
    }

    private static String fall(List<Point> points) {
        Point best = Landscape.best(points);
        return Table.text("%.4f at %s", best.change(), twoDigits(best.rate()));
    }

    private static String descent(List<Point> points) {
        LocalDescent descent = points.get(0).descent();
        return Table.text("%.2f, %.2g", descent.alignment(), descent.potential());
    }

    private static List<Point> of(List<Point> points, double exponent) {
        return points.stream().filter(p -> p.exponent() == exponent).toList();
    }

    private static List<Double> exponents(List<Point> points) {
        return points.stream().map(Point::exponent).distinct().toList();
    }

    /**
     * Draws a heat map for each step, {@code landscape-<step>.png}, and the decrease that the best
     * step along each direction would bring by the second-order model, {@code descent.png}.
     */
    void draw(Path directory) {
        Plot descents =
                new Plot(
                                "best step of each exponent, by the second-order model",
                                "exponent c",
                                "decrease of the training loss")
                        .size(WIDTH, HEIGHT)
                        .logY();
        steps.forEach(
                (step, points) -> {
                    double[] bending = // else there is no minimum to show
                            exponents(points).stream()
                                    .filter(c -> first(points, c).curvature() > 0)
                                    .mapToDouble(c -> c)
                                    .toArray();
                    double[] falls = new double[bending.length];
                    for (int i = 0; i < falls.length; i++) {
                        falls[i] = first(points, bending[i]).bestDecrease();
                    }
                    descents.add("step " + step, Plot.Style.MARKED, bending, falls);
                    Path path = directory.resolve("landscape-" + step + ".png");
                    Plot.save(path, 1, () -> List.of(chart(step, points)));
                });
        descents.save(directory.resolve("descent.png"));
    }

    private static LocalDescent first(List<Point> points, double exponent) {
        return of(points, exponent).get(0).descent();
    }

    private static HeatMapChart chart(int step, List<Point> points) {
        HeatMapChart chart =
                new HeatMapChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title("change of the validation loss by one step, after step " + step)
                        .xAxisTitle("learning rate")
                        .yAxisTitle("exponent c")
                        .build();
        // Rises have no bound; a colour scale as wide as the largest fall shows where it falls.
        double fall = Math.max(Math.abs(Landscape.best(points).change()), Float.MIN_NORMAL);
        double range = new BigDecimal(fall).round(new MathContext(2)).doubleValue();
        chart.getStyler()
                .setRangeColors(new Color[] {FALLS, Color.WHITE, RISES})
                .setMin(-range)
                .setMax(range);
        List<Double> exponents = exponents(points);
        List<Double> rates = points.stream().map(Point::rate).distinct().toList();
        List<Number[]> cells = new ArrayList<>();
        for (Point point : points) {
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

    private static String twoDigits(double value) {
        return value == 0 ? "0" : Table.text(value < 0.1 ? "%.2g" : "%.2f", value);
    }
}
