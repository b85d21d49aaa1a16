package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.experiment.ImageTraining.Epoch;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Plot.Style;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.isometry.DeepRun.Measurement;
import io.github.djlspectral.examples.isometry.DeepRun.Outcome;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * The table and pictures of all finished runs. But for the first, pictures show the greatest depth.
 *
 * @param groups the rows
 */
record IsometryReport(List<Group> groups) {

    private static final double PERCENT = 100;
    private static final double LEAST_PLAIN = 1e-2;
    private static final double LARGEST_PLAIN = 1e3;
    private static final int WIDTH = 1100;
    private static final int HEIGHT = 560;
    private static final double LEAST_SHOWN = 1e-12;
    private static final double LARGEST_SHOWN = 1e12;

    /**
     * Runs that differ in nothing but the seed.
     *
     * @param run what they have in common, seed 0
     * @param outcomes one for each seed
     */
    record Group(DeepRun run, List<Outcome> outcomes) {

        /** Those that did not end early. */
        List<Outcome> finished() {
            return outcomes.stream().filter(outcome -> !outcome.diverged()).toList();
        }

        double mean(ToDoubleFunction<Outcome> number) {
            return outcomes.stream().mapToDouble(number).average().orElseThrow();
        }
    }

    /** Groups runs, in the order of families and else in the order given. */
    static IsometryReport of(List<Outcome> outcomes) {
        Map<DeepRun, List<Outcome>> groups =
                outcomes.stream()
                        .sorted(Comparator.comparing(outcome -> outcome.run().family()))
                        .collect(
                                Collectors.groupingBy(
                                        outcome -> outcome.run().withSeed(0),
                                        LinkedHashMap::new,
                                        Collectors.toList()));
        return new IsometryReport(
                groups.entrySet().stream().map(g -> new Group(g.getKey(), g.getValue())).toList());
    }

    /** Returns means over the seeds with the least and largest. */
    Table table() {
        Table table =
                new Table(
                        "layers",
                        "depth",
                        "optimizer",
                        "weights",
                        "learning rate",
                        "seeds",
                        "test accuracy, %",
                        "training loss, last epoch",
                        "singular values before",
                        "after",
                        "gradient at first layer before",
                        "after",
                        "Jacobian cosine before",
                        "after",
                        "fold rate before",
                        "after",
                        "max |W W^T - I|",
                        "seconds per epoch");
        groups.forEach(group -> addRow(table, group));
        return table;
    }

    private static void addRow(Table table, Group group) {
        DeepRun run = group.run();
        IsometrySettings settings = run.settings();
        List<Outcome> all = group.outcomes();
        List<Outcome> finished = group.finished();
        int diverged = all.size() - finished.size();
        double deviation = all.stream().mapToDouble(Outcome::deviation).max().orElseThrow();
        table.add(
                run.family().label(),
                run.depth(),
                settings.optimizer(),
                run.family().hasOrthogonalWeights() ? settings.constraint() : settings.penalty(),
                run.rate(),
                all.size() + (diverged == 0 ? "" : ", " + diverged + " diverged"),
                Stats.cell("%.2f", all, o -> PERCENT * o.accuracy()),
                finished.isEmpty() ? "" : Stats.cell("%.4f", finished, o -> o.last().trainLoss()),
                singularValues(all, Outcome::before),
                singularValues(finished, Outcome::after),
                mean(all, o -> o.before().gradient()),
                mean(finished, o -> o.after().gradient()),
                mean(all, o -> o.before().cosine()),
                mean(finished, o -> o.after().cosine()),
                mean(all, o -> o.before().foldRate()),
                mean(finished, o -> o.after().foldRate()),
                Double.isNaN(deviation) ? "" : Table.text("%.1e", deviation),
                finished.isEmpty() ? "" : Stats.cell("%.1f", finished, Outcome::secondsPerEpoch));
    }

    private static String mean(List<Outcome> outcomes, ToDoubleFunction<Outcome> value) {
        double mean = outcomes.stream().mapToDouble(value).average().orElse(Double.NaN);
        return Double.isNaN(mean) ? "" : number(mean);
    }

    /** The least and the largest of all seeds. */
    private static String singularValues(
            List<Outcome> outcomes, Function<Outcome, Measurement> when) {
        if (outcomes.isEmpty()) {
            return "";
        }
        double least =
                outcomes.stream().mapToDouble(o -> when.apply(o).least()).min().orElseThrow();
        double largest =
                outcomes.stream().mapToDouble(o -> when.apply(o).largest()).max().orElseThrow();
        return number(least) + " to " + number(largest);
    }

