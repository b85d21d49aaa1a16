package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.report.Picture;
import io.github.djlspectral.layers.flow.FlowRecord;
import java.awt.Color;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYSeries;

/**
 * Simulates one setting and shows it over time.
 *
 * @param settings what to simulate
 */
record FlowSimulation(FlowSettings settings) {

    private static final double SECONDS_BETWEEN_LINES = 5;
    private static final int LARGEST_DRAWN = 3;
    private static final int FAINT = 70;

    /**
     * Simulates, and writes {@code flow.csv}, {@code energy.png}, {@code identity.png}, {@code
     * tokens.csv}, and on the circle and the sphere {@code tokens.png} and {@code tokens.gif}.
     */
    void run(Path directory, PrintStream out) {
        out.printf(
                Locale.ROOT,
                "%s, H = %d, %d steps of %s%n",
                settings.description(),
                settings.heads(),
                settings.steps(),
                settings.step());
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            FlowProgress progress = new FlowProgress(out, settings.work(), SECONDS_BETWEEN_LINES);
            long begin = System.nanoTime();
            List<FlowRecord> records = FlowPaths.run(settings, manager, progress);
            out.printf(Locale.ROOT, "simulated in %.1f s%n", (System.nanoTime() - begin) * 1e-9);
            summary(records).forEach(out::println);
            Table.write(directory.resolve("flow.csv"), table(records).csv());
            Picture.save(
                    List.of(energy(records), slope(records)),
                    1,
                    2,
                    directory.resolve("energy.png"));
            Picture.save(identity(records), directory.resolve("identity.png"));
            TokenTrack track = new TokenTrack(records.get(0));
            Table.write(directory.resolve("tokens.csv"), track.table().csv());
            if (settings.dimension() <= LARGEST_DRAWN) {
                TokenImages.writeSnapshots(track, directory.resolve("tokens.png"));
                TokenImages.writeAnimation(track, directory.resolve("tokens.gif"));
            } else {
                out.println("Tokens are drawn for --dimension 2 and 3 only");
            }
        }
        out.println("Results are in " + directory);
    }

    private static Table table(List<FlowRecord> records) {
        Table table =
                new Table(
                        "path",
                        "time",
                        "energy",
                        "slope",
                        "dissipation",
                        "energy_drift",
                        "slope_integral",
                        "dissipation_integral",
                        "martingale",
                        "residual",
                        "slope_residual");
        for (int p = 0; p < records.size(); p++) {
            FlowRecord r = records.get(p);
            double[] residual = r.residual();
            double[] slopeResidual = r.slopeResidual();
            for (int i = 0; i < r.time().length; i++) {
                table.add(
                        p + 1,
                        r.time()[i],
                        r.energy()[i],
                        r.slope()[i],
                        r.dissipation()[i],
                        r.energyDrift()[i],
                        r.slopeIntegral()[i],
                        r.dissipationIntegral()[i],
                        r.martingale()[i],
                        residual[i],
                        slopeResidual[i]);
            }
        }
        return table;
    }

    private static List<String> summary(List<FlowRecord> records) {
        FlowRecord first = records.get(0);
        int last = first.time().length - 1;
        double meanSlope = records.stream().mapToDouble(FlowRecord::meanSlope).average().orElse(0);
        return List.of(
                String.format(
                        Locale.ROOT,
                        "mean slope over time %.4g; first path: energy %.4g to %.4g",
                        meanSlope,
                        first.energy()[0],
                        first.energy()[last]),
                String.format(
                        Locale.ROOT,
                        "residual of the identity at the end: %.2e with the exact dissipation,"
                                + " %.2e with the published slope",
                        first.residual()[last],
                        first.slopeResidual()[last]));
    }

    private XYChart energy(List<FlowRecord> records) {
        XYChart chart = chart("Energy", "E");
        add(chart, "energy", records, FlowRecord::energy, FlowCharts.OTHER);
        return chart;
    }

    /** On a logarithmic axis: several heads can make the dissipation negative, which is a gap. */
    private XYChart slope(List<FlowRecord> records) {
        XYChart chart = chart("Dissipation and slope", "per unit of time");
        add(
                chart,
                "exact dissipation (gap: tokens gain energy)",
                records,
                r -> FlowCharts.positive(r.dissipation()),
                FlowCharts.EXACT);
        add(
                chart,
                "published slope G\u00b2",
                records,
                r -> FlowCharts.positive(r.slope()),
                FlowCharts.PUBLISHED);
        chart.getStyler().setYAxisLogarithmic(true);
        return chart;
    }

    private XYChart identity(List<FlowRecord> records) {
        XYChart chart = chart("Residual of the identity, dt = " + settings.step(), "residual");
        add(chart, "exact dissipation", records, FlowRecord::residual, FlowCharts.EXACT);
        add(
                chart,
                "published slope G\u00b2",
                records,
                FlowRecord::slopeResidual,
                FlowCharts.PUBLISHED);
        return chart;
    }

    private XYChart chart(String title, String yAxis) {
        String setting = settings.description() + ", H = " + settings.heads();
        XYChart chart = FlowCharts.chart(title, "t  (" + setting + ")", yAxis);
        chart.getStyler().setXAxisMin(0.0);
        chart.getStyler().setXAxisMax(settings.time());
        return chart;
    }

    /** Adds the mean over the paths, and each path faintly if they are several. */
    private static void add(
            XYChart chart,
            String name,
            List<FlowRecord> records,
            Function<FlowRecord, double[]> curve,
            Color color) {
        double[] time = records.get(0).time();
        List<double[]> curves = records.stream().map(curve).toList();
        if (curves.size() > 1) {
            Color faint = new Color(color.getRed(), color.getGreen(), color.getBlue(), FAINT);
            for (int p = 0; p < curves.size(); p++) {
                XYSeries series =
                        FlowCharts.line(chart, name + " " + (p + 1), time, curves.get(p), faint);
                series.setShowInLegend(false);
            }
        }
        String label = curves.size() > 1 ? name + ", mean of the paths" : name;
        FlowCharts.line(chart, label, time, FlowCharts.mean(curves), color);
    }
}
