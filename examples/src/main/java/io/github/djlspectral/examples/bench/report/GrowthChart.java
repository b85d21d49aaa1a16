package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.experiment.Stats.PowerLaw;
import io.github.djlspectral.examples.report.Picture;
import java.awt.BasicStroke;
import java.awt.Color;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Curves of growth on logarithmic axes: a row of pictures for time, one for memory, a column for
 * each size that grows.
 *
 * @param curves what to draw; those of one size only are left out
 */
record GrowthChart(List<GrowthCurve> curves) {

    private static final int WIDTH = 420;
    private static final int HEIGHT = 380;
    private static final float LINE = 1.4f;

    /** Whether there is anything to draw. */
    boolean isThere() {
        return !axes().isEmpty();
    }

    private List<String> axes() {
        return curves.stream()
                .filter(curve -> curve.points().size() > 1)
                .map(GrowthCurve::axis)
                .distinct()
                .toList();
    }

    /** Writes the picture. */
    void write(Path path) {
        List<String> axes = axes();
        List<XYChart> charts = new ArrayList<>();
        axes.forEach(axis -> charts.add(times(axis)));
        boolean memory = curves.stream().anyMatch(curve -> curve.memoryFit().isPresent());
        if (memory) {
            axes.forEach(axis -> charts.add(memories(axis)));
        }
        Picture.save(charts, memory ? 2 : 1, axes.size(), path);
    }

    private XYChart times(String axis) {
        XYChart chart = chart("Time", axis, "seconds");
        for (GrowthCurve curve : curves) {
            if (curve.axis().equals(axis) && curve.points().size() > 1) {
                add(chart, curve.contender(), curve.sizes(), curve.times(), curve.timeFit());
            }
        }
        return inDecades(chart);
    }

    private XYChart memories(String axis) {
        XYChart chart = chart("Memory", axis, "GiB");
        for (GrowthCurve curve : curves) {
            GrowthCurve known = curve.withMemory();
            if (curve.axis().equals(axis) && !known.points().isEmpty()) {
                double[] bytes = known.memories();
                double[] shown = new double[bytes.length];
                for (int i = 0; i < bytes.length; i++) {
                    shown[i] = bytes[i] / SuiteTable.GIBI;
                }
                Optional<PowerLaw> fit =
                        shown.length < 2
                                ? Optional.empty()
                                : Optional.of(PowerLaw.fit(known.sizes(), shown));
                add(chart, curve.contender(), known.sizes(), shown, fit);
            }
        }
        return inDecades(chart);
    }

    private static XYChart inDecades(XYChart chart) {
        Collection<XYSeries> all = chart.getSeriesMap().values();
        if (!all.isEmpty()) {
            Decades.onX(
                    chart.getStyler(),
                    all.stream().flatMapToDouble(s -> Arrays.stream(s.getXData())));
            Decades.onY(
                    chart.getStyler(),
                    all.stream().flatMapToDouble(s -> Arrays.stream(s.getYData())));
        }
        return chart;
    }

    /** Draws the points, and the fit as a line. */
    private static void add(
            XYChart chart, String name, double[] x, double[] y, Optional<PowerLaw> fit) {
        Color[] colors = chart.getStyler().getSeriesColors();
        Color color = colors[chart.getSeriesMap().size() / 2 % colors.length];
        String exponent = GrowthTable.exponent(fit);
        XYSeries points = chart.addSeries(name + (fit.isEmpty() ? "" : ": " + exponent), x, y);
        points.setMarker(SeriesMarkers.CIRCLE);
        points.setMarkerColor(color);
        points.setLineStyle(SeriesLines.NONE);
        fit.ifPresent(law -> addLine(chart, name, x, law, color));
    }

    private static void addLine(XYChart chart, String name, double[] x, PowerLaw law, Color color) {
        double[] ends = {x[0], x[x.length - 1]};
        XYSeries line =
                chart.addSeries(
                        name + " (fit)", ends, new double[] {law.at(ends[0]), law.at(ends[1])});
        line.setMarker(SeriesMarkers.NONE);
        line.setLineColor(color);
        line.setLineStyle(new BasicStroke(LINE));
        line.setShowInLegend(false);
    }

    private static XYChart chart(String title, String xAxis, String yAxis) {
        XYChart chart =
                new XYChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title(title + " against " + xAxis)
                        .xAxisTitle(xAxis)
                        .yAxisTitle(yAxis)
                        .build();
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        chart.getStyler().setLegendPosition(LegendPosition.OutsideS);
        return chart;
    }
}