    /** Writes a number with three decimals, or with an exponent where that says nothing. */
    static String number(double value) {
        double size = Math.abs(value);
        boolean plain = size == 0 || size >= LEAST_PLAIN && size < LARGEST_PLAIN;
        return Table.text(plain ? "%.3f" : "%.1e", value);
    }

    /** Writes {@code accuracy.png}, {@code cosine.png}, {@code gradients.png}, {@code loss.png}. */
    void draw(Path directory) {
        accuracy().save(directory.resolve("accuracy.png"));
        cosine().save(directory.resolve("cosine.png"));
        gradients().save(directory.resolve("gradients.png"));
        loss().save(directory.resolve("loss.png"));
    }

    /** Means over seeds, with a bar from the least to the largest. */
    private Plot accuracy() {
        Plot plot = plot("Accuracy on test images", "layers", "% right");
        Map<String, List<Group>> byName =
                groups.stream()
                        .sorted(Comparator.comparing(group -> group.run().depth()))
                        .collect(
                                Collectors.groupingBy(
                                        this::name, LinkedHashMap::new, Collectors.toList()));
        byName.forEach(
                (name, some) -> {
                    double[] depths = some.stream().mapToDouble(g -> g.run().depth()).toArray();
                    double[] shares =
                            some.stream()
                                    .mapToDouble(g -> g.mean(o -> PERCENT * o.accuracy()))
                                    .toArray();
                    plot.add(name, Style.MARKED, depths, shares);
                    for (Group group : some) {
                        double[] ofSeeds =
                                group.outcomes().stream()
                                        .mapToDouble(o -> PERCENT * o.accuracy())
                                        .toArray();
                        plot.addRange(name, group.run().depth(), ofSeeds);
                    }
                });
        return plot;
    }

    private Plot cosine() {
        Plot plot =
                plot(
                        "Accuracy and how alike Jacobians of nearby images are at first",
                        "cosine of the Jacobians at an image and a tenth of its length beside it",
                        "% right");
        for (Group group : deepest()) {
            double[] x = {group.mean(outcome -> outcome.before().cosine())};
            double[] y = {group.mean(outcome -> PERCENT * outcome.accuracy())};
            plot.add(name(group), Style.POINTS, x, y);
        }
        return plot;
    }

    private Plot gradients() {
        Plot plot =
                plot(
                        "Length of a gradient on its way back, by its length at the end, at first",
                        "layer",
                        "ratio");
        for (Group group : deepest()) {
            double[] shown =
                    Arrays.stream(group.outcomes().get(0).before().gradients())
                            .map(r -> r > LEAST_SHOWN && r < LARGEST_SHOWN ? r : Double.NaN)
                            .toArray();
            plot.add(name(group), Style.LINE, 1, shown);
        }
        return plot.logY();
    }

    private Plot loss() {
        Plot plot = plot("Training loss", "epoch", "loss, nats").logY();
        for (Group group : deepest()) {
            List<double[]> curves =
                    group.finished().stream()
                            .map(o -> o.epochs().stream().mapToDouble(Epoch::trainLoss).toArray())
                            .toList();
            if (!curves.isEmpty()) {
                plot.add(name(group), Style.LINE, 1, Stats.mean(curves));
            }
        }
        return plot;
    }

    private List<Group> deepest() {
        int deepest = groups.stream().mapToInt(group -> group.run().depth()).max().orElseThrow();
        return groups.stream().filter(group -> group.run().depth() == deepest).toList();
    }

    /** The family, and what else there is more than one of. */
    private String name(Group group) {
        DeepRun run = group.run();
        List<DeepRun> peers =
                groups.stream().map(Group::run).filter(r -> r.family() == run.family()).toList();
        StringBuilder name = new StringBuilder(run.family().label());
        if (differ(peers, r -> r.settings().optimizer())) {
            name.append(", ").append(run.settings().optimizer());
        }
        if (differ(peers, r -> r.settings().constraint())) {
            name.append(", ").append(run.settings().constraint());
        }
        boolean rates =
                peers.stream().filter(r -> r.withRate(1).equals(run.withRate(1))).count() > 1;
        return rates ? name + ", rate " + run.rate() : name.toString();
    }

    private static boolean differ(List<DeepRun> runs, Function<DeepRun, Object> value) {
        return runs.stream().map(value).distinct().count() > 1;
    }

    private static Plot plot(String title, String xAxis, String yAxis) {
        return new Plot(title, xAxis, yAxis).size(WIDTH, HEIGHT);
    }
}
