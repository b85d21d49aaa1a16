package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.experiment.Stats.PowerLaw;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.report.Picture;
import io.github.djlspectral.layers.flow.FlowRecord;
import java.awt.Color;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler.LegendLayout;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * How the slope's average over time depends on the number of heads: with the exponent of a power
 * law, fitted where there are 4 heads or more, because a single head is no average of many.
 *
 * @param bases a setting for each drift, but for heads and seed
 * @param heads numbers of heads, two or more of them at least 4
 * @param seeds how many seeds, counted from that of the settings
 */
record ScalingStudy(List<FlowSettings> bases, List<Integer> heads, int seeds) {

    private static final int FIRST_FITTED = 4;
    private static final double SECONDS_BETWEEN_LINES = 5;
    private static final List<Color> COLORS =
            List.of(FlowCharts.EXACT, FlowCharts.PUBLISHED, FlowCharts.OTHER);

    /** Checks every setting. */
    ScalingStudy {
        bases = List.copyOf(bases);
        heads = heads.stream().sorted().distinct().toList();
        FlowSettings.require(seeds >= 1, "--seeds", seeds, "at least 1");
        FlowSettings.require(
                heads.stream().filter(h -> h >= FIRST_FITTED).count() >= 2,
                "--heads",
                heads,
                "two or more numbers of at least " + FIRST_FITTED + ", to fit an exponent");
        for (FlowSettings base : bases) {
            heads.forEach(base::withHeads);
        }
    }

    /**
     * The slopes of a drift and a seed.
     *
     * @param base the drift and the seed
     * @param slopes by number of heads, in order: the mean slope of each path
     */
    record Row(FlowSettings base, List<double[]> slopes) {

        /** Returns averages over the paths, by number of heads. */
        double[] means() {
            return slopes.stream()
                    .mapToDouble(paths -> Arrays.stream(paths).average().orElseThrow())
                    .toArray();
        }
    }

    /** Measures, and writes {@code scaling.csv}, {@code .md} and {@code .png}. */
    void run(Path directory, PrintStream out) {
        double work = 0;
        for (FlowSettings base : bases) {
            out.println("slope against heads, " + base.description() + ", " + seeds + " seeds");
            for (int h : heads) {
                work += seeds * base.withHeads(h).work();
            }
        }
        FlowProgress progress = new FlowProgress(out, work, SECONDS_BETWEEN_LINES);
        List<Row> rows = new ArrayList<>();
        for (FlowSettings base : bases) {
            for (int s = 0; s < seeds; s++) {
                rows.add(measure(base.withSeed(base.seed() + s).unrecorded(), progress));
            }
        }
        Table.write(directory.resolve("scaling.csv"), table(rows, heads).csv());
        List<String> markdown = markdown(rows);
        Table.write(directory.resolve("scaling.md"), markdown);
        Picture.save(chart(rows), directory.resolve("scaling.png"));
        markdown.forEach(out::println);
        out.println("Results are in " + directory);
    }

    private Row measure(FlowSettings base, FlowProgress progress) {
        List<double[]> slopes = new ArrayList<>();
        for (int h : heads) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                slopes.add(
                        FlowPaths.run(base.withHeads(h), manager, progress).stream()
                                .mapToDouble(FlowRecord::meanSlope)
                                .toArray());
            }
        }
        return new Row(base, slopes);
    }

    private static Table table(List<Row> rows, List<Integer> heads) {
        Table table = new Table("drift", "dimension", "seed", "heads", "path", "mean_slope");
        for (Row row : rows) {
            for (int i = 0; i < heads.size(); i++) {
                double[] paths = row.slopes.get(i);
                for (int p = 0; p < paths.length; p++) {
                    table.add(
                            row.base.drift().label(),
                            row.base.dimension(),
                            row.base.seed(),
                            heads.get(i),
                            p + 1,
                            paths[p]);
                }
            }
        }
        return table;
    }

    /** Returns the mean slopes and the exponents of each seed. */
    List<String> markdown(List<Row> rows) {
        List<String> lines = new ArrayList<>();
        StringBuilder header = new StringBuilder("| weights | d | seed |");
        heads.forEach(h -> header.append(" H = ").append(h).append(" |"));
        lines.add(header + " exponent, H >= " + FIRST_FITTED + " |");
        lines.add("|---".repeat(heads.size() + 4) + "|");
        for (Row row : rows) {
            FlowSettings base = row.base;
            StringBuilder line = new StringBuilder();
            line.append("| ").append(base.drift().label());
            line.append(" | ").append(base.dimension()).append(" | ").append(base.seed());
            for (double mean : row.means()) {
                line.append(String.format(Locale.ROOT, " | %.4g", mean));
            }
            double exponent = fit(row.means()).exponent();
            lines.add(line + String.format(Locale.ROOT, " | %+.2f |", exponent));
        }
        return lines;
    }

    /** Fits the power law to means, one for each number of heads. */
    PowerLaw fit(double[] means) {
        int[] fitted =
                IntStream.range(0, heads.size())
                        .filter(i -> heads.get(i) >= FIRST_FITTED)
                        .toArray();
        return PowerLaw.fit(
                Arrays.stream(fitted).mapToDouble(heads::get).toArray(),
                Arrays.stream(fitted).mapToDouble(i -> means[i]).toArray());
    }

    private XYChart chart(List<Row> rows) {
        FlowSettings first = bases.get(0);
        double[] x = heads.stream().mapToDouble(h -> h).toArray();
        XYChart chart =
                FlowCharts.logarithmic(
                        String.format(
                                Locale.ROOT,
                                "Slope against heads, d = %d, n = %d, T = %s, %d x %d paths",
                                first.dimension(),
                                first.tokens(),
                                first.time(),
                                seeds,
                                first.paths()),
                        "heads H",
                        x,
                        "slope G\u00b2, mean over time");
        chart.getStyler().setLegendLayout(LegendLayout.Vertical);
        double[] fitted = Arrays.stream(x).filter(h -> h >= FIRST_FITTED).toArray();
        for (int b = 0; b < bases.size(); b++) {
            Color color = COLORS.get(b % COLORS.size());
            FlowDrift drift = bases.get(b).drift();
            List<double[]> means =
                    rows.stream().filter(r -> r.base.drift() == drift).map(Row::means).toList();
            for (int s = 0; s < means.size(); s++) {
                XYSeries points = chart.addSeries(drift.label() + " " + s, x, means.get(s));
                points.setLineStyle(SeriesLines.NONE);
                points.setMarker(SeriesMarkers.CIRCLE);
                points.setMarkerColor(color);
                points.setShowInLegend(false);
            }
            PowerLaw law = fit(FlowCharts.mean(means));
            String name =
                    String.format(
                            Locale.ROOT,
                            "%s: exponent %+.2f for H >= %d",
                            drift.label(),
                            law.exponent(),
                            FIRST_FITTED);
            double[] y = Arrays.stream(fitted).map(law::at).toArray();
            FlowCharts.line(chart, name, fitted, y, color);
        }
        return chart;
    }
}
