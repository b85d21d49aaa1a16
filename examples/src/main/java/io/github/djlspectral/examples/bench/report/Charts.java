package io.github.djlspectral.examples.bench.report;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.train.LossPlot;
import java.awt.Color;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.style.Styler.LegendPosition;

/** The pictures of one bar for each contender and subject. */
final class Charts {

    private static final int WIDTH = 1200;
    private static final int HEIGHT = 560;

    private final Results results;

    Charts(Results results) {
        this.results = results;
    }

    void write(Path directory) {
        optimizers().ifPresent(chart -> LossPlot.save(chart, directory.resolve("optimizers.png")));
        gpt2().ifPresent(chart -> LossPlot.save(chart, directory.resolve("gpt2.png")));
        new GrowthChart(GrowthCurve.of(results)).write(directory.resolve("growth.png"));
    }

    private Optional<CategoryChart> optimizers() {
        CategoryChart chart = chart("One step of an optimizer, by shape", "ms");
        chart.getStyler().setYAxisLogarithmic(true);
        return bars(
                chart,
                measured(Suite.OPTIMIZERS, subject -> subject.matches("\\d+x\\d+")),
                measurement -> measurement.time().times(1 / SuiteTable.MILLI));
    }

    private Optional<CategoryChart> gpt2() {
        return bars(
                chart("GPT-2", "tokens/s"),
                measured(
                        Suite.GPT2,
                        subject -> Gpt2Work.of(subject).filter(w -> w.tokens() > 0).isPresent()),
                measurement -> {
                    Gpt2Work work = Gpt2Work.of(measurement.key().subject()).orElseThrow();
                    return measurement.time().under(work.tokens());
                });
    }

    private List<Measurement> measured(Suite suite, Predicate<String> subjects) {
        return results.of(suite).stream()
                .filter(Measurement::isMeasured)
                .filter(measurement -> subjects.test(measurement.key().subject()))
                .toList();
    }

    /** Adds a group of bars for each subject; empty if there is none. */
    private static Optional<CategoryChart> bars(
            CategoryChart chart,
            List<Measurement> measurements,
            Function<Measurement, Uncertain> number) {
        List<String> subjects =
                measurements.stream().map(m -> m.key().subject()).distinct().toList();
        Map<String, Map<String, Uncertain>> byContender = new LinkedHashMap<>();
        for (Measurement measurement : measurements) {
            Key key = measurement.key();
            byContender
                    .computeIfAbsent(key.contender(), c -> new LinkedHashMap<>())
                    .put(key.subject(), number.apply(measurement));
        }
        byContender.forEach((contender, bars) -> add(chart, contender, subjects, bars));
        return subjects.isEmpty() ? Optional.empty() : Optional.of(chart);
    }

    private static void add(
            CategoryChart chart,
            String contender,
            List<String> subjects,
            Map<String, Uncertain> bars) {
        List<Number> heights = new ArrayList<>();
        List<Number> margins = new ArrayList<>();
        for (String subject : subjects) {
            Uncertain bar = bars.get(subject);
            heights.add(bar == null ? null : bar.value());
            margins.add(bar == null || Double.isNaN(bar.margin()) ? null : bar.margin());
        }
        chart.addSeries(contender, subjects, heights, margins);
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
        return chart;
    }
}
