package io.github.djlspectral.examples.classify;

import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.report.Picture;
import java.awt.Color;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * The results of the experiment for people.
 *
 * @param rates the learning rates that each contender had to choose from
 * @param contenders the results
 */
record ClassifierReport(List<Double> rates, List<Contender> contenders) {

    static final double PERCENT = 100;

    private static final double WIDE = 100;

    private static final Color[] COLORS = {new Color(0xC0392B), new Color(0x2455A4)};

    /**
     * A model's results.
     *
     * @param mixer the model
     * @param rate its best learning rate
     * @param outcomes one for each seed
     */
    record Contender(Mixer mixer, double rate, List<Outcome> outcomes) {}

    /** Returns a Markdown table: means over the seeds with the least and largest. */
    List<String> table() {
        List<String> lines = new ArrayList<>();
        lines.add(
                "| | parameters | learning rate | test accuracy, % | test loss | training loss,"
                        + " last epoch | clusters of an image's tokens before the flow, after |");
        lines.add("|---|---|---|---|---|---|---|");
        contenders.forEach(contender -> lines.add(row(contender)));
        return lines;
    }

    private String row(Contender contender) {
        List<Outcome> outcomes = contender.outcomes();
        String tried = rates.stream().map(String::valueOf).collect(Collectors.joining(", "));
        return String.format(
                Locale.ROOT,
                "| %s | %,d | %s of %s | %s | %s | %s | %s |",
                contender.mixer().label(),
                outcomes.get(0).size(),
                contender.rate(),
                tried,
                Stats.cell("%.2f", outcomes, outcome -> PERCENT * outcome.accuracy()),
                Stats.cell("%.4f", outcomes, outcome -> outcome.last().testLoss()),
                Stats.cell("%.4f", outcomes, outcome -> outcome.last().trainLoss()),
                clusters(outcomes));
    }

    private static String clusters(List<Outcome> outcomes) {
        if (outcomes.get(0).after() == null) {
            return "";
        }
        return Stats.cell("%.1f", outcomes, outcome -> outcome.after().clustersBefore())
                + ", "
                + Stats.cell("%.1f", outcomes, outcome -> outcome.after().clustersAfter());
    }

    /** Draws the accuracy over epochs, every seed. */
    void plotAccuracy(Path path) {
        XYChart chart = chart("Accuracy on test images, all seeds", "epoch", "% right");
        chart.getStyler().setLegendPosition(LegendPosition.InsideSE);
        for (int i = 0; i < contenders.size(); i++) {
            Contender contender = contenders.get(i);
            for (Outcome outcome : contender.outcomes()) {
                double[] values =
                        outcome.epochs().stream()
                                .mapToDouble(epoch -> PERCENT * epoch.testAccuracy())
                                .toArray();
                String name = contender.mixer().label();
                add(chart, name, outcome.seed(), COLORS[i], 1, values);
            }
        }
        Picture.save(chart, path);
    }

    /** Draws the energy along the depth of the flow before and after training, every seed. */
    void plotEnergy(Path path) {
        XYChart chart = chart("Energy along the depth of the flow, all seeds", "step", "energy");
        double[] energies = energies().sorted().toArray();
        boolean wide = energies[energies.length - 1] > WIDE * energies[0];
        chart.getStyler().setYAxisLogarithmic(wide); // which labels powers of ten only
        chart.getStyler().setLegendPosition(LegendPosition.OutsideE);
        contenders.stream()
                .flatMap(contender -> contender.outcomes().stream())
                .filter(outcome -> outcome.after() != null)
                .forEach(outcome -> addEnergy(chart, outcome));
        Picture.save(chart, path);
    }

    private DoubleStream energies() {
        return contenders.stream()
                .flatMap(contender -> contender.outcomes().stream())
                .filter(outcome -> outcome.after() != null)
                .flatMap(outcome -> Stream.of(outcome.before(), outcome.after()))
                .flatMapToDouble(profile -> Arrays.stream(profile.energy()));
    }

    private static void addEnergy(XYChart chart, Outcome outcome) {
        int seed = outcome.seed();
        add(chart, "before training", seed, COLORS[1], 0, outcome.before().energy());
        add(chart, "after training", seed, COLORS[0], 0, outcome.after().energy());
    }

    private static XYChart chart(String title, String xAxis, String yAxis) {
        XYChart chart = new XYChart(900, 540);
        chart.setTitle(title);
        chart.setXAxisTitle(xAxis);
        chart.setYAxisTitle(yAxis);
        chart.getStyler().setLegendPosition(LegendPosition.InsideNE);
        chart.getStyler().setChartBackgroundColor(Color.WHITE);
        return chart;
    }

    private static void add(
            XYChart chart, String name, int seed, Color color, int first, double[] values) {
        double[] places = IntStream.range(first, first + values.length).asDoubleStream().toArray();
        chart.addSeries(seed == 1 ? name : name + " " + seed, places, values)
                .setMarker(SeriesMarkers.CIRCLE)
                .setMarkerColor(color)
                .setLineColor(color)
                .setShowInLegend(seed == 1);
    }
}
