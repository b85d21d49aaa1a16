package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.report.Picture;
import java.awt.Color;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.XYSeries.XYSeriesRenderStyle;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * Pictures of all finished runs, means over seeds. But for the first they show the greatest depth.
 *
 * @param groups what to show
 */
record IsometryFigures(List<OutcomeGroup> groups) {

    private static final double PERCENT = 100;
    private static final int WIDTH = 1100;
    private static final int HEIGHT = 560;
    private static final double LEAST_SHOWN = 1e-12;
    private static final double LARGEST_SHOWN = 1e12;

    /** Writes {@code accuracy.png}, {@code cosine.png}, {@code gradients.png}, {@code loss.png}. */
    void write(Path directory) {
        Picture.save(accuracy(), directory.resolve("accuracy.png"));
        Picture.save(cosine(), directory.resolve("cosine.png"));
        Picture.save(gradients(), directory.resolve("gradients.png"));
        Picture.save(loss(), directory.resolve("loss.png"));
    }

    private XYChart accuracy() {
        XYChart chart = chart("Accuracy on test images", "layers", "% right");
        Map<String, List<OutcomeGroup>> byName =
                groups.stream()
                        .sorted(Comparator.comparing(group -> group.run().depth()))
                        .collect(
                                Collectors.groupingBy(
                                        this::name, LinkedHashMap::new, Collectors.toList()));
        byName.forEach(
                (name, some) -> {
                    double[] depths = some.stream().mapToDouble(g -> g.run().depth()).toArray();
                    double[] shares =
                            some.stream()
                                    .mapToDouble(g -> g.mean(o -> PERCENT * o.accuracy()))
                                    .toArray();
                    chart.addSeries(name, depths, shares);
                });
        return chart;
    }

    private XYChart cosine() {
        XYChart chart =
                chart(
                        "Accuracy and how alike Jacobians of nearby images are at first",
                        "cosine of the Jacobians at an image and a tenth of its length beside it",
                        "% right");
        chart.getStyler().setDefaultSeriesRenderStyle(XYSeriesRenderStyle.Scatter);
        for (OutcomeGroup group : deepest()) {
            double[] x = {group.mean(outcome -> outcome.before().cosine())};
            double[] y = {group.mean(outcome -> PERCENT * outcome.accuracy())};
            if (Double.isFinite(x[0])) {
                chart.addSeries(name(group), x, y);
            }
        }
        return chart;
    }

    private XYChart gradients() {
        XYChart chart =
                chart(
                        "Length of a gradient on its way back, by its length at the end, at first",
                        "layer",
                        "ratio");
        chart.getStyler().setYAxisLogarithmic(true);
        for (OutcomeGroup group : deepest()) {
            double[] ratios = group.outcomes().get(0).before().gradients();
            double[] shown =
                    Arrays.stream(ratios)
                            .map(r -> r > LEAST_SHOWN && r < LARGEST_SHOWN ? r : Double.NaN)
                            .toArray();
            if (Arrays.stream(shown).anyMatch(Double::isFinite)) {
                line(chart, group, shown);
            }
        }
        return chart;
    }

    private XYChart loss() {
        XYChart chart = chart("Training loss", "epoch", "loss, nats");
        chart.getStyler().setYAxisLogarithmic(true);
        for (OutcomeGroup group : deepest()) {
            if (!group.finished().isEmpty()) {
                line(
                        chart,
                        group,
                        group.meanCurve(
                                outcome ->
                                        outcome.epochs().stream()
                                                .mapToDouble(DeepOutcome.Epoch::trainLoss)
                                                .toArray()));
            }
        }
        return chart;
    }

    private void line(XYChart chart, OutcomeGroup group, double[] values) {
        double[] places = IntStream.rangeClosed(1, values.length).asDoubleStream().toArray();
        XYSeries series = chart.addSeries(name(group), places, values);
        series.setMarker(SeriesMarkers.NONE);
    }

    private List<OutcomeGroup> deepest() {
        int deepest = groups.stream().mapToInt(group -> group.run().depth()).max().orElseThrow();
        return groups.stream().filter(group -> group.run().depth() == deepest).toList();
    }

    /** The family, and what else there is more than one of. */
    private String name(OutcomeGroup group) {
        DeepRun run = group.run();
        List<DeepRun> peers =
                groups.stream()
                        .map(OutcomeGroup::run)
                        .filter(r -> r.family() == run.family())
                        .toList();
        StringBuilder name = new StringBuilder(run.family().label());
        if (differ(peers.stream().map(r -> r.settings().optimizer()).toList())) {
            name.append(", ").append(run.settings().optimizer());
        }
        if (differ(peers.stream().map(r -> r.settings().constraint()).toList())) {
            name.append(", ").append(run.settings().constraint());
        }
        boolean rates =
                groups.stream().filter(g -> g.run().withRate(1).equals(run.withRate(1))).count()
                        > 1;
        return rates ? name + ", rate " + run.rate() : name.toString();
    }

    private static boolean differ(List<?> values) {
        return values.stream().distinct().count() > 1;
    }

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
        chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
        return chart;
    }
}
