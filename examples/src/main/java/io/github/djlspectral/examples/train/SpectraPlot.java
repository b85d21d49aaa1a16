package io.github.djlspectral.examples.train;

import io.github.djlspectral.examples.report.Picture;
import io.github.djlspectral.optim.diagnostics.Spectrum;
import io.github.djlspectral.optim.diagnostics.UpdateSpectra;
import java.awt.Color;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws the spectra of a run: ranks over steps, and the last step's singular values. */
final class SpectraPlot {

    private static final int WIDTH = 680;
    private static final int HEIGHT = 440;
    private static final int MARKER_SIZE = 4;
    private static final int ALPHA = 70;
    private static final Color MOMENTUM = RunComparison.COLORS.get(0);
    private static final Color UPDATE = RunComparison.COLORS.get(1);

    private SpectraPlot() {}

    /**
     * Writes a PNG file, unless there is nothing to draw.
     *
     * @param spectra by step
     * @throws java.io.UncheckedIOException if it cannot be written
     */
    static void write(String title, List<UpdateSpectra> spectra, Path path) {
        if (spectra.isEmpty()) {
            return;
        }
        Picture.draw(
                path,
                () -> Picture.save(List.of(ranks(title, spectra), histogram(spectra)), 1, 2, path));
    }

    private static XYChart ranks(String title, List<UpdateSpectra> spectra) {
        XYChart chart = chart(title, "step", "rank, median over the hidden matrices");
        Map<Integer, List<UpdateSpectra>> steps =
                spectra.stream()
                        .collect(
                                Collectors.groupingBy(
                                        UpdateSpectra::step, TreeMap::new, Collectors.toList()));
        addRank(chart, "momentum, effective", MOMENTUM, steps, s -> s.momentum().effectiveRank());
        addRank(chart, "momentum, stable", MOMENTUM, steps, s -> s.momentum().stableRank())
                .setLineStyle(SeriesLines.DASH_DASH);
        addRank(chart, "update, effective", UPDATE, steps, s -> s.update().effectiveRank());
        addRank(chart, "update, stable", UPDATE, steps, s -> s.update().stableRank())
                .setLineStyle(SeriesLines.DASH_DASH);
        return chart;
    }

    private static XYSeries addRank(
            XYChart chart,
            String name,
            Color color,
            Map<Integer, List<UpdateSpectra>> steps,
            ToDoubleFunction<UpdateSpectra> rank) {
        double[] x = steps.keySet().stream().mapToDouble(Integer::doubleValue).toArray();
        double[] medians =
                steps.values().stream()
                        .mapToDouble(
                                all ->
                                        all.stream()
                                                .mapToDouble(rank)
                                                .sorted()
                                                .skip(all.size() / 2)
                                                .findFirst()
                                                .orElseThrow())
                        .toArray();
        // a point for each measurement as long as they are few
        XYSeries series = chart.addSeries(name, x, medians);
        series.setLineColor(color);
        series.setMarkerColor(color);
        series.setMarker(SeriesMarkers.CIRCLE); // a run may have been measured once
        return series;
    }

    private static XYChart histogram(List<UpdateSpectra> spectra) {
        int last = spectra.get(spectra.size() - 1).step();
        List<UpdateSpectra> measured = spectra.stream().filter(s -> s.step() == last).toList();
        XYChart chart =
                chart(
                        "step " + last + ", all hidden matrices",
                        "singular value, log10(s / largest)",
                        "share of the singular values");
        addHistogram(chart, "momentum", MOMENTUM, measured, UpdateSpectra::momentum);
        addHistogram(chart, "update", UPDATE, measured, UpdateSpectra::update);
        return chart;
    }

    private static void addHistogram(
            XYChart chart,
            String name,
            Color color,
            List<UpdateSpectra> measured,
            Function<UpdateSpectra, Spectrum> matrix) {
        double[] counts =
                IntStream.range(0, Spectrum.BINS)
                        .mapToDouble(bin -> count(measured, matrix, bin))
                        .toArray();
        double total = Arrays.stream(counts).sum();
        // the edges of the bins; the last edge repeats the last bin's share
        double[] edges =
                IntStream.rangeClosed(0, Spectrum.BINS)
                        .mapToDouble(i -> i < Spectrum.BINS ? Math.log10(Spectrum.binStart(i)) : 0)
                        .toArray();
        double[] shares =
                IntStream.rangeClosed(0, Spectrum.BINS)
                        .mapToDouble(i -> counts[Math.min(i, Spectrum.BINS - 1)] / total)
                        .toArray();
        XYSeries series = chart.addSeries(name, edges, shares);
        series.setXYSeriesRenderStyle(XYSeriesRenderStyle.StepArea);
        series.setLineColor(color);
        series.setFillColor(new Color(color.getRed(), color.getGreen(), color.getBlue(), ALPHA));
        series.setMarker(SeriesMarkers.NONE);
    }

    private static int count(
            List<UpdateSpectra> measured, Function<UpdateSpectra, Spectrum> matrix, int bin) {
        return measured.stream().map(matrix).mapToInt(s -> s.histogram().get(bin)).sum();
    }

    private static XYChart chart(String title, String xAxis, String yAxis) {
        XYChart chart =
                new XYChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title(title)
                        .xAxisTitle(xAxis)
                        .yAxisTitle(yAxis)
                        .build();
        chart.getStyler().setLegendPosition(LegendPosition.OutsideS);
        chart.getStyler().setLegendLayout(LegendLayout.Horizontal);
        chart.getStyler().setYAxisMin(0.0);
        chart.getStyler().setMarkerSize(MARKER_SIZE);
        return chart;
    }
}
