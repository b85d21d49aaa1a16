package io.github.djlspectral.examples.gpt;

import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;

/** An empty chart of losses, for those who do not yet draw by Plot. */
public final class LossPlot {

    private static final int WIDTH = 900;
    private static final int HEIGHT = 540;

    private LossPlot() {}

    /**
     * Returns an empty chart of losses over steps.
     *
     * @param title the title of the picture
     * @return the chart; add series to it, then save it
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
}
