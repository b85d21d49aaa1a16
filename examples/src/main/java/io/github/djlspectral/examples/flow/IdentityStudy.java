package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.report.Picture;
import io.github.djlspectral.layers.flow.FlowRecord;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * How the residual of the energy-dissipation identity depends on the step size, with the exact
 * dissipation and with the published slope in its place.
 *
 * @param base the setting but for heads and step size
 * @param heads numbers of heads
 * @param steps step sizes
 */
record IdentityStudy(FlowSettings base, List<Integer> heads, List<Double> steps) {

    private static final double SECONDS_BETWEEN_LINES = 5;
    private static final double PERCENT = 100;

    /** Checks every setting. */
    IdentityStudy {
        heads = List.copyOf(heads);
        steps = steps.stream().sorted(Collections.reverseOrder()).toList();
        for (int h : heads) {
            steps.forEach(step -> base.withHeads(h).withStep(step));
        }
    }

    /**
     * A measurement, mean absolute values over the paths.
     *
     * @param change of the energy from beginning to end
     * @param residual with the exact dissipation
     * @param slopeResidual with the published slope
     */
    record Point(int heads, double step, double change, double residual, double slopeResidual) {

        static Point of(int heads, double step, List<FlowRecord> records) {
            return new Point(
                    heads,
                    step,
                    mean(records, r -> last(r.energy()) - r.energy()[0]),
                    mean(records, r -> last(r.residual())),
                    mean(records, r -> last(r.slopeResidual())));
        }

        private static double mean(List<FlowRecord> records, ToDoubleFunction<FlowRecord> value) {
            return records.stream()
                    .mapToDouble(r -> Math.abs(value.applyAsDouble(r)))
                    .average()
                    .orElseThrow();
        }

        private static double last(double[] values) {
            return values[values.length - 1];
        }
    }

    /** Measures, and writes {@code residuals.csv}, {@code .md} and {@code .png}. */
    void run(Path directory, PrintStream out) {
        out.println("identity of energy and dissipation, " + base.description());
        double work = 0;
        for (int h : heads) {
            for (double step : steps) {
                work += base.withHeads(h).withStep(step).work();
            }
        }
        FlowProgress progress = new FlowProgress(out, work, SECONDS_BETWEEN_LINES);
        List<Point> points = new ArrayList<>();
        for (int h : heads) {
            for (double step : steps) {
                try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                    FlowSettings settings = base.withHeads(h).withStep(step).unrecorded();
                    points.add(Point.of(h, step, FlowPaths.run(settings, manager, progress)));
                }
            }
        }
        write(points, directory);
        markdown(points).forEach(out::println);
        out.println("Results are in " + directory);
    }

    private void write(List<Point> points, Path directory) {
        Table table =
                new Table(
                        "dimension",
                        "heads",
                        "step_size",
                        "energy_change",
                        "residual",
                        "slope_residual");
        points.forEach(
                p ->
                        table.add(
                                base.dimension(),
                                p.heads,
                                p.step,
                                p.change,
                                p.residual,
                                p.slopeResidual));
        Table.write(directory.resolve("residuals.csv"), table.csv());
        Table.write(directory.resolve("residuals.md"), markdown(points));
        Picture.save(chart(points), directory.resolve("residuals.png"));
    }

    /**
     * Returns the residuals as shares of the energy's change, and by how much each is smaller than
     * that of the step size before.
     */
    static List<String> markdown(List<Point> points) {
        List<String> lines = new ArrayList<>();
        lines.add("| heads | dt | exact dissipation | ratio | published slope | ratio |");
        lines.add("|---|---|---|---|---|---|");
        Point before = null;
        for (Point p : points) {
            boolean first = before == null || before.heads != p.heads;
            lines.add(
                    String.format(
                            Locale.ROOT,
                            "| %d | %s | %.4f%% | %s | %.4f%% | %s |",
                            p.heads,
                            p.step,
                            PERCENT * p.residual / p.change,
                            first ? "" : ratio(before.residual, p.residual),
                            PERCENT * p.slopeResidual / p.change,
                            first ? "" : ratio(before.slopeResidual, p.slopeResidual)));
            before = p;
        }
        return lines;
    }

    private static String ratio(double before, double now) {
        return String.format(Locale.ROOT, "%.2f", before / now);
    }

    private XYChart chart(List<Point> points) {
        XYChart chart =
                FlowCharts.logarithmic(
                        "Residual of the identity (" + base.description() + ")",
                        "step size dt",
                        steps.stream().mapToDouble(step -> step).toArray(),
                        "share of the energy's change, %");
        chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
        chart.getStyler().setLegendLayout(LegendLayout.Vertical);
        for (int h : heads) {
            List<Point> some = points.stream().filter(p -> p.heads == h).toList();
            double[] x = some.stream().mapToDouble(Point::step).toArray();
            double[] exact =
                    some.stream().mapToDouble(p -> PERCENT * p.residual / p.change).toArray();
            double[] slope =
                    some.stream().mapToDouble(p -> PERCENT * p.slopeResidual / p.change).toArray();
            mark(FlowCharts.line(chart, "exact, H = " + h, x, exact, FlowCharts.EXACT), h);
            mark(FlowCharts.dashed(chart, "slope, H = " + h, x, slope, FlowCharts.PUBLISHED), h);
        }
        return chart;
    }

    private void mark(XYSeries series, int h) {
        var markers =
                List.of(
                        SeriesMarkers.CIRCLE,
                        SeriesMarkers.SQUARE,
                        SeriesMarkers.DIAMOND,
                        SeriesMarkers.TRIANGLE_UP);
        series.setMarker(markers.get(heads.indexOf(h) % markers.size()));
        series.setMarkerColor(series.getLineColor());
    }
}
