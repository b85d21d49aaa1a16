package io.github.djlspectral.examples.train;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToDoubleFunction;
import javax.imageio.ImageIO;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.BitmapEncoder.BitmapFormat;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws loss curves. */
public final class LossPlot {

    private static final int WIDTH = 900;
    private static final int HEIGHT = 540;

    static {
        // A cache on disk needs a shutdown hook, which a run that is asked to stop cannot add.
        ImageIO.setUseCache(false);
    }

    private LossPlot() {}

    /**
     * Writes a PNG file with training and validation loss over steps.
     *
     * @throws UncheckedIOException if it cannot be written
     */
    static void write(String title, List<MetricsRow> rows, Path path) {
        XYChart chart = chart(title);
        addSeries(chart, "training", rows, MetricsRow::trainLoss);
        addSeries(chart, "validation", rows, MetricsRow::validationLoss);
        if (!chart.getSeriesMap().isEmpty()) {
            save(chart, path);
        }
    }

    /**
     * Returns an empty chart of losses over steps.
     *
     * @param title the title of the picture
     * @return the chart; add series to it, then {@link #save} it
     */
    public static XYChart chart(String title) {
        XYChart chart =
                new XYChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title(title)
                        .xAxisTitle("step")
                        .yAxisTitle("loss, nats per token")
                        .build();
        chart.getStyler().setLegendPosition(LegendPosition.InsideNE);
        return chart;
    }

    /**
     * Writes a chart as a PNG file.
     *
     * @param chart the chart
     * @param path the file; its name ends in .png
     * @throws UncheckedIOException if it cannot be written
     */
    public static void save(Chart<?, ?> chart, Path path) {
        try {
            BitmapEncoder.saveBitmap(chart, path.toString(), BitmapFormat.PNG);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write " + path + " (" + e + ")", e);
        }
    }

    /**
     * Writes charts of one size as one PNG file.
     *
     * @param charts row by row
     * @param rows how many rows
     * @param columns how many charts in each
     * @param path the file; its name ends in .png
     * @throws UncheckedIOException if it cannot be written
     */
    public static void save(List<XYChart> charts, int rows, int columns, Path path) {
        try {
            BitmapEncoder.saveBitmap(charts, rows, columns, path.toString(), BitmapFormat.PNG);
        } catch (IOException e) {
            throw new UncheckedIOException("Cannot write " + path + " (" + e + ")", e);
        }
    }

    /** Adds a curve of the rows whose loss is known. */
    static void addSeries(
            XYChart chart, String name, List<MetricsRow> rows, ToDoubleFunction<MetricsRow> loss) {
        List<MetricsRow> known =
                rows.stream().filter(row -> Double.isFinite(loss.applyAsDouble(row))).toList();
        if (!known.isEmpty()) {
            chart.addSeries(
                            name,
                            known.stream().mapToDouble(MetricsRow::step).toArray(),
                            known.stream().mapToDouble(loss).toArray())
                    .setMarker(SeriesMarkers.NONE);
        }
    }
}
