package io.github.djlspectral.examples.features;

import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.examples.experiment.Finished;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Table;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.commons.math3.stat.StatUtils;
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
            description = "Largest to smallest variance of a feature. Default: 1000.")
    private double condition = 1000;

    @Option(names = "--seeds", description = "Number of seeds. Default: 3; quick: 2.")
    private Integer seeds;

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            description = "Where results are written. Default: runs/random-features.")
    private Path out = Path.of("runs", "random-features");

    @Option(names = "--quick", description = "Small numbers for all that is not given.")
    private boolean quick;

    @Override
    public void run() {
        int number = choose(seeds, 2, 3);
        OptionCheck.requirePositive("--seeds", number);
        Descent.Problem problem =
                new Descent.Problem(
                        choose(rows, 16, 64),
                        choose(columns, 32, 128),
                        choose(batch, 64, 256),
                        condition,
                        choose(steps, 60, 200));
        run(problem, number, out, System.out);
    }

    private int choose(Integer given, int small, int full) {
        return given != null ? given : Integer.valueOf(quick ? small : full);
    }

    /** Runs what is not finished yet, then writes {@code table.md} and two pictures. */
    static void run(Descent.Problem problem, int seeds, Path directory, PrintStream out) {
        out.println("random-features " + problem + " --seeds " + seeds);
        Finished<Descent> finished = new Finished<>(directory.resolve("runs"), Descent.class);
        Map<String, List<Descent>> descents = new LinkedHashMap<>();
        try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
            for (Descent.Descender descender : Descent.Descender.all()) {
                List<Descent> all = new ArrayList<>();
                for (int seed = 1; seed <= seeds; seed++) {
                    String name = descender.fileName() + "-seed" + seed;
                    Optional<Descent> before = finished.find(name, problem);
                    if (before.isEmpty()) {
                        Descent descent = Descent.run(problem, descender, seed, manager);
                        finished.write(name, problem, descent);
                    }
                    String state = before.isEmpty() ? "done" : "finished before";
                    out.println(descender.name() + ", seed " + seed + ": " + state);
                    all.add(finished.find(name, problem).orElseThrow());
                }
                descents.put(descender.name(), all);
            }
        }
        List<String> table = table(descents);
        table.forEach(out::println);
        Table.write(directory.resolve("table.md"), table);
        draw(problem.description(), descents, directory);
        out.println("Results are in " + directory);
    }

    /**
     * Means over the seeds with the least and largest. The last three columns are coefficients of
     * variation over steps. A best step size t depends on the length of the direction D: a spectral
     * map's is constant, a gradient's falls with the loss. For the directions of steepest descent
     * it does not.
     */
    private static List<String> table(Map<String, List<Descent>> descents) {
        Table table =
                new Table(
                        "optimizer",
                        "loss left",
                        "variation of the best step of steepest descent",
                        "the same about its trend",
                        "variation of the best step of D");
        descents.forEach(
                (name, all) ->
                        table.add(
                                name,
                                Stats.cell("%.2e", all, Descent::remainingLoss),
                                Stats.cell("%.2f", all, d -> variation(d.steepestStepSizes())),
                                Stats.cell("%.3f", all, d -> aboutTrend(d.steepestStepSizes())),
                                Stats.cell("%.2f", all, d -> variation(d.stepSizes()))));
        return table.markdown();
    }

    /**
     * Draws, over steps, what is left of the loss, every seed, and the best step sizes of steepest
     * descent as multiples of their median, the first seed's.
     */
    private static void draw(String problem, Map<String, List<Descent>> descents, Path directory) {
        String title = "Loss under exact line search, " + problem;
        Plot loss = new Plot(title, "step", "loss / first loss").logY();
        Plot sizes = new Plot("Best step size, " + problem, "step", "best step size / its median");
        descents.forEach(
                (name, all) -> {
                    for (Descent descent : all) {
                        double[] y = descent.points().stream().mapToDouble(p -> p.loss()).toArray();
                        loss.add(name, Plot.Style.LINE, 0, divided(y, y[0]));
                    }
                    double[] y = all.get(0).steepestStepSizes();
                    double median = y.length == 0 ? 1 : Stats.median(y);
                    sizes.add(name, Plot.Style.LINE, 1, divided(y, median));
                });
        loss.save(directory.resolve("loss.png"));
        sizes.logY().save(directory.resolve("step-size.png"));
    }

    private static double[] divided(double[] values, double by) {
        return Arrays.stream(values).map(value -> value / by).toArray();
    }

    /** Returns the coefficient of variation, standard deviation / mean; NaN of no values. */
    static double variation(double... values) {
        double deviation = Math.sqrt(StatUtils.populationVariance(values));
        return deviation / Math.abs(StatUtils.mean(values));
    }

    /**
     * Returns the coefficient of variation about the trend: a value's logarithm is compared with
     * the mean of its neighbours', which an exponential trend does not change. The root mean square
     * of these differences is divided by sqrt(3/2), so that independent values of standard
     * deviation sigma about a smooth trend give sigma. NaN for less than 3 values.
     */
    static double aboutTrend(double... values) {
        double[] logs = Arrays.stream(values).map(v -> Math.log(Math.abs(v))).toArray();
        double sum = 0;
        for (int i = 1; i < logs.length - 1; i++) {
            double difference = logs[i] - (logs[i - 1] + logs[i + 1]) / 2;
            sum += difference * difference;
        }
        return logs.length < 3 ? Double.NaN : Math.sqrt(sum / (logs.length - 2) / 1.5);
    }
}
