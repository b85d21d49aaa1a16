package io.github.djlspectral.examples.sweep;

import io.github.djlspectral.examples.data.BadInputException;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.data.CorpusLoader;
import io.github.djlspectral.examples.data.Tokenization;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The command that compares optimizers over learning rates and seeds. */
@Command(
        name = "sweep",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = {
            "Trains GPT-2 with every optimizer at several learning rates and seeds.",
            "Each run has a directory of its own in --out. Runs that are done are not repeated, so"
                    + " the same command goes on after Ctrl-C. Results: sweep.csv, sweep.md,"
                    + " rates.png, curves.png."
        })
public final class SweepCommand implements Runnable {

    @Option(
            names = "--quick",
            description =
                    "A model of 0.1M parameters on the CPU. Default: GPT-2 124M on a GPU, about"
                            + " a day and 1.2 GB of disk for each run.")
    private boolean quick;

    @Option(
            names = "--data",
            paramLabel = "<name|path|URL>",
            description = "As for train. Default: commons-lang if --quick, else fineweb-10b:2.")
    private String data;

    @Option(names = "--tokenizer", description = "One of ${COMPLETION-CANDIDATES}.")
    private Tokenization tokenizer;

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            description = "Where runs and results go. Default: runs/sweep.")
    private Path out = Path.of("runs", "sweep");

    @Option(names = "--seeds", description = "Seeds, counted from 1. Default: 3.")
    private int seeds = 3;

    @Option(
            names = "--jobs",
            description = "Runs at a time. Default: one per core if --quick, else 1.")
    private Integer jobs;

    @Option(
            names = "--only",
            paramLabel = "<regex>",
            description = "Optimizers to train, by a part of their label. Default: all.")
    private String only = "";

    @Parameters(
            paramLabel = "-- <option of train>",
            description = "Changes all runs, as in: sweep --quick -- --steps=100 --width=32")
    private List<String> trainOptions = new ArrayList<>();

    @Spec private CommandSpec spec;

    /** Creates the command; picocli sets the options. */
    public SweepCommand() {}

    @Override
    public void run() {
        int parallel = jobs == null ? defaultJobs() : jobs;
        if (parallel < 1) {
            throw new BadInputException("--jobs is " + jobs + ", but must be at least 1");
        }
        SweepPlan plan = (quick ? SweepSize.quick() : SweepSize.full()).withSeeds(seeds).only(only);
        plan = plan.with(given());
        List<Cell> cells = plan.cells(out);
        String title = plan.describe(loadData(plan));
        System.out.println(title);
        String mainClass = spec.root().userObject().getClass().getName();
        new Sweep(
                        cells,
                        new TrainProcess(mainClass),
                        parallel,
                        out.resolve("sweep.csv"),
                        System.out)
                .run()
                .ifPresent(results -> new SweepReport(title, results).write(out, System.out));
    }

    private int defaultJobs() {
        return quick ? Runtime.getRuntime().availableProcessors() : 1;
    }

    private TrainArguments given() {
        TrainArguments arguments = TrainArguments.parse(trainOptions);
        if (data != null) {
            arguments = arguments.plus("--data", data);
        }
        return tokenizer == null ? arguments : arguments.plus("--tokenizer", tokenizer);
    }

    /** Loads the data before the runs do: what is wrong with it is said once, and it is cached. */
    private static String loadData(SweepPlan plan) {
        Map<String, String> options = plan.common().values();
        Tokenization tokenization =
                Tokenization.valueOf(options.get("--tokenizer").toUpperCase(Locale.ROOT));
        CorpusLoader loader = new CorpusLoader(CorpusLoader.defaultCacheDirectory(), System.err);
        try (Corpus corpus = loader.load(options.get("--data"), tokenization)) {
            return corpus.description();
        }
    }
}
