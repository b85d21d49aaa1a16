package io.github.djlspectral.examples.isometry;

import io.github.djlspectral.examples.report.MeanAndRange;
import io.github.djlspectral.examples.report.ResultFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/** The results of all finished runs for people. */
final class IsometryReport {

    private static final double PERCENT = 100;

    /** Runs that differ in nothing but the seed, in the order of families. */
    private final List<List<DeepOutcome>> groups;

    IsometryReport(List<DeepOutcome> outcomes) {
        Map<DeepRun, List<DeepOutcome>> byRun = new LinkedHashMap<>();
        for (Family family : Family.values()) {
            for (DeepOutcome outcome : outcomes) {
                DeepRun run = outcome.run();
                if (run.family() == family) {
                    DeepRun key = new DeepRun(family, run.depth(), run.settings(), run.rate(), 0);
                    byRun.computeIfAbsent(key, unused -> new ArrayList<>()).add(outcome);
                }
            }
        }
        groups = List.copyOf(byRun.values());
    }

    /** Returns a Markdown table: means over the seeds with the least and largest. */
    List<String> table() {
        List<String> lines = new ArrayList<>();
        lines.add(
                "| layers | depth | optimizer | weights | learning rate | seeds | test accuracy, %"
                        + " | training loss, last epoch | singular values before | after"
                        + " | max \\|W W^T - I\\| | seconds per epoch |");
        lines.add("|---|---|---|---|---|---|---|---|---|---|---|---|");
        groups.forEach(group -> lines.add(row(group)));
        return lines;
    }

    private static String row(List<DeepOutcome> all) {
        DeepRun run = all.get(0).run();
        List<DeepOutcome> finished = all.stream().filter(o -> !o.diverged()).toList();
        int diverged = all.size() - finished.size();
        return String.format(
                Locale.ROOT,
                "| %s | %d | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |",
                run.family().label(),
                run.depth(),
                run.settings().optimizer(),
                run.family().hasOrthogonalWeights() ? run.settings().constraint() : "",
                run.rate(),
                all.size() + (diverged == 0 ? "" : ", " + diverged + " diverged"),
                MeanAndRange.cell("%.2f", all, o -> PERCENT * o.accuracy()),
                finished.isEmpty()
                        ? ""
                        : MeanAndRange.cell("%.4f", finished, o -> o.last().trainLoss()),
                range(all, DeepOutcome::before),
                finished.isEmpty() ? "" : range(finished, DeepOutcome::after),
                Double.isNaN(all.get(0).deviation())
                        ? ""
                        : String.format(
                                Locale.ROOT,
                                "%.1e",
                                all.stream()
                                        .mapToDouble(DeepOutcome::deviation)
                                        .max()
                                        .orElseThrow()),
                finished.isEmpty()
                        ? ""
                        : String.format(
                                Locale.ROOT,
                                "%.1f",
                                finished.stream()
                                        .mapToDouble(o -> o.seconds() / o.epochs().size())
                                        .average()
                                        .orElseThrow()));
    }

    /** The least and the largest singular value of all seeds. */
    private static String range(
            List<DeepOutcome> outcomes, Function<DeepOutcome, Measurement> when) {
        double least =
                outcomes.stream().mapToDouble(o -> when.apply(o).least()).min().orElseThrow();
        double largest =
                outcomes.stream().mapToDouble(o -> when.apply(o).largest()).max().orElseThrow();
        return number(least) + " to " + number(largest);
    }

    private static String number(double value) {
        boolean plain = value >= 1e-2 && value < 1e3;
        return String.format(Locale.ROOT, plain ? "%.3f" : "%.1e", value);
    }

    /** Writes {@code table.md}. */
    void write(Path directory) {
        ResultFile.write(directory.resolve("table.md"), table());
    }
}
