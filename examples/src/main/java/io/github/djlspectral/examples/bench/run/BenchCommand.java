package io.github.djlspectral.examples.bench.run;

import io.github.djlspectral.examples.bench.Suite;
import io.github.djlspectral.examples.bench.report.Comparison;
import io.github.djlspectral.examples.bench.report.MachineDescription;
import io.github.djlspectral.examples.bench.report.Report;
import io.github.djlspectral.examples.bench.report.Results;
import io.github.djlspectral.examples.bench.report.ResultsFile;
import io.github.djlspectral.examples.data.OptionCheck;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.text.BadInputException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.LocalDateTime;
import java.time.temporal.ChronoUnit;
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
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
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

    @Option(
            names = "--rounds",
            defaultValue = "3",
            description = "How often to measure everything. Default: ${DEFAULT-VALUE}.")
    private int rounds;

    @Option(
            names = "--quick",
            description = "A look in minutes: fewer subjects, two short iterations each.")
    private boolean quick;

    @Option(
            names = "--threads",
            description = "Threads of a native operation, here and in Python. Default: PyTorch's.")
    private Integer threads;

    @Option(
            names = "--python",
            paramLabel = "<file>",
            defaultValue = "python3",
            description = "A Python that has torch, or 'none'. Default: ${DEFAULT-VALUE}.")
    private String python;

    @Option(
            names = "--out",
            paramLabel = "<dir>",
            defaultValue = "runs/bench",
            description = "Where results go. Default: ${DEFAULT-VALUE}.")
    private Path out;

    @Option(
            names = "--resume",
            description =
                    "Measures what the results in --out lack, after Ctrl-C or with more"
                            + " --rounds or --suite.")
    private boolean resume;

    @Option(
            names = "--compare",
            paramLabel = "<json>",
            description = {
                "Older results: prints a table, also to compare.md in --out.",
                "Worse: at least 5%% more, and beyond the noise between rounds."
            })
    private Path compare;

    @Option(
            names = "--report-only",
            description = "Makes the report of what --out has, and the comparison.")
    private boolean reportOnly;

    @Option(names = "--list", description = "Prints what would be measured.")
    private boolean list;

    @Spec private CommandSpec spec;

    /** Creates the command; picocli sets the options. */
    public BenchCommand() {}

    @Override
    public Integer call() {
        check();
        Results old = compare == null ? null : ResultsFile.read(compare);
        if (reportOnly) {
            return report(read(), old);
        }
        if (threads == null) {
            threads = Integer.getInteger(Machine.THREADS);
        } else {
            System.setProperty(Machine.THREADS, threads.toString()); // for this process's product
        }
        Plan.Choice choice = new Plan.Choice(suites, Pattern.compile(only), quick, threads, python);
        try (PrintStream log = log();
                Plan plan = new Plan(choice, log)) {
            if (list) {
                plan.contestants().forEach(contestant -> System.out.println(contestant.key()));
                return 0;
            }
            Results known = known(plan.peer());
            known.machine().warnings().forEach(System.out::println);
            known.notes().forEach(System.out::println);
            return report(new Session(plan.contestants(), known, out, System.out).run(rounds), old);
        }
    }

    /** Opens the file that gets what JMH prints, which nobody needs unless something fails. */
    private PrintStream log() {
        if (list) {
            return new PrintStream(OutputStream.nullOutputStream());
        }
        try {
            Files.createDirectories(out);
            return new PrintStream(
                    Files.newOutputStream(
                            out.resolve("jmh.log"),
                            StandardOpenOption.CREATE,
                            StandardOpenOption.APPEND),
                    true,
                    StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "Cannot write to " + out + " (" + e + "); choose another --out", e);
        }
    }

    /** Returns what is known before anything is measured. */
    private Results known(PythonPeer peer) {
        MachineDescription machine = Machine.describe(peer.versions());
        List<String> arguments = spec.commandLine().getParseResult().originalArgs();
        Results now =
                new Results(
                        machine,
                        LocalDateTime.now().truncatedTo(ChronoUnit.MINUTES).toString(),
                        quick,
                        String.join(" ", arguments),
                        peer.note().stream().toList(),
                        List.of(),
                        List.of());
        return resume && Files.exists(Session.file(out)) ? read().resume(now) : now;
    }

    /** Reads results, to be compared with whom this program compares now. */
    private Results read() {
        PrintStream silent = new PrintStream(OutputStream.nullOutputStream());
        return ResultsFile.read(Session.file(out))
                .against(new JmhCatalog(new JmhSettings(false, List.of(), silent)).rivals());
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
        if (threads != null) {
            OptionCheck.requirePositive("--threads", threads);
        }
        try {
            Pattern.compile(only);
        } catch (PatternSyntaxException e) {
            throw new BadInputException(
                    "--only is " + only + ", but must be a regular expression", e);
        }
        if (!resume && !reportOnly && !list && Files.exists(Session.file(out))) {
            throw new BadInputException(
                    out + " has results already: add --resume, or choose another --out");
        }
    }
}
