package io.github.djlspectral.examples.bench;

import io.github.djlspectral.examples.bench.Results.Measurement;
import io.github.djlspectral.examples.bench.Suite.Key;
import io.github.djlspectral.examples.bench.TorchTask.Listing;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.text.BadInputException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command that runs the benchmarks. */
@Command(
        name = "bench",
        description = {
            "Measures optimizers, GPT-2 and isometric layers against what you could use instead:"
                    + " array operations, DJL's own, and PyTorch in Python if that has torch.",
            "Every round runs each contender in a process of its own, those of one subject one"
                    + " after the other, every second round from the last to the first.",
            "Results: bench.json with all samples, bench.md, pictures.",
            "Exit code 1 if something failed, or got worse than in --compare."
        })
public final class BenchCommand implements Callable<Integer> {

    @Option(
            names = "--suite",
            split = ",",
            description = "What to measure: ${COMPLETION-CANDIDATES}. Default: all.")
    private List<Suite> suites = List.of(Suite.values());

    @Option(
            names = "--only",
            paramLabel = "<regex>",
            description = {
                "Measures what has this in its name; --list has the names.",
                "Such as 768x3072, torch, OptimizerStep, or 'step: (ours|PyTorch)'."
            })
    private String only = "";

    @Option(names = "--rounds", description = "How often to measure. Default: ${DEFAULT-VALUE}.")
    private int rounds = 3;

    @Option(names = "--quick", description = "A look in minutes: few subjects and iterations.")
    private boolean quick;

    @Option(
            names = "--threads",
            description = "Threads of a native operation, here and in Python. Default: PyTorch's.")
    private Integer threads;

    @Option(
            names = "--python",
            paramLabel = "<file>",
            description = "A Python that has torch, or 'none'. Default: ${DEFAULT-VALUE}.")
    private String python = "python3";

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            description = "Where results go. Default: ${DEFAULT-VALUE}.")
    private Path out = Path.of("runs/bench");

    @Option(
            names = "--resume",
            description = "Measures what --out lacks, after Ctrl-C or for more --rounds, --suite.")
    private boolean resume;

    @Option(
            names = "--compare",
            paramLabel = "<json>",
            description = {
                "Older results: prints a table, also to compare.md in --out.",
                "Worse: at least 5%% more, and beyond the noise between rounds."
            })
    private Path compare;

    @Option(names = "--report-only", description = "Reports and compares what --out has.")
    private boolean reportOnly;

    @Option(names = "--list", description = "Prints what would be measured.")
    private boolean list;

    @Spec private CommandSpec spec;

    /** Creates the command; picocli sets the options. */
    public BenchCommand() {}

    @Override
    public Integer call() {
        check();
        Results old = compare == null ? null : Results.read(compare);
        if (reportOnly) {
            return report(Results.read(Results.file(out)), old);
        }
        // For this process's product, and for all that it starts.
        System.setProperty(TorchTask.PYTHON, python);
        if (threads != null) {
            System.setProperty(Machine.THREADS, threads.toString());
        }
        boolean none = python.equals("none");
        Listing peer = none ? Listing.skipped("--python none") : TorchTask.list(python);
        List<Key> keys = Rounds.keys(quick, suites, Pattern.compile(only), peer.keys());
        BadInputException.unless(
                !keys.isEmpty(),
                "--only is %s, which nothing in --suite %s has in its name; see --list",
                only,
                suites);
        if (list) {
            keys.forEach(System.out::println);
            return 0;
        }
        Results results = known(peer);
        results.machine().warnings().forEach(System.out::println);
        results.notes().forEach(System.out::println);
        try (PrintStream log = log()) {
            Rounds session = new Rounds(keys, results, out, System.out);
            boolean done = session.run(rounds, (k, round) -> Rounds.measure(quick, log, k, round));
            return done ? report(results, old) : 1;
        }
    }

    private PrintStream log() {
        try {
            Files.createDirectories(out);
            OutputStream file = new FileOutputStream(out.resolve("jmh.log").toFile(), true);
            return new PrintStream(file, true, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "Cannot write to " + out + " (" + e + "); choose another --out", e);
        }
    }

    private Results known(Listing peer) {
        Machine machine = Machine.here(peer.versions());
        String date = LocalDateTime.now().truncatedTo(ChronoUnit.MINUTES).toString();
        String options = String.join(" ", spec.commandLine().getParseResult().originalArgs());
        List<Double> rates = new ArrayList<>();
        List<Measurement> none = new ArrayList<>();
        Results now = new Results(machine, date, quick, options, peer.notes(), rates, none);
        Path file = Results.file(out);
        return resume && Files.exists(file) ? Results.read(file).resume(now) : now;
    }

    private int report(Results results, Results old) {
        Report report = new Report(results);
        report.write(out);
        report.lines().forEach(System.out::println);
        boolean worse = false;
        if (old != null) {
            Comparison comparison = new Comparison(old, results);
            Table.write(out.resolve("compare.md"), comparison.lines());
            System.out.println();
            comparison.lines().forEach(System.out::println);
            worse = comparison.hasRegressions();
        }
        System.out.println("Results are in " + out);
        return worse || results.hasFailures() ? 1 : 0;
    }

    private void check() {
        OptionCheck.requirePositive("--rounds", rounds);
        OptionCheck.requirePositive("--threads", threads == null ? 1 : threads);
        try {
            Pattern.compile(only);
        } catch (PatternSyntaxException e) {
            throw new BadInputException(
                    "--only is " + only + ", but must be a regular expression", e);
        }
        BadInputException.unless(
                resume || reportOnly || list || !Files.exists(Results.file(out)),
                "%s has results already: add --resume, or choose another --out",
                out);
    }
}
