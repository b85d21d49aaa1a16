package io.github.djlspectral.examples.flow;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** What the charts of this package have in common. */
final class FlowCharts {

    /** What is exact. */
    static final Color EXACT = new Color(0x1F, 0x77, 0xB4);

    /** What is as published. */
    static final Color PUBLISHED = new Color(0xD6, 0x27, 0x28);

    /** What is neither. */
    static final Color OTHER = new Color(0x33, 0x33, 0x33);

    private static final int WIDTH = 640;
    private static final int HEIGHT = 420;
    private static final float LINE = 1.6f;
    private static final float DASH = 5;
    private static final int MARKER_SIZE = 7;
    private static final Font TITLE = new Font(Font.SANS_SERIF, Font.BOLD, 13);

    private FlowCharts() {}

    static XYChart chart(String title, String xAxis, String yAxis) {
        XYChart chart =
                new XYChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title(title)
                        .xAxisTitle(xAxis)
                        .yAxisTitle(yAxis)
                        .build();
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        chart.getStyler().setChartTitleFont(TITLE);
        chart.getStyler().setLegendPosition(LegendPosition.OutsideS);
        chart.getStyler().setLegendLayout(LegendLayout.Horizontal);
        chart.getStyler().setLegendBorderColor(Color.WHITE);
        chart.getStyler().setMarkerSize(MARKER_SIZE);
        return chart;
    }

    /**
     * Both axes logarithmic, the horizontal one in whole decades, as there are few values on it.
     */
    static XYChart logarithmic(String title, String xAxis, double[] x, String yAxis) {
        XYChart chart = chart(title, xAxis, yAxis);
        double least = Arrays.stream(x).min().orElseThrow();
        double largest = Arrays.stream(x).max().orElseThrow();
        chart.getStyler().setXAxisMin(Math.pow(10, Math.floor(Math.log10(least))));
        chart.getStyler().setXAxisMax(Math.pow(10, Math.ceil(Math.log10(largest))));
        chart.getStyler().setXAxisLogarithmic(true);
        chart.getStyler().setYAxisLogarithmic(true);
        return chart;
    }

    /** Adds a line without markers. */
    static XYSeries line(XYChart chart, String name, double[] x, double[] y, Color color) {
        XYSeries series = chart.addSeries(name, x, y);
        series.setMarker(SeriesMarkers.NONE);
        series.setLineColor(color);
        series.setLineStyle(new BasicStroke(LINE));
        return series;
    }

    /** Adds a dashed line without markers. */
    static XYSeries dashed(XYChart chart, String name, double[] x, double[] y, Color color) {
        XYSeries series = line(chart, name, x, y, color);
        series.setLineStyle(
                new BasicStroke(
                        LINE,
                        BasicStroke.CAP_BUTT,
                        BasicStroke.JOIN_ROUND,
                        1,
                        new float[] {DASH, DASH},
                        0));
        return series;
    }

    /** Returns the mean of equally long curves. */
    static double[] mean(List<double[]> curves) {
        return IntStream.range(0, curves.get(0).length)
                .mapToDouble(i -> curves.stream().mapToDouble(c -> c[i]).average().orElseThrow())
                .toArray();
    }

    /** Returns the values that a logarithmic axis can show, NaN in place of the others. */
    static double[] positive(double[] values) {
        return Arrays.stream(values).map(v -> v > 0 ? v : Double.NaN).toArray();
    }
}
