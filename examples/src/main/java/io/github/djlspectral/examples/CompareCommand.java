package io.github.djlspectral.examples;

import io.github.djlspectral.examples.train.RunComparison;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
        name = "compare",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = "Compares validation losses of runs, several seeds to a group.")
final class CompareCommand implements Runnable {

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
        groups.forEach((name, glob) -> runs.put(name, RunComparison.find(glob)));
        RunComparison comparison = new RunComparison(runs);
        comparison.table().forEach(System.out::println);
        if (plot != null) {
            comparison.plot(title, plot);
        }
    }
}
