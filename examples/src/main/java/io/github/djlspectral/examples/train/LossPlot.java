package io.github.djlspectral.examples.train;

import io.github.djlspectral.examples.report.Picture;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws loss curves. */
public final class LossPlot {

    private static final int WIDTH = 900;
    private static final int HEIGHT = 540;

    private LossPlot() {}

    /**
     * Writes a PNG file with training and validation loss over steps.
     *
     * @throws java.io.UncheckedIOException if it cannot be written
     */
    static void write(String title, List<MetricsRow> rows, Path path) {
        Picture.draw(
                path,
                () -> {
                    XYChart chart = chart(title);
                    addSeries(chart, "training", rows, MetricsRow::trainLoss);
                    addSeries(chart, "validation", rows, MetricsRow::validationLoss);
                    if (!chart.getSeriesMap().isEmpty()) {
                        Picture.save(chart, path);
                    }
                });
    }

    /**
     * Returns an empty chart of losses over steps.
     *
     * @param title the title of the picture
     * @return the chart; add series to it, then {@linkplain Picture#save save} it
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
