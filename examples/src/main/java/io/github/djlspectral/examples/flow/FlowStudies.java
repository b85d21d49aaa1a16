package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.experiment.Eta;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Stats.PowerLaw;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.flow.FlowRecord;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/** Studies of many settings; each writes its numbers as CSV, a table and a picture. */
final class FlowStudies {

    private static final double SECONDS_BETWEEN_LINES = 5;
    private static final int FIRST_FITTED = 4;

    private FlowStudies() {}

    /** Tells from time to time how much of the work is done and when the rest will be. */
    static DoubleConsumer telling(PrintStream out, double work) {
        Eta eta = new Eta(work);
        return done -> {
            eta.add(done);
            if (eta.due(SECONDS_BETWEEN_LINES)) {
                out.println(Table.text("%.0f%% done, ETA %s", eta.percent(), eta.left()));
            }
        };
    }

    private static <R> List<R> measure(
            List<FlowSettings> cells, PrintStream out, Function<List<FlowRecord>, R> measure) {
        double work = cells.stream().mapToDouble(FlowSettings::work).sum();
        DoubleConsumer progress = telling(out, work);
        List<R> results = new ArrayList<>();
        for (FlowSettings cell : cells) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                results.add(measure.apply(cell.run(manager, progress)));
            }
        }
        return results;
    }

    /** Writes the results of a study; its panels stand as they come, at most three in a row. */
    static void write(
            Path directory,
            String name,
            Table csv,
            Table table,
            List<Plot> plots,
            PrintStream out) {
        Table.write(directory.resolve(name + ".csv"), csv.csv());
        Table.write(directory.resolve(name + ".md"), table.markdown());
        Plot.save(directory.resolve(name + ".png"), 3, plots);
        table.markdown().forEach(out::println);
        out.println("Results are in " + directory);
    }

    private static <T> double[] mapped(List<T> all, ToDoubleFunction<T> value) {
        return all.stream().mapToDouble(value).toArray();
    }

    /** The residuals are 0 at the beginning. */
    private record Residuals(double change, double exact, double published) {

        static Residuals of(List<FlowRecord> records) {
            return new Residuals(
                    change(records, FlowRecord::energy),
                    change(records, FlowRecord::residual),
                    change(records, FlowRecord::slopeResidual));
        }

        /** The mean of the paths' absolute changes from beginning to end. */
        private static double change(
                List<FlowRecord> records, Function<FlowRecord, double[]> curve) {
            return records.stream()
                    .map(curve)
                    .mapToDouble(values -> Math.abs(values[values.length - 1] - values[0]))
                    .average()
                    .orElseThrow();
        }
    }

    /**
     * How the residual of the energy-dissipation identity depends on the step size, with the exact
     * dissipation and with the published slope in its place; and by how much each is smaller than
     * that of the step size before.
     */
    static void identity(
            FlowSettings base,
            List<Integer> heads,
            List<Double> steps,
            Path directory,
            PrintStream out) {
        List<Double> sizes = steps.stream().sorted(Collections.reverseOrder()).toList();
        List<FlowSettings> cells =
                heads.stream()
                        .flatMap(h -> sizes.stream().map(step -> base.cell(h, step, base.seed())))
                        .toList();
        out.println("identity of energy and dissipation, " + base.description());
        List<Residuals> all = measure(cells, out, Residuals::of);
        String columns = "dimension,heads,step_size,energy_change,residual,slope_residual";
        Table csv = new Table(columns.split(","));
        columns = "heads,dt,exact dissipation,ratio,published slope,ratio";
        Table table = new Table(columns.split(","));
        String title = "Residual of the identity (" + base.description() + ")";
        String share = "share of the energy's change, %";
        Plot plot = new Plot(title, "step size dt", share).logX().logY();
        double[] x = mapped(sizes, step -> step);
        for (int k = 0; k < heads.size(); k++) {
            int h = heads.get(k);
            List<Residuals> some = all.subList(k * x.length, (k + 1) * x.length);
            double[] exact = mapped(some, r -> 100 * r.exact / r.change);
            double[] slope = mapped(some, r -> 100 * r.published / r.change);
            plot.add("exact, H = " + h, Plot.Style.MARKED, x, exact);
            plot.add("slope, H = " + h, Plot.Style.DASHED, x, slope);
            String[] ratios = {"", ""};
            for (int i = 0; i < x.length; i++) {
                Residuals r = some.get(i);
                csv.add(base.dimension(), h, x[i], r.change, r.exact, r.published);
                if (i > 0) {
                    Residuals before = some.get(i - 1);
                    ratios[0] = Table.text("%.2f", before.exact / r.exact);
                    ratios[1] = Table.text("%.2f", before.published / r.published);
                }
                String[] shares = {Table.text("%.4f%%", exact[i]), Table.text("%.4f%%", slope[i])};
                table.add(h, x[i], shares[0], ratios[0], shares[1], ratios[1]);
            }
        }
        write(directory, "residuals", csv, table, List.of(plot), out);
    }

    /**
     * How the slope's average over time depends on the number of heads, for each drift and seed:
     * with the exponent of a power law, fitted where there are 4 heads or more, because a single
     * head is no average of many.
     */
    static void scaling(
            List<FlowSettings> bases,
            List<Integer> numbers,
            int seeds,
            Path directory,
            PrintStream out) {
        int[] heads = numbers.stream().mapToInt(h -> h).sorted().distinct().toArray();
        double[] x = Arrays.stream(heads).asDoubleStream().toArray();
        double[] fitted = Arrays.stream(x).filter(h -> h >= FIRST_FITTED).toArray();
        FlowSettings.require(seeds >= 1, "--seeds", seeds, "at least 1");
        String rule = "two or more numbers of at least " + FIRST_FITTED + ", to fit an exponent";
        FlowSettings.require(fitted.length >= 2, "--heads", Arrays.toString(heads), rule);
        List<FlowSettings> cells = new ArrayList<>();
        for (FlowSettings base : bases) {
            for (int s = 0; s < seeds; s++) {
                for (int h : heads) {
                    cells.add(base.cell(h, base.step(), base.seed() + s));
                }
            }
            out.println("slope against heads, " + base.description() + ", " + seeds + " seeds");
        }
        List<double[]> slopes = measure(cells, out, r -> mapped(r, FlowRecord::meanSlope));
        Table csv = new Table("drift", "dimension", "seed", "heads", "path", "mean_slope");
        List<String> columns = new ArrayList<>(List.of("weights", "d", "seed"));
        Arrays.stream(heads).forEach(h -> columns.add("H = " + h));
        columns.add("exponent, H >= " + FIRST_FITTED);
        Table table = new Table(columns.toArray(String[]::new));
        FlowSettings some = bases.get(0);
        String title = "Slope against heads, d = %d, n = %d, T = %s, %d x %d paths";
        Object[] what = {some.dimension(), some.tokens(), some.time(), seeds, some.paths()};
        Plot plot = new Plot(Table.text(title, what), "heads H", "slope G\u00b2, mean over time");
        plot.logX().logY();
        for (int b = 0; b < bases.size(); b++) {
            FlowSettings base = bases.get(b);
            List<double[]> means = new ArrayList<>();
            for (int first = b * seeds * x.length, s = 0; s < seeds; s++, first += x.length) {
                List<double[]> ofHeads = slopes.subList(first, first + x.length);
                Object[] row = {base.drift().label, base.dimension(), base.seed() + s};
                for (int i = 0; i < x.length; i++) {
                    for (int p = 0; p < base.paths(); p++) {
                        csv.add(row[0], row[1], row[2], heads[i], p + 1, ofHeads.get(i)[p]);
                    }
                }
                double[] mean = mapped(ofHeads, p -> Arrays.stream(p).average().orElseThrow());
                means.add(mean);
                List<Object> texts = new ArrayList<>(List.of(row));
                Arrays.stream(mean).forEach(value -> texts.add(Table.text("%.4g", value)));
                texts.add(Table.text("%+.2f", fit(x, mean).exponent()));
                table.add(texts.toArray());
            }
            PowerLaw law = fit(x, Stats.mean(means));
            Object[] numbersOfLaw = {base.drift().label, law.exponent(), FIRST_FITTED};
            String name = Table.text("%s: exponent %+.2f for H >= %d", numbersOfLaw);
            plot.add(name, Plot.Style.LINE, fitted, Arrays.stream(fitted).map(law::at).toArray());
            means.forEach(each -> plot.add(name, Plot.Style.POINTS, x, each));
        }
        write(directory, "scaling", csv, table, List.of(plot), out);
    }

    /** Fits the power law to means, one for each number of heads, but for the fewest heads. */
    static PowerLaw fit(double[] heads, double[] means) {
        int few = (int) Arrays.stream(heads).filter(h -> h < FIRST_FITTED).count();
        return PowerLaw.fit(
                Arrays.copyOfRange(heads, few, heads.length),
                Arrays.copyOfRange(means, few, heads.length));
    }
}
