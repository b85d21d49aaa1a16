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
import java.util.Objects;
import java.util.function.Function;
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
        List<String> written = new ArrayList<>();
        List<Measurement> steps = measured(Suite.OPTIMIZERS, s -> s.matches("\\d+x\\d+"));
        if (!steps.isEmpty()) {
            Plot.save(directory.resolve("optimizers.png"), 1, () -> List.of(optimizers(steps)));
            written.add("optimizers.png");
        }
        List<Measurement> models = measured(Suite.GPT2, Charts::isModel);
        if (!models.isEmpty()) {
            Plot.save(directory.resolve("gpt2.png"), 1, () -> List.of(gpt2(models)));
            written.add("gpt2.png");
        }
        List<Growth> curves = Growth.of(results);
        if (curves.stream().anyMatch(curve -> curve.points().size() > 1)) {
            Growth.draw(curves, directory.resolve("growth.png"));
            written.add("growth.png");
        }
        return written;
    }

    private static boolean isModel(String subject) {
        return !subject.startsWith("one layer")
                && Work.of(subject).filter(work -> work.tokens() > 0).isPresent();
    }

    private List<Measurement> measured(Suite suite, Predicate<String> subjects) {
        return results.of(suite).stream()
                .filter(Measurement::isMeasured)
                .filter(measurement -> subjects.test(measurement.key().subject()))
                .toList();
    }

    private static CategoryChart optimizers(List<Measurement> measurements) {
        CategoryChart chart = chart("One step of an optimizer, by shape", "ms");
        chart.getStyler().setYAxisLogarithmic(true); // which has no zero for bars to stand on
        chart.getStyler().setDefaultSeriesRenderStyle(CategorySeriesRenderStyle.Line);
        chart.getStyler().setOverlapped(true); // all contenders of a shape above each other
        fill(chart, measurements, m -> m.time().times(1 / Report.MILLI), false);
        DoubleSummaryStatistics range =
                chart.getSeriesMap().values().stream()
                        .flatMap(series -> series.getYData().stream())
                        .filter(Objects::nonNull)
                        .mapToDouble(Number::doubleValue)
                        .summaryStatistics();
        // Whole decades: XChart labels nothing else, so that there might be no number at all.
        chart.getStyler().setYAxisMin(Math.pow(10, Math.floor(Math.log10(range.getMin()))));
        chart.getStyler().setYAxisMax(Math.pow(10, Math.ceil(Math.log10(range.getMax()))));
        return chart;
    }

    private static CategoryChart gpt2(List<Measurement> measurements) {
        CategoryChart chart = chart("GPT-2", "tokens/s");
        fill(
                chart,
                measurements,
                m -> m.time().under(Work.of(m.key().subject()).orElseThrow().tokens()),
                true);
        return chart;
    }

    private static CategoryChart chart(String title, String yAxis) {
        CategoryChart chart =
                new CategoryChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title(title)
                        .yAxisTitle(yAxis)
                        .build();
        chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
        chart.getStyler().setAvailableSpaceFill(0.9);
        chart.getStyler().setXAxisLabelRotation(LABEL_ROTATION);
        return chart;
    }

    /**
     * Adds a series for each contender, with a number for each subject.
     *
     * @param margins whether to draw them, which XChart can on a linear axis only
     */
    private static void fill(
            CategoryChart chart,
            List<Measurement> measurements,
            Function<Measurement, Uncertain> number,
            boolean margins) {
        Map<String, Map<String, Uncertain>> byContender = new LinkedHashMap<>();
        measurements.forEach(
                m ->
                        byContender
                                .computeIfAbsent(m.key().contender(), c -> new LinkedHashMap<>())
                                .put(m.key().subject(), number.apply(m)));
        List<String> subjects =
                measurements.stream().map(m -> m.key().subject()).distinct().toList();
        byContender.forEach(
                (contender, found) -> {
                    List<Number> values = new ArrayList<>();
                    List<Number> errors = new ArrayList<>();
                    for (String subject : subjects) {
                        Uncertain it = found.get(subject);
                        values.add(it == null ? null : it.value());
                        errors.add(it == null || Double.isNaN(it.margin()) ? 0 : it.margin());
                    }
                    // nor can XChart draw them for a series with gaps
                    boolean drawn = margins && !values.contains(null);
                    chart.addSeries(contender, subjects, values, drawn ? errors : null);
                });
    }
}
