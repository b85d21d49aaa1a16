package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.flow.FlowRecord;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.function.Function;

/**
 * Simulates one setting and shows it over time.
 *
 * @param settings what to simulate
 */
record FlowSimulation(FlowSettings settings) {

    private static final int LARGEST_DRAWN = 3;

    /**
     * Simulates, and writes {@code flow.csv}, {@code energy.png}, {@code identity.png}, {@code
     * tokens.csv}, and on the circle and the sphere {@code tokens.png} and {@code tokens.gif}.
     */
    void run(Path directory, PrintStream out) {
        out.println(
                Table.text(
                        "%s, H = %d, %d steps of %s",
                        settings.description(),
                        settings.heads(),
                        settings.steps(),
                        settings.step()));
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            DoubleConsumer progress = FlowPaths.telling(out, settings.work());
            long begin = System.nanoTime();
            List<FlowRecord> records = FlowPaths.run(settings, manager, progress);
            out.println(Table.text("simulated in %.1f s", (System.nanoTime() - begin) * 1e-9));
            summary(records).forEach(out::println);
            Table.write(directory.resolve("flow.csv"), table(records).csv());
            Plot.save(directory.resolve("energy.png"), 2, List.of(energy(records), slope(records)));
            identity(records).save(directory.resolve("identity.png"));
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
                Table.text(
                        "mean slope over time %.4g; first path: energy %.4g to %.4g",
                        meanSlope, first.energy()[0], first.energy()[last]),
                Table.text(
                        "residual of the identity at the end: %.2e with the exact dissipation,"
                                + " %.2e with the published slope",
                        first.residual()[last], first.slopeResidual()[last]));
    }

    private Plot energy(List<FlowRecord> records) {
        Plot plot = plot("Energy", "E");
        add(plot, "energy", records, FlowRecord::energy);
        return plot;
    }

    /** On a logarithmic axis: several heads can make the dissipation negative, which is a gap. */
    private Plot slope(List<FlowRecord> records) {
        Plot plot = plot("Dissipation and slope", "per unit of time").logY();
        String exact = "exact dissipation (gap: tokens gain energy)";
        add(plot, exact, records, FlowRecord::dissipation);
        add(plot, "published slope G\u00b2", records, FlowRecord::slope);
        return plot;
    }

    private Plot identity(List<FlowRecord> records) {
        Plot plot = plot("Residual of the identity, dt = " + settings.step(), "residual");
        add(plot, "exact dissipation", records, FlowRecord::residual);
        add(plot, "published slope G\u00b2", records, FlowRecord::slopeResidual);
        return plot;
    }

    private Plot plot(String title, String yAxis) {
        String setting = settings.description() + ", H = " + settings.heads();
        return new Plot(title, "t  (" + setting + ")", yAxis);
    }

    /** Adds the mean over the paths, and each path faintly if they are several. */
    private static void add(
            Plot plot,
            String name,
            List<FlowRecord> records,
            Function<FlowRecord, double[]> curve) {
        double[] time = records.get(0).time();
        List<double[]> curves = records.stream().map(curve).toList();
        String label = curves.size() > 1 ? name + ", mean of the paths" : name;
        if (curves.size() > 1) {
            curves.forEach(each -> plot.add(label, Plot.Style.PALE, time, each));
        }
        plot.add(label, Plot.Style.LINE, time, Stats.mean(curves));
    }
}
