package io.github.djlspectral.examples.features;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.examples.experiment.Finished;
import io.github.djlspectral.examples.experiment.Table;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command that descends on random features by exact line search. */
@Command(
        name = "random-features",
        description = {
            "Compares optimizers with exact line search on linear regression with random features:",
            "the loss, and the best step size over steps. What is finished is not run again."
        })
public final class RandomFeaturesCommand implements Runnable {

    @Option(names = "--steps", description = "Updates of each optimizer. Default: 200; quick: 60.")
    private Integer steps;

    @Option(names = "--rows", description = "Outputs of the regression. Default: 64; quick: 16.")
    private Integer rows;

    @Option(names = "--columns", description = "Features. Default: 128; quick: 32.")
    private Integer columns;

    @Option(
            names = "--batch",
            description = "Samples of a gradient; 0: the full gradient. Default: 256; quick: 64.")
    private Integer batch;

    @Option(
            names = "--condition",
            defaultValue = "1000",
            description = "Largest to smallest variance of a feature. Default: ${DEFAULT-VALUE}.")
    private double condition;

    @Option(names = "--seeds", description = "Number of seeds. Default: 3; quick: 2.")
    private Integer seeds;

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            defaultValue = "runs/random-features",
            description = "Where results are written. Default: ${DEFAULT-VALUE}.")
    private Path out;

    @Option(names = "--quick", description = "Small numbers for all that is not given.")
    private boolean quick;

    /** Creates the command; picocli sets the options. */
    public RandomFeaturesCommand() {}

    @Override
    public void run() {
        int number = choose(seeds, 2, 3);
        OptionCheck.requirePositive("--seeds", number);
        FeatureProblem problem =
                new FeatureProblem(
                        choose(rows, 16, 64),
                        choose(columns, 32, 128),
                        choose(batch, 64, 256),
                        condition,
                        choose(steps, 60, 200));
        run(problem, number, out, System.out);
    }

    /** Runs what is not finished yet, then writes {@code table.md} and two pictures. */
    static void run(FeatureProblem problem, int seeds, Path directory, PrintStream out) {
        out.println("random-features " + problem + " --seeds " + seeds);
        Finished<Descent> finished = new Finished<>(directory.resolve("runs"), Descent.class);
        Map<String, List<Descent>> descents = new LinkedHashMap<>();
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (Descent.Descender descender : Descent.Descender.all()) {
                List<Descent> all = new ArrayList<>();
                for (int seed = 1; seed <= seeds; seed++) {
                    String name = descender.fileName() + "-seed" + seed;
                    Optional<Descent> before = finished.find(name, problem);
                    Descent descent =
                            before.isPresent()
                                    ? before.get()
                                    : Descent.run(problem, descender, seed, manager);
                    if (before.isEmpty()) {
                        finished.write(name, problem, descent);
                    }
                    String state = before.isEmpty() ? "done" : "finished before";
                    out.println(descender.name() + ", seed " + seed + ": " + state);
                    all.add(descent);
                }
                descents.put(descender.name(), all);
            }
        }
        FeatureReport report = new FeatureReport(problem, descents);
        report.table().forEach(out::println);
        Table.write(directory.resolve("table.md"), report.table());
        report.loss().save(directory.resolve("loss.png"));
        report.stepSizes().save(directory.resolve("step-size.png"));
        out.println("Results are in " + directory);
    }

    private int choose(Integer given, int small, int full) {
        if (given != null) {
            return given;
        }
        return quick ? small : full;
    }
}
