package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.flow.FlowRecord;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.function.ToDoubleFunction;

/**
 * How the residual of the energy-dissipation identity depends on the step size, with the exact
 * dissipation and with the published slope in its place.
 *
 * @param base the setting but for heads and step size
 * @param heads numbers of heads
 * @param steps step sizes
 */
record IdentityStudy(FlowSettings base, List<Integer> heads, List<Double> steps) {

    private static final double PERCENT = 100;

    /** Checks every setting. */
    IdentityStudy {
        heads = List.copyOf(heads);
        steps = steps.stream().sorted(Collections.reverseOrder()).toList();
        for (int h : heads) {
            steps.forEach(step -> base.withHeads(h).withStep(step));
        }
    }

    /**
     * A measurement, mean absolute values over the paths.
     *
     * @param change of the energy from beginning to end
     * @param residual with the exact dissipation
     * @param slopeResidual with the published slope
     */
    record Point(int heads, double step, double change, double residual, double slopeResidual) {

        static Point of(int heads, double step, List<FlowRecord> records) {
            return new Point(
                    heads,
                    step,
                    mean(records, r -> last(r.energy()) - r.energy()[0]),
                    mean(records, r -> last(r.residual())),
                    mean(records, r -> last(r.slopeResidual())));
        }

        private static double mean(List<FlowRecord> records, ToDoubleFunction<FlowRecord> value) {
            return records.stream()
                    .mapToDouble(r -> Math.abs(value.applyAsDouble(r)))
                    .average()
                    .orElseThrow();
        }

        private static double last(double[] values) {
            return values[values.length - 1];
        }
    }

    /** Measures, and writes {@code residuals.csv}, {@code .md} and {@code .png}. */
    void run(Path directory, PrintStream out) {
        out.println("identity of energy and dissipation, " + base.description());
        double work = 0;
        for (int h : heads) {
            for (double step : steps) {
                work += base.withHeads(h).withStep(step).work();
            }
        }
        DoubleConsumer progress = FlowPaths.telling(out, work);
        List<Point> points = new ArrayList<>();
        for (int h : heads) {
            for (double step : steps) {
                try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                    FlowSettings settings = base.withHeads(h).withStep(step).unrecorded();
                    points.add(Point.of(h, step, FlowPaths.run(settings, manager, progress)));
                }
            }
        }
        write(points, directory);
        markdown(points).forEach(out::println);
        out.println("Results are in " + directory);
    }

    private void write(List<Point> points, Path directory) {
        Table table =
                new Table(
                        "dimension",
                        "heads",
                        "step_size",
                        "energy_change",
                        "residual",
                        "slope_residual");
        points.forEach(
                p ->
                        table.add(
                                base.dimension(),
                                p.heads,
                                p.step,
                                p.change,
                                p.residual,
                                p.slopeResidual));
        Table.write(directory.resolve("residuals.csv"), table.csv());
        Table.write(directory.resolve("residuals.md"), markdown(points));
        plot(points).save(directory.resolve("residuals.png"));
    }

    /**
     * Returns the residuals as shares of the energy's change, and by how much each is smaller than
     * that of the step size before.
     */
    static List<String> markdown(List<Point> points) {
        Table table =
                new Table("heads", "dt", "exact dissipation", "ratio", "published slope", "ratio");
        Point before = null;
        for (Point p : points) {
            boolean first = before == null || before.heads != p.heads;
            table.add(
                    p.heads,
                    p.step,
                    Table.text("%.4f%%", PERCENT * p.residual / p.change),
                    first ? "" : ratio(before.residual, p.residual),
                    Table.text("%.4f%%", PERCENT * p.slopeResidual / p.change),
                    first ? "" : ratio(before.slopeResidual, p.slopeResidual));
            before = p;
        }
        return table.markdown();
    }

    private static String ratio(double before, double now) {
        return Table.text("%.2f", before / now);
    }

    private Plot plot(List<Point> points) {
        Plot plot =
                new Plot(
                                "Residual of the identity (" + base.description() + ")",
                                "step size dt",
                                "share of the energy's change, %")
                        .logX()
                        .logY();
        for (int h : heads) {
            List<Point> some = points.stream().filter(p -> p.heads == h).toList();
            double[] x = some.stream().mapToDouble(Point::step).toArray();
            double[] exact =
                    some.stream().mapToDouble(p -> PERCENT * p.residual / p.change).toArray();
            double[] slope =
                    some.stream().mapToDouble(p -> PERCENT * p.slopeResidual / p.change).toArray();
            plot.add("exact, H = " + h, Plot.Style.MARKED, x, exact);
            plot.add("slope, H = " + h, Plot.Style.DASHED, x, slope);
        }
        return plot;
    }
}
