package io.github.djlspectral.examples.features;

import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.report.Picture;
import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * The results of the experiment for people.
 *
 * @param problem what was descended on
 * @param descents one for each seed, by optimizer, in order
 */
record FeatureReport(FeatureProblem problem, Map<String, List<Descent>> descents) {

    private static final int WIDTH = 760;
    private static final int HEIGHT = 460;
    private static final Font TICKS = new Font(Font.SANS_SERIF, Font.PLAIN, 10);
    private static final BasicStroke LINE = new BasicStroke(1.2f);

    /**
     * Returns a Markdown table: means over the seeds with the least and largest. The last three
     * columns are coefficients of variation over steps. A best step size t depends on the length of
     * the direction D: a spectral map's is constant, a gradient's falls with the loss. For the
     * directions of steepest descent it does not.
     */
    List<String> table() {
        List<String> lines = new ArrayList<>();
        lines.add(
                "| | loss left | variation of the best step of steepest descent | the same about its"
                        + " trend | variation of the best step of D |");
        lines.add("|---|---|---|---|---|");
        descents.forEach(
                (name, all) ->
                        lines.add(
                                String.join(
                                        " | ",
                                        "| " + name,
                                        Stats.cell("%.2e", all, Descent::remainingLoss),
                                        Stats.cell("%.2f", all, d -> varied(d.steepestStepSizes())),
                                        Stats.cell(
                                                "%.3f",
                                                all,
                                                d -> Variation.aboutTrend(d.steepestStepSizes())),
                                        Stats.cell("%.2f", all, d -> varied(d.stepSizes()))
                                                + " |")));
        return lines;
    }

    private static double varied(double[] values) {
        return Variation.coefficient(values);
    }

    /** Draws what is left of the loss over steps, every seed. */
    void plotLoss(Path path) {
        XYChart chart = chart("loss / first loss", "Loss under exact line search");
        int index = 0;
        for (Map.Entry<String, List<Descent>> entry : descents.entrySet()) {
            Color color = color(index++);
            for (int seed = 0; seed < entry.getValue().size(); seed++) {
                List<Descent.Point> points = entry.getValue().get(seed).points();
                double first = points.get(0).loss();
                double[] losses = points.stream().mapToDouble(p -> p.loss() / first).toArray();
                add(chart, entry.getKey(), seed, color, 0, losses);
            }
        }
        Picture.save(chart, path);
    }

    /**
     * Draws the best step sizes of steepest descent over steps as multiples of their median, the
     * first seed's.
     */
    void plotStepSizes(Path path) {
        XYChart chart = chart("best step size / its median", "Best step size");
        int index = 0;
        for (Map.Entry<String, List<Descent>> entry : descents.entrySet()) {
            double[] sizes = entry.getValue().get(0).steepestStepSizes();
            double median =
                    Arrays.stream(sizes).sorted().skip(sizes.length / 2).findFirst().orElse(1);
            double[] relative = Arrays.stream(sizes).map(size -> size / median).toArray();
            add(chart, entry.getKey(), 0, color(index++), 1, relative);
        }
        Picture.save(chart, path);
    }

    private Color color(int index) {
        return Color.getHSBColor((float) index / descents.size(), 0.85f, 0.75f);
    }

    private XYChart chart(String yAxis, String title) {
        XYChart chart =
                new XYChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title(title + ", " + problem.description())
                        .xAxisTitle("step")
                        .yAxisTitle(yAxis)
                        .build();
        chart.getStyler().setYAxisLogarithmic(true);
        chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
        chart.getStyler().setAxisTickLabelsFont(TICKS);
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        return chart;
    }

    /** Adds a curve of positive numbers, the only ones that a logarithmic axis has. */
    private static void add(
            XYChart chart, String name, int seed, Color color, int firstStep, double[] values) {
        int[] shown = IntStream.range(0, values.length).filter(i -> values[i] > 0).toArray();
        if (shown.length == 0) {
            return;
        }
        chart.addSeries(
                        seed == 0 ? name : name + " " + seed,
                        Arrays.stream(shown).mapToDouble(i -> i + firstStep).toArray(),
                        Arrays.stream(shown).mapToDouble(i -> values[i]).toArray())
                .setMarker(SeriesMarkers.NONE)
                .setLineColor(color)
                .setLineStyle(LINE)
                .setShowInLegend(seed == 0);
    }
}
