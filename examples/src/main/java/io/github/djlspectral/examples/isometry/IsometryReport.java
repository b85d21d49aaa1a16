package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.experiment.ImageTraining.Epoch;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Plot.Style;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.isometry.DeepRun.Outcome;
import io.github.djlspectral.examples.isometry.NetworkProbe.Measurement;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;

/**
 * The table and pictures of all finished runs. But for the first, pictures show the greatest depth.
 *
 * @param groups the rows: runs that differ in nothing but the seed, by what they have in common
 */
record IsometryReport(Map<DeepRun, List<Outcome>> groups) {

    private static final String COLUMNS =
            "layers;depth;optimizer;weights;learning rate;seeds;test accuracy, %;"
                    + "training loss, last epoch;singular values before;after;"
                    + "gradient at first layer before;after;Jacobian cosine before;after;"
                    + "fold rate before;after;max |W W^T - I|;seconds per epoch";

    /** Groups runs, in the order of families and else in the order given. */
    static IsometryReport of(List<Outcome> outcomes) {
        Map<DeepRun, List<Outcome>> groups = new LinkedHashMap<>();
        Comparator<Outcome> byFamily = Comparator.comparing(outcome -> outcome.run().family());
        for (Outcome outcome : outcomes.stream().sorted(byFamily).toList()) {
            DeepRun run = outcome.run().with(outcome.run().rate(), 0);
            groups.computeIfAbsent(run, key -> new ArrayList<>()).add(outcome);
        }
        return new IsometryReport(groups);
    }

    /** Writes {@code table.md} and four pictures. Returns the table. */
    List<String> write(Path directory) {
        Table table = new Table(COLUMNS.split(";"));
        groups.forEach((run, outcomes) -> addRow(table, run, outcomes));
        Table.write(directory.resolve("table.md"), table.markdown());
        accuracy().save(directory.resolve("accuracy.png"));
        drawDeepest(directory);
        return table.markdown();
    }

    /** Means over the seeds with the least and largest. */
    private static void addRow(Table table, DeepRun run, List<Outcome> all) {
        List<Outcome> finished = finished(all);
        int diverged = all.size() - finished.size();
        double deviation = Arrays.stream(numbers(all, Outcome::deviation)).max().orElseThrow();
        table.add(
                run.family().label,
                run.depth(),
                run.optimizer(),
                run.family().hasOrthogonalWeights() ? run.constraint() : run.penalty(),
                run.rate(),
                all.size() + (diverged == 0 ? "" : ", " + diverged + " diverged"),
                Stats.cell("%.2f", all, Outcome::percent),
                finished.isEmpty() ? "" : Stats.cell("%.4f", finished, o -> o.last().trainLoss()),
                singularValues(all, Outcome::before),
                singularValues(finished, Outcome::after),
                mean(all, o -> o.before().gradients()[0]),
                mean(finished, o -> o.after().gradients()[0]),
                mean(all, o -> o.before().cosine()),
                mean(finished, o -> o.after().cosine()),
                mean(all, o -> o.before().foldRate()),
                mean(finished, o -> o.after().foldRate()),
                Double.isNaN(deviation) ? "" : Table.text("%.1e", deviation),
                finished.isEmpty()
                        ? ""
                        : Stats.cell("%.1f", finished, o -> o.seconds() / o.epochs().size()));
    }

    /** Those that did not end early. */
    private static List<Outcome> finished(List<Outcome> outcomes) {
        return outcomes.stream().filter(outcome -> !outcome.diverged()).toList();
    }

    private static <T> double[] numbers(List<T> list, ToDoubleFunction<T> number) {
        return list.stream().mapToDouble(number).toArray();
    }

    private static double average(List<Outcome> outcomes, ToDoubleFunction<Outcome> number) {
        return outcomes.stream().mapToDouble(number).average().orElse(Double.NaN);
    }

    private static String mean(List<Outcome> outcomes, ToDoubleFunction<Outcome> number) {
        double mean = average(outcomes, number);
        return Double.isNaN(mean) ? "" : number(mean);
    }

