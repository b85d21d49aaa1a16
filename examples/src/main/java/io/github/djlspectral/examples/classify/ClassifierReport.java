package io.github.djlspectral.examples.classify;

import io.github.djlspectral.examples.classify.ClassifierExperiment.Outcome;
import io.github.djlspectral.examples.classify.TokenClassifier.Mixer;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Plot.Style;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The results of the experiment: for programs after each run, numbers as Java prints them, so that
 * equal text is equal bits; for people at the end.
 */
final class ClassifierReport {

    private static final double PERCENT = 100;
    private static final double WIDE = 100;

    private final List<Double> rates;
    private final Path directory;
    private final List<Outcome> outcomes = new ArrayList<>();
    private final Table metrics =
            new Table(
                    "mixer",
                    "learning_rate",
                    "seed",
                    "epoch",
                    "train_loss",
                    "test_loss",
                    "test_accuracy");
    private final Table energy =
            new Table(
                    "seed",
                    "training",
                    "step",
                    "energy",
                    "slope",
                    "dissipation",
                    "weight_work",
                    "dissipated",
                    "residual");

    /** Of runs whose learning rates were chosen from some. */
    ClassifierReport(List<Double> rates, Path directory) {
        this.rates = rates;
        this.directory = directory;
        Table.write(directory.resolve("metrics.csv"), metrics.csv());
    }

    /** Adds a run to {@code metrics.csv} and {@code energy.csv}, which are written again. */
    void add(Outcome outcome) {
        outcomes.add(outcome);
        outcome.epochs()
                .forEach(
                        epoch ->
                                metrics.add(
                                        outcome.mixer(),
                                        outcome.rate(),
                                        outcome.seed(),
                                        epoch.number(),
                                        epoch.trainLoss(),
                                        epoch.testLoss(),
                                        epoch.testAccuracy()));
        Table.write(directory.resolve("metrics.csv"), metrics.csv());
        if (outcome.before() != null) {
            addProfile(outcome.seed(), "before", outcome.before());
            addProfile(outcome.seed(), "after", outcome.after());
            Table.write(directory.resolve("energy.csv"), energy.csv());
        }
    }

    private void addProfile(int seed, String training, DepthProfile profile) {
        for (int step = 0; step < profile.energy().length; step++) {
            energy.add(
                    seed,
                    training,
                    step,
                    profile.energy()[step],
                    profile.slope()[step],
                    profile.dissipation()[step],
                    profile.weightWork()[step],
                    profile.dissipated()[step],
                    profile.residual()[step]);
        }
    }

    /** Writes {@code table.md} and both pictures. Returns the table. */
    List<String> write() {
        Table table =
                new Table(
                        "",
                        "parameters",
                        "learning rate",
                        "test accuracy, %",
                        "test loss",
                        "training loss, last epoch",
                        "clusters of an image's tokens before the flow, after");
        for (Mixer mixer : Mixer.values()) {
            addRow(table, outcomes.stream().filter(o -> o.mixer() == mixer).toList());
        }
        Table.write(directory.resolve("table.md"), table.markdown());
        plotAccuracy().save(directory.resolve("accuracy.png"));
        plotEnergy().save(directory.resolve("energy.png"));
        return table.markdown();
    }

    /** Means over the seeds with the least and largest. */
    private void addRow(Table table, List<Outcome> some) {
        Outcome first = some.get(0);
        String tried = rates.stream().map(String::valueOf).collect(Collectors.joining(", "));
        String clusters =
                first.after() == null
                        ? ""
                        : Stats.cell("%.1f", some, o -> o.after().clustersBefore())
                                + ", "
                                + Stats.cell("%.1f", some, o -> o.after().clustersAfter());
        table.add(
                first.mixer().label(),
                Table.text("%,d", first.size()),
                first.rate() + " of " + tried,
                Stats.cell("%.2f", some, o -> PERCENT * o.last().testAccuracy()),
                Stats.cell("%.4f", some, o -> o.last().testLoss()),
                Stats.cell("%.4f", some, o -> o.last().trainLoss()),
                clusters);
    }

    /** The accuracy over epochs, every seed. */
    private Plot plotAccuracy() {
        Plot plot = new Plot("Accuracy on test images, all seeds", "epoch", "% right");
        for (Outcome outcome : outcomes) {
            double[] shares =
                    outcome.epochs().stream()
                            .mapToDouble(e -> PERCENT * e.testAccuracy())
                            .toArray();
            plot.add(outcome.mixer().label(), Style.MARKED, 1, shares);
        }
        return plot;
    }

    /** The energy along the depth of the flow before and after training, every seed. */
    private Plot plotEnergy() {
        List<Outcome> flows = outcomes.stream().filter(o -> o.after() != null).toList();
        Plot plot = new Plot("Energy along the depth of the flow, all seeds", "step", "energy");
        DoubleSummaryStatistics energies =
                flows.stream()
                        .flatMap(outcome -> Stream.of(outcome.before(), outcome.after()))
                        .flatMapToDouble(profile -> Arrays.stream(profile.energy()))
                        .summaryStatistics();
        if (energies.getMax() > WIDE * energies.getMin()) {
            plot.logY(); // which labels powers of ten only
        }
        for (Outcome outcome : flows) {
            plot.add("before training", Style.MARKED, 0, outcome.before().energy());
            plot.add("after training", Style.MARKED, 0, outcome.after().energy());
        }
        return plot;
    }
}
