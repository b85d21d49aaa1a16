package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.gpt.SparkOptions;
import io.github.djlspectral.examples.sweep.SweepPlan.Cell;
import io.github.djlspectral.text.BadInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command that compares optimizers over learning rates and seeds. */
@Command(
        name = "sweep",
        description = {
            "Trains GPT-2 with every optimizer at several learning rates, and at the best of them"
                    + " with other seeds: SGD (Freon with c = 0), TruncatedSGD, Muon, Kaon, Freon,"
                    + " NorMuon and SOAP, each for the hidden matrices with the same AdamW for the"
                    + " rest, and AdamW.",
            "Each run has a directory of its own in --out, of about 1.2 GB at full size. Runs that"
                    + " are done are not repeated, so the same command goes on after Ctrl-C."
                    + " Results: sweep.csv, sweep.md, rates.png, curves.png."
        })
public final class SweepCommand implements Runnable {

    @Mixin private TrainArguments.Given given = new TrainArguments.Given();

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            description = "Where runs and results go. Default: runs/sweep.")
    private Path out = Path.of("runs", "sweep");

    @Option(
            names = "--seeds",
            description =
                    "Seeds, counted from 1, that test the learning rates which seed 0 has chosen."
                            + " Default: 3.")
    private int seeds = 3;

    @Option(
            names = "--widths",
            split = ",",
            paramLabel = "<n>",
            description =
                    "Instead compares how learning rates carry over from width to width, of AdamW,"
                            + " of Muon with each update scale and on a sphere; multiples of 32, as"
                            + " in 64,128,256.")
    private List<Integer> widths = new ArrayList<>();

    @Option(
            names = "--jobs",
            description = "Runs at a time, at most one per core. Default: that if --quick, else 1.")
    private Integer jobs;

    @Option(
            names = "--spark",
            paramLabel = "<master>",
            description =
                    "Train on Spark, as for train, with a run per executor at a time. All machines"
                            + " must reach --out, and a path in --data.")
    private String spark;

    @Option(
            names = "--only",
            paramLabel = "<regex>",
            description = "Optimizers to train, by a part of their label. Default: all.")
    private String only = "";

    @Spec private CommandSpec spec;

    @Override
    public void run() {
        if (spark != null) {
            SparkOptions.requireUsable(spark);
            String rule = "--jobs is %s, but must be left out with --spark, which decides it";
            BadInputException.unless(jobs == null, rule, jobs);
        }
        int cores = Runtime.getRuntime().availableProcessors();
        jobs = jobs != null ? jobs : Integer.valueOf(given.quick ? cores : 1);
        String range = "--jobs is %s, but must be at least 1, at most the %s cores";
        boolean legal = jobs >= 1 && jobs <= cores; // more would get in each other's way
        BadInputException.unless(legal, range, jobs, cores);
        SweepPlan size =
                widths.isEmpty()
                        ? SweepPlan.of(given.quick, seeds)
                        : SweepPlan.transfer(given.quick, widths, seeds);
        SweepPlan plan = size.only(only).with(given.arguments());
        List<Cell> cells = plan.tuning(out);
        String setting;
        // What is wrong with the data is said once, before the runs load it, and it is cached.
        try (Corpus corpus = plan.common().load()) {
            setting = plan.describe(corpus.description());
        }
        System.out.println(setting);
        try (SparkRuns runs = spark == null ? null : new SparkRuns(spark)) {
            Optional<SweepResults> tuned = train(cells, runs);
            if (tuned.isPresent()) {
                cells.addAll(plan.tests(out, tuned.get()));
                train(cells, runs).ifPresent(all -> all.report(setting, out, System.out));
            }
        }
    }

    private Optional<SweepResults> train(List<Cell> cells, SparkRuns runs) {
        String main = spec.root().userObject().getClass().getName();
        return new Sweep(cells, runs, main, jobs, out.resolve("sweep.csv"), System.out).run();
    }
}
