package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.report.Picture;
import java.awt.Color;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.DoubleStream;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.CategorySeries.CategorySeriesRenderStyle;
import org.knowm.xchart.style.Styler.LegendPosition;

/** The pictures with subjects side by side, and all others. */
final class Charts {

    private static final int WIDTH = 1200;
    private static final int HEIGHT = 560;
    private static final int LABEL_ROTATION = 20;

    private final Results results;

    Charts(Results results) {
        this.results = results;
    }

    /**
     * Writes the pictures that there is something for.
     *
     * @return their names
     */
    List<String> write(Path directory) {
        List<String> written = new ArrayList<>();
        Map<String, Optional<CategoryChart>> charts = new LinkedHashMap<>();
        charts.put("optimizers.png", optimizers());
        charts.put("gpt2.png", gpt2());
        charts.forEach(
                (name, chart) ->
                        chart.ifPresent(
                                drawn -> {
                                    Picture.save(drawn, directory.resolve(name));
                                    written.add(name);
                                }));
        GrowthChart growth = new GrowthChart(GrowthCurve.of(results));
        if (growth.isThere()) {
            growth.write(directory.resolve("growth.png"));
            written.add("growth.png");
        }
        return written;
    }

    private Optional<CategoryChart> optimizers() {
        CategoryChart chart = chart("One step of an optimizer, by shape", "ms");
        chart.getStyler().setYAxisLogarithmic(true); // which has no zero for bars to stand on
        chart.getStyler().setDefaultSeriesRenderStyle(CategorySeriesRenderStyle.Line);
        chart.getStyler().setOverlapped(true); // all contenders of a shape above each other
        Optional<CategoryChart> filled =
                fill(
                        chart,
                        measured(Suite.OPTIMIZERS, subject -> subject.matches("\\d+x\\d+")),
                        measurement -> measurement.time().times(1 / SuiteTable.MILLI),
                        false);
        filled.ifPresent(full -> Decades.onY(full.getStyler(), values(full)));
        return filled;
    }

    private static DoubleStream values(CategoryChart chart) {
        return chart.getSeriesMap().values().stream()
                .flatMap(series -> series.getYData().stream())
                .filter(Objects::nonNull)
                .mapToDouble(Number::doubleValue);
    }

    private Optional<CategoryChart> gpt2() {
        return fill(
                chart("GPT-2", "tokens/s"),
                measured(Suite.GPT2, Charts::isModel),
                measurement -> {
                    Gpt2Work work = Gpt2Work.of(measurement.key().subject()).orElseThrow();
                    return measurement.time().under(work.tokens());
                },
                true);
    }

    private static boolean isModel(String subject) {
        return !subject.startsWith("one layer")
                && Gpt2Work.of(subject).filter(work -> work.tokens() > 0).isPresent();
    }

    private List<Measurement> measured(Suite suite, Predicate<String> subjects) {
        return results.of(suite).stream()
                .filter(Measurement::isMeasured)
                .filter(measurement -> subjects.test(measurement.key().subject()))
                .toList();
    }

    /**
     * Adds a series for each contender, with a number for each subject; empty if there is none.
     *
     * @param margins whether to draw them, which XChart can on a linear axis only
     */
    private static Optional<CategoryChart> fill(
            CategoryChart chart,
            List<Measurement> measurements,
            Function<Measurement, Uncertain> number,
            boolean margins) {
        List<String> subjects =
                measurements.stream().map(m -> m.key().subject()).distinct().toList();
        Map<String, Map<String, Uncertain>> byContender = new LinkedHashMap<>();
        for (Measurement measurement : measurements) {
            Key key = measurement.key();
            byContender
                    .computeIfAbsent(key.contender(), c -> new LinkedHashMap<>())
                    .put(key.subject(), number.apply(measurement));
        }
        byContender.forEach((contender, found) -> add(chart, contender, subjects, found, margins));
        return subjects.isEmpty() ? Optional.empty() : Optional.of(chart);
    }

    private static void add(
            CategoryChart chart,
            String contender,
            List<String> subjects,
            Map<String, Uncertain> found,
            boolean withMargins) {
        List<Number> values = new ArrayList<>();
        List<Number> margins = new ArrayList<>();
        for (String subject : subjects) {
            Uncertain number = found.get(subject);
            values.add(number == null ? null : number.value());
            margins.add(number == null || Double.isNaN(number.margin()) ? 0 : number.margin());
        }
        // nor can XChart draw them for a series with gaps
        boolean drawn = withMargins && !values.contains(null);
        chart.addSeries(contender, subjects, values, drawn ? margins : null);
    }

    private static CategoryChart chart(String title, String yAxis) {
        CategoryChart chart =
                new CategoryChartBuilder()
                        .width(WIDTH)
                        .height(HEIGHT)
                        .title(title)
                        .yAxisTitle(yAxis)
                        .build();
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
        chart.getStyler().setAvailableSpaceFill(0.9);
        chart.getStyler().setXAxisLabelRotation(LABEL_ROTATION);
        return chart;
    }
}
