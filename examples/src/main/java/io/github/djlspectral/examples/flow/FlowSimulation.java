package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.flow.FlowRecord;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Simulates one setting and shows it over time. */
record FlowSimulation(FlowSettings settings) {

    private static final int LARGEST_DRAWN = 3;

    /**
     * Simulates, and writes {@code flow.csv}, {@code energy.png}, {@code identity.png}, {@code
     * tokens.csv}, and on the circle and the sphere {@code tokens.png} and {@code tokens.gif}.
     */
    void run(Path directory, PrintStream out) {
        Object[] what = {settings.description(), settings.heads(), settings.steps()};
        out.println(Table.text("%s, H = %d, %d steps of ", what) + settings.step());
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            long begin = System.nanoTime();
            List<FlowRecord> records =
                    settings.run(manager, FlowStudies.telling(out, settings.work()));
            out.println(Table.text("simulated in %.1f s", (System.nanoTime() - begin) * 1e-9));
            tell(records, out);
            Table.write(directory.resolve("flow.csv"), table(records).csv());
            draw(records, directory);
            TokenPicture picture = new TokenPicture(records.get(0));
            Table.write(directory.resolve("tokens.csv"), picture.table().csv());
            if (settings.dimension() <= LARGEST_DRAWN) {
                Plot.draw(directory.resolve("tokens.png"), picture::snapshots);
                Plot.draw(directory.resolve("tokens.gif"), picture::animation);
            } else {
                out.println("Tokens are drawn for --dimension 2 and 3 only");
            }
        }
        out.println("Results are in " + directory);
    }

    private static Table table(List<FlowRecord> records) {
        String columns =
                "path,time,energy,slope,dissipation,energy_drift,slope_integral,"
                        + "dissipation_integral,martingale,residual,slope_residual";
        Table table = new Table(columns.split(","));
        for (int p = 0; p < records.size(); p++) {
            FlowRecord r = records.get(p);
            List<double[]> all = new ArrayList<>();
            all.addAll(List.of(r.time(), r.energy(), r.slope(), r.dissipation(), r.energyDrift()));
            all.addAll(List.of(r.slopeIntegral(), r.dissipationIntegral(), r.martingale()));
            all.addAll(List.of(r.residual(), r.slopeResidual()));
            for (int i = 0; i < r.time().length; i++) {
                List<Object> cells = new ArrayList<>(List.of(p + 1));
                for (double[] values : all) {
                    cells.add(values[i]);
                }
                table.add(cells.toArray());
            }
        }
        return table;
    }

    private static void tell(List<FlowRecord> records, PrintStream out) {
        FlowRecord first = records.get(0);
        int last = first.time().length - 1;
        double meanSlope = records.stream().mapToDouble(FlowRecord::meanSlope).average().orElse(0);
        String rule = "mean slope over time %.4g; first path: energy %.4g to %.4g";
        out.println(Table.text(rule, meanSlope, first.energy()[0], first.energy()[last]));
        rule =
                "residual of the identity at the end: %.2e with the exact dissipation, %.2e with the";
        Object[] ends = {first.residual()[last], first.slopeResidual()[last]};
        out.println(Table.text(rule + " published slope", ends));
    }

    private void draw(List<FlowRecord> records, Path directory) {
        Plot energy = plot("Energy", "E");
        add(energy, "energy", records, FlowRecord::energy);
        // on a logarithmic axis: several heads can make the dissipation negative, which is a gap
        Plot slope = plot("Dissipation and slope", "per unit of time").logY();
        String exact = "exact dissipation (gap: tokens gain energy)";
        add(slope, exact, records, FlowRecord::dissipation);
        add(slope, "published slope G\u00b2", records, FlowRecord::slope);
        Plot.save(directory.resolve("energy.png"), 2, List.of(energy, slope));
        Plot identity = plot("Residual of the identity, dt = " + settings.step(), "residual");
        add(identity, "exact dissipation", records, FlowRecord::residual);
        add(identity, "published slope G\u00b2", records, FlowRecord::slopeResidual);
        identity.save(directory.resolve("identity.png"));
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
