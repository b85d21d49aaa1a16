package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.report.Picture;
import io.github.djlspectral.examples.train.LossPlot;
import io.github.djlspectral.examples.train.RunOutcome;
import java.awt.Color;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws the results of a sweep. */
final class SweepPlots {

    private static final int PANELS_PER_ROW = 2;

    private final SweepResults results;

    SweepPlots(SweepResults results) {
        this.results = results;
    }

    /**
     * Draws final validation losses over learning rates: lines are seed 0, bars the range of the
     * others. Of several widths a panel per method, with one axis of losses.
     */
    void rates(Path path) {
        List<XYChart> charts = new ArrayList<>();
        if (results.methods().size() == results.contenders().size()) {
            charts.add(rates("lines: seed 0; bars: the other seeds", results.contenders()));
        } else {
            results.methods().forEach((method, widths) -> charts.add(rates(method, widths)));
            shareLosses(charts);
        }
        charts.removeIf(chart -> chart.getSeriesMap().isEmpty());
        if (!charts.isEmpty()) { // XChart cannot draw one without a series: all runs diverged
            int columns = Math.min(PANELS_PER_ROW, charts.size());
            Picture.save(charts, (charts.size() + columns - 1) / columns, columns, path);
        }
    }

    private XYChart rates(String title, List<Contender> contenders) {
        XYChart chart = chart(title);
        chart.setXAxisTitle("learning rate");
        chart.setYAxisTitle("final validation loss, nats per token");
        chart.getStyler().setXAxisLogarithmic(true);
        Color[] colors = chart.getStyler().getSeriesColors();
        int index = 0;
        for (Contender contender : contenders) {
            Color color = colors[index++ % colors.length];
            SortedMap<Double, Double> losses = new TreeMap<>(results.tuning(contender));
            losses.values().removeIf(loss -> !Double.isFinite(loss));
            if (!losses.isEmpty()) {
                chart.addSeries(
                                contender.label(),
                                List.copyOf(losses.keySet()),
                                List.copyOf(losses.values()))
                        .setMarker(SeriesMarkers.CIRCLE)
                        .setMarkerColor(color)
                        .setLineStyle(SeriesLines.SOLID)
                        .setLineColor(color);
            }
            contender.rates().forEach(rate -> addRange(chart, contender, rate, color));
        }
        return chart;
    }

    /** XChart's own error bars are symmetric. */
    private void addRange(XYChart chart, Contender contender, double rate, Color color) {
        double[] losses =
                results.tests(contender, rate).stream()
                        .mapToDouble(RunOutcome::finalLoss)
                        .sorted()
                        .toArray();
        if (losses.length > 0 && Double.isFinite(losses[losses.length - 1])) {
            chart.addSeries(
                            contender.label() + " at " + rate,
                            new double[] {rate, rate},
                            new double[] {losses[0], losses[losses.length - 1]})
                    .setMarker(SeriesMarkers.NONE)
                    .setLineStyle(SeriesLines.SOLID)
                    .setLineColor(color)
                    .setShowInLegend(false);
        }
    }

    private static void shareLosses(List<XYChart> charts) {
        double[] losses =
                charts.stream()
                        .flatMap(chart -> chart.getSeriesMap().values().stream())
                        .flatMapToDouble(series -> Arrays.stream(series.getYData()))
                        .sorted()
                        .toArray();
        if (losses.length > 0) {
            charts.forEach(
                    chart ->
                            chart.getStyler()
                                    .setYAxisMin(losses[0])
                                    .setYAxisMax(losses[losses.length - 1]));
        }
    }

    /** Draws validation losses over steps at the chosen learning rates, mean of the other seeds. */
    void curves(Path path) {
        XYChart chart = chart("at the best learning rates, mean of the other seeds");
        Color[] colors = chart.getStyler().getSeriesColors();
        int index = 0;
        for (Contender contender : results.contenders()) {
            Color color = colors[index++ % colors.length];
            SortedMap<Integer, Double> curve =
                    results.curve(contender).tailMap(1); // all begin at one point
            if (!curve.isEmpty()) {
                String rate = Cell.plain(results.best(contender));
                chart.addSeries(
                                contender.label() + ", " + rate,
                                List.copyOf(curve.keySet()),
                                List.copyOf(curve.values()))
                        .setMarker(SeriesMarkers.NONE)
                        .setLineStyle(SeriesLines.SOLID)
                        .setLineColor(color);
            }
        }
        if (!chart.getSeriesMap().isEmpty()) {
            Picture.save(chart, path);
        }
    }

    private static XYChart chart(String title) {
        XYChart chart = LossPlot.chart(title);
        chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
        return chart;
    }
}
