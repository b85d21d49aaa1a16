package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Stats.PowerLaw;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.flow.FlowRecord;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.stream.IntStream;

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
        DoubleConsumer progress = FlowPaths.telling(out, work);
        List<Row> rows = new ArrayList<>();
        for (FlowSettings base : bases) {
            for (int s = 0; s < seeds; s++) {
                rows.add(measure(base.withSeed(base.seed() + s).unrecorded(), progress));
            }
        }
        Table.write(directory.resolve("scaling.csv"), table(rows, heads).csv());
        List<String> markdown = markdown(rows);
        Table.write(directory.resolve("scaling.md"), markdown);
        plot(rows).save(directory.resolve("scaling.png"));
        markdown.forEach(out::println);
        out.println("Results are in " + directory);
    }

    private Row measure(FlowSettings base, DoubleConsumer progress) {
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
        List<String> header = new ArrayList<>(List.of("weights", "d", "seed"));
        heads.forEach(h -> header.add("H = " + h));
        header.add("exponent, H >= " + FIRST_FITTED);
        Table table = new Table(header.toArray(String[]::new));
        for (Row row : rows) {
            FlowSettings base = row.base;
            List<Object> cells =
                    new ArrayList<>(List.of(base.drift().label(), base.dimension(), base.seed()));
            Arrays.stream(row.means()).forEach(mean -> cells.add(Table.text("%.4g", mean)));
            cells.add(Table.text("%+.2f", fit(row.means()).exponent()));
            table.add(cells.toArray());
        }
        return table.markdown();
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

    private Plot plot(List<Row> rows) {
        FlowSettings first = bases.get(0);
        double[] x = heads.stream().mapToDouble(h -> h).toArray();
        double[] fitted = Arrays.stream(x).filter(h -> h >= FIRST_FITTED).toArray();
        String title = "Slope against heads, d = %d, n = %d, T = %s, %d x %d paths";
        Object[] numbers = {first.dimension(), first.tokens(), first.time(), seeds, first.paths()};
        Plot plot =
                new Plot(Table.text(title, numbers), "heads H", "slope G\u00b2, mean over time")
                        .logX()
                        .logY();
        for (FlowSettings base : bases) {
            List<double[]> means =
                    rows.stream()
                            .filter(row -> row.base.drift() == base.drift())
                            .map(Row::means)
                            .toList();
            PowerLaw law = fit(Stats.mean(means));
            String label = base.drift().label();
            String rule = "%s: exponent %+.2f for H >= %d";
            String name = Table.text(rule, label, law.exponent(), FIRST_FITTED);
            plot.add(name, Plot.Style.LINE, fitted, Arrays.stream(fitted).map(law::at).toArray());
            means.forEach(some -> plot.add(name, Plot.Style.POINTS, x, some));
        }
        return plot;
    }
}
