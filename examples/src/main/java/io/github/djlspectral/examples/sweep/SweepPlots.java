package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.report.Picture;
import io.github.djlspectral.examples.train.LossPlot;
import java.awt.Color;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws the results of a sweep. */
final class SweepPlots {

    private final SweepResults results;

    SweepPlots(SweepResults results) {
        this.results = results;
    }

    /** Draws final validation losses over learning rates, mean and range of the seeds. */
    void rates(String title, Path path) {
        XYChart chart = chart(title);
        chart.setXAxisTitle("learning rate");
        chart.setYAxisTitle("final validation loss, nats per token");
        chart.getStyler().setXAxisLogarithmic(true);
        Color[] colors = chart.getStyler().getSeriesColors();
        int index = 0;
        for (Contender contender : results.contenders()) {
            Color color = colors[index++ % colors.length];
            List<SweepResults.Point> points =
                    results.points(contender).stream().filter(p -> !p.diverged()).toList();
            if (!points.isEmpty()) {
                addLine(chart, contender.label(), points, color);
                points.forEach(point -> addRange(chart, contender.label(), point, color));
            }
        }
        save(chart, path);
    }

    private static void addLine(
            XYChart chart, String label, List<SweepResults.Point> points, Color color) {
        chart.addSeries(
                        label,
                        points.stream().mapToDouble(SweepResults.Point::rate).toArray(),
                        points.stream().mapToDouble(SweepResults.Point::mean).toArray())
                .setMarker(SeriesMarkers.CIRCLE)
                .setMarkerColor(color)
                .setLineStyle(SeriesLines.SOLID)
                .setLineColor(color);
    }

    /** XChart's own error bars are symmetric. */
    private static void addRange(
            XYChart chart, String label, SweepResults.Point point, Color color) {
        chart.addSeries(
                        label + " at " + point.rate(),
                        new double[] {point.rate(), point.rate()},
                        new double[] {point.least(), point.largest()})
                .setMarker(SeriesMarkers.NONE)
                .setLineStyle(SeriesLines.SOLID)
                .setLineColor(color)
                .setShowInLegend(false);
    }

    /** Draws validation losses over steps at each optimizer's best learning rate, mean of seeds. */
    void curves(String title, Path path) {
        XYChart chart = chart(title);
        Color[] colors = chart.getStyler().getSeriesColors();
        int index = 0;
        for (Contender contender : results.contenders()) {
            Color color = colors[index++ % colors.length];
            SweepResults.Point best = results.best(contender);
            SortedMap<Integer, Double> curve =
                    results.curve(contender, best.rate()).tailMap(1); // all begin at one point
            if (!best.diverged() && !curve.isEmpty()) {
                chart.addSeries(
                                contender.label() + ", " + Cell.plain(best.rate()),
                                List.copyOf(curve.keySet()),
                                List.copyOf(curve.values()))
                        .setMarker(SeriesMarkers.NONE)
                        .setLineStyle(SeriesLines.SOLID)
                        .setLineColor(color);
            }
        }
        save(chart, path);
    }

    private static XYChart chart(String title) {
        XYChart chart = LossPlot.chart(title);
        chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
        return chart;
    }

    /** XChart cannot draw a chart without a series, which is what there is if all runs diverged. */
    private static void save(XYChart chart, Path path) {
        if (!chart.getSeriesMap().isEmpty()) {
            Picture.save(chart, path);
        }
    }
}
