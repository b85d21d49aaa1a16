package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.text.BadInputException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
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

    @Mixin private ExperimentOptions experiment = new ExperimentOptions();

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
            names = "--only",
            paramLabel = "<regex>",
            description = "Optimizers to train, by a part of their label. Default: all.")
    private String only = "";

    @Spec private CommandSpec spec;

    /** Creates the command; picocli sets the options. */
    public SweepCommand() {}

    @Override
    public void run() {
        int parallel = jobs == null ? defaultJobs() : jobs;
        int cores = Runtime.getRuntime().availableProcessors();
        BadInputException.unless( // more would get in each other's way
                parallel >= 1 && parallel <= cores,
                "--jobs is %s, but must be at least 1, at most the %s cores",
                jobs,
                cores);
        SweepPlan size = experiment.quick() ? Experiments.quickSweep() : Experiments.fullSweep();
        if (!widths.isEmpty()) {
            size = Experiments.transfer(size, widths);
        }
        SweepPlan plan = size.withSeeds(seeds).only(only).with(experiment.given());
        List<Cell> cells = plan.tuning(out);
        String setting = plan.describe(describeData(plan));
        System.out.println(setting);
        String main = spec.root().userObject().getClass().getName();
        Function<List<Cell>, Optional<SweepResults>> runs =
                all -> new Sweep(all, main, parallel, out.resolve("sweep.csv"), System.out).run();
        runs.apply(cells)
                .flatMap(
                        tuned -> {
                            List<Cell> all = new ArrayList<>(cells);
                            all.addAll(plan.tests(out, tuned));
                            return runs.apply(all);
                        })
                .ifPresent(results -> new SweepReport(setting, results).write(out, System.out));
    }

    private int defaultJobs() {
        return experiment.quick() ? Runtime.getRuntime().availableProcessors() : 1;
    }

    /** Loads the data before the runs do: what is wrong with it is said once, and it is cached. */
    private static String describeData(SweepPlan plan) {
        CorpusLoader loader = new CorpusLoader(CorpusLoader.defaultCacheDirectory(), System.err);
        try (Corpus corpus = ExperimentOptions.load(plan.common(), loader)) {
            return corpus.description();
        }
    }
}
