package io.github.djlspectral.examples.gpt;

import static io.github.djlspectral.text.BadInputException.unless;

import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.DoubleSummaryStatistics;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Compares the validation losses of groups of runs that differ in their seed alone. */
@Command(
        name = "compare",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = "Compares validation losses of runs, several seeds to a group.")
public final class CompareCommand implements Runnable {

    @Parameters(
            arity = "1..*",
            paramLabel = "<group=glob>",
            description = "Runs by group, such as Muon='runs/muon-*'.")
    private final Map<String, String> groups = new LinkedHashMap<>();

    @Option(names = "--title", defaultValue = "validation loss", description = "The plot's title.")
    private String title;

    @Option(names = "--plot", paramLabel = "<file>", description = "Writes the curves to a PNG.")
    private Path plot;

    @Override
    public void run() {
        Map<String, List<Path>> runs = new LinkedHashMap<>();
        groups.forEach((name, glob) -> runs.put(name, find(glob)));
        table(runs).forEach(System.out::println);
        if (plot != null) {
            plot(runs, title, plot);
        }
    }

    /** Finds the runs in a directory whose names match a glob such as {@code runs/muon-*}. */
    static List<Path> find(String pattern) {
        Path path = Path.of(pattern);
        Path parent = path.toAbsolutePath().getParent();
        if (Files.isDirectory(parent)) {
            try (Stream<Path> children = Files.list(parent)) {
                var matcher = parent.getFileSystem().getPathMatcher("glob:" + path.getFileName());
                List<Path> runs =
                        children.filter(child -> matcher.matches(child.getFileName()))
                                .filter(child -> Files.exists(child.resolve(RunDirectory.METRICS)))
                                .sorted()
                                .toList();
                if (!runs.isEmpty()) {
                    return runs;
                }
            } catch (IOException e) {
                throw new UncheckedIOException("Cannot list " + parent + " (" + e + ")", e);
            }
        }
        throw new BadInputException("No run with a metrics.csv matches " + pattern);
    }

    /** Returns the final losses, a group a row: mean over the runs, their least and largest. */
    static List<String> table(Map<String, List<Path>> groups) {
        Table table = new Table("", "runs", "steps", "final validation loss", "least", "largest");
        groups.forEach(
                (name, runs) -> {
                    DoubleSummaryStatistics loss =
                            runs.stream()
                                    .mapToDouble(run -> last(run).validationLoss())
                                    .summaryStatistics();
                    table.add(
                            name,
                            runs.size(),
                            last(runs.get(0)).step(),
                            Table.text("%.4f", loss.getAverage()),
                            Table.text("%.4f", loss.getMin()),
                            Table.text("%.4f", loss.getMax()));
                });
        return table.markdown();
    }

    /** Draws the curve of every run, one colour a group. */
    static void plot(Map<String, List<Path>> groups, String title, Path path) {
        Plot losses = Metrics.losses(title);
        groups.forEach(
                (name, runs) ->
                        runs.forEach(run -> Metrics.addValidation(losses, name, evaluated(run))));
        losses.save(path);
    }

    private static Metrics.Row last(Path run) {
        List<Metrics.Row> rows = evaluated(run);
        return rows.get(rows.size() - 1);
    }

    private static List<Metrics.Row> evaluated(Path run) {
        List<Metrics.Row> rows =
                Metrics.read(run.resolve(RunDirectory.METRICS), Integer.MAX_VALUE).stream()
                        .filter(Metrics.Row::evaluated)
                        .toList();
        unless(!rows.isEmpty(), "%s has no validation loss yet", run);
        return rows;
    }
}
