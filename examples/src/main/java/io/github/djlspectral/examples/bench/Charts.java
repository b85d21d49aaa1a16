package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.ProductRate.Work;
import io.github.djlspectral.examples.bench.Results.Measurement;
import io.github.djlspectral.examples.experiment.Plot;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries.CategorySeriesRenderStyle;
import org.knowm.xchart.style.Styler.LegendPosition;

/**
 * The pictures: with subjects side by side, and of growth.
 *
 * @param results what to show
 */
record Charts(Results results) {

    private static final int WIDTH = 1200;
    private static final int HEIGHT = 560;
    private static final int LABEL_ROTATION = 20;

    /**
     * Writes the pictures that there is something for.
     *
     * @return their names
     */
    List<String> write(Path directory) {
        Map<String, List<Measurement>> found = new LinkedHashMap<>();
        found.put("optimizers.png", measured(Suite.OPTIMIZERS, s -> s.matches("\\d+x\\d+")));
        found.put("gpt2.png", measured(Suite.GPT2, s -> s.startsWith("124M")));
        List<String> written = new ArrayList<>();
        found.forEach(
                (name, measured) -> {
                    if (!measured.isEmpty()) {
                        Plot.save(directory.resolve(name), 1, () -> List.of(chart(measured)));
                        written.add(name);
                    }
                });
        List<Growth> curves = Growth.of(results);
        if (curves.stream().anyMatch(curve -> curve.points().size() > 1)) {
            Growth.draw(curves, directory.resolve("growth.png"));
            written.add("growth.png");
        }
        return written;
    }

    private List<Measurement> measured(Suite suite, Predicate<String> subjects) {
        return results.of(suite).stream()
                .filter(m -> m.isMeasured() && subjects.test(m.key().subject()))
                .toList();
    }

    /** Draws tokens a second of GPT-2 as bars with margins, or times of optimizers as lines. */
    private static CategoryChart chart(List<Measurement> measurements) {
        boolean tokens = measurements.get(0).key().suite() == Suite.GPT2;
        CategoryChart chart =
                new CategoryChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title(tokens ? "GPT-2" : "One step of an optimizer, by shape")
                        .yAxisTitle(tokens ? "tokens/s" : "ms")
                        .build();
        chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
        chart.getStyler().setAvailableSpaceFill(0.9);
        chart.getStyler().setXAxisLabelRotation(LABEL_ROTATION);
        Map<String, Map<String, Uncertain>> byContender = new LinkedHashMap<>();
        for (Measurement m : measurements) {
            String subject = m.key().subject();
            Uncertain shown =
                    tokens
                            ? m.time().under(Work.of(subject).orElseThrow().tokens())
                            : m.time().times(1 / Report.MILLI);
            byContender
                    .computeIfAbsent(m.key().contender(), c -> new LinkedHashMap<>())
                    .put(subject, shown);
        }
        List<String> subjects =
                measurements.stream().map(m -> m.key().subject()).distinct().toList();
        DoubleSummaryStatistics range = new DoubleSummaryStatistics();
        byContender.forEach(
                (contender, found) -> {
                    List<Double> values = new ArrayList<>();
                    List<Double> margins = new ArrayList<>();
                    for (String subject : subjects) {
                        Uncertain it = found.get(subject);
                        values.add(it == null ? null : it.value());
                        margins.add(it == null || Double.isNaN(it.margin()) ? 0 : it.margin());
                    }
                    found.values().forEach(it -> range.accept(it.value()));
                    // XChart can draw margins on a linear axis only, and for no series with gaps.
                    boolean drawn = tokens && !values.contains(null);
                    chart.addSeries(contender, subjects, values, drawn ? margins : null);
                });
        if (!tokens) {
            chart.getStyler().setYAxisLogarithmic(true); // which has no zero for bars to stand on
            chart.getSeriesMap()
                    .values()
                    .forEach(
                            s ->
                                    s.setChartCategorySeriesRenderStyle(
                                            CategorySeriesRenderStyle.Line));
            chart.getStyler().setOverlapped(true); // all contenders of a shape above each other
            // Whole decades: XChart labels nothing else, so that there might be no number at all.
            chart.getStyler().setYAxisMin(Math.pow(10, Math.floor(Math.log10(range.getMin()))));
            chart.getStyler().setYAxisMax(Math.pow(10, Math.ceil(Math.log10(range.getMax()))));
        }
        return chart;
    }
}