    /** The least and the largest of all seeds. */
    private static String singularValues(List<Outcome> all, Function<Outcome, Measurement> when) {
        DoubleStream least = all.stream().mapToDouble(o -> when.apply(o).least());
        DoubleStream largest = all.stream().mapToDouble(o -> when.apply(o).largest());
        return all.isEmpty()
                ? ""
                : number(least.min().orElseThrow()) + " to " + number(largest.max().orElseThrow());
    }

    /** Writes a number with three decimals, or with an exponent where that says nothing. */
    static String number(double value) {
        double size = Math.abs(value);
        boolean plain = size == 0 || size >= 1e-2 && size < 1e3;
        return Table.text(plain ? "%.3f" : "%.1e", value);
    }

    /** Means over seeds, with a bar from the least to the largest. */
    private Plot accuracy() {
        Plot plot = plot("Accuracy on test images", "layers", "% right");
        Comparator<DeepRun> byDepth = Comparator.comparingInt(DeepRun::depth);
        List<DeepRun> sorted = groups.keySet().stream().sorted(byDepth).toList();
        for (String name : sorted.stream().map(this::name).distinct().toList()) {
            List<DeepRun> runs = sorted.stream().filter(run -> name(run).equals(name)).toList();
            double[] means = numbers(runs, run -> average(groups.get(run), Outcome::percent));
            plot.add(name, Style.MARKED, numbers(runs, DeepRun::depth), means);
            for (DeepRun run : runs) {
                plot.addRange(name, run.depth(), numbers(groups.get(run), Outcome::percent));
            }
        }
        return plot;
    }

    private void drawDeepest(Path directory) {
        Plot cosine =
                plot(
                        "Accuracy and how alike Jacobians of nearby images are at first",
                        "cosine of the Jacobians at an image and a tenth of its length beside it",
                        "% right");
        String gradient =
                "Length of a gradient on its way back, by its length at the end, at first";
        Plot gradients = plot(gradient, "layer", "ratio").logY();
        Plot losses = plot("Training loss", "epoch", "loss, nats").logY();
        int deepest = groups.keySet().stream().mapToInt(DeepRun::depth).max().orElseThrow();
        groups.forEach(
                (run, outcomes) -> {
                    if (run.depth() == deepest) {
                        String name = name(run);
                        double[] x = {average(outcomes, o -> o.before().cosine())};
                        double[] y = {average(outcomes, Outcome::percent)};
                        cosine.add(name, Style.POINTS, x, y);
                        double[] shown =
                                Arrays.stream(outcomes.get(0).before().gradients())
                                        .map(r -> r > 1e-12 && r < 1e12 ? r : Double.NaN)
                                        .toArray();
                        gradients.add(name, Style.LINE, 1, shown);
                        List<double[]> curves =
                                finished(outcomes).stream()
                                        .map(o -> numbers(o.epochs(), Epoch::trainLoss))
                                        .toList();
                        if (!curves.isEmpty()) {
                            losses.add(name, Style.LINE, 1, Stats.mean(curves));
                        }
                    }
                });
        cosine.save(directory.resolve("cosine.png"));
        gradients.save(directory.resolve("gradients.png"));
        losses.save(directory.resolve("loss.png"));
    }

    /** The family, and what else there is more than one of. */
    private String name(DeepRun run) {
        List<DeepRun> peers =
                groups.keySet().stream().filter(r -> r.family() == run.family()).toList();
        String optimizer = differ(peers, DeepRun::optimizer) ? ", " + run.optimizer() : "";
        String constraint = differ(peers, DeepRun::constraint) ? ", " + run.constraint() : "";
        boolean rates = peers.stream().filter(r -> r.with(1, 0).equals(run.with(1, 0))).count() > 1;
        return run.family().label + optimizer + constraint + (rates ? ", rate " + run.rate() : "");
    }

    private static boolean differ(List<DeepRun> runs, Function<DeepRun, Object> value) {
        return runs.stream().map(value).distinct().count() > 1;
    }

    static Plot plot(String title, String xAxis, String yAxis) {
        return new Plot(title, xAxis, yAxis).size(1100, 560);
    }
}
