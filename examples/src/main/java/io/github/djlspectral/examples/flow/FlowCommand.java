package io.github.djlspectral.examples.flow;

import static java.util.Objects.requireNonNullElse;

import io.github.djlspectral.examples.flow.FlowSettings.FlowDrift;
import io.github.djlspectral.examples.flow.FlowSettings.TokenStart;
import io.github.djlspectral.examples.flow.FlowSettings.WeightStart;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command that simulates attention as a gradient flow. */
@Command(
        name = "flow",
        description = {
            "Simulates attention as a gradient flow of tokens on the sphere, with moving weights:"
                    + " energy, slope, exact dissipation, and the identity between them, as CSV and"
                    + " PNG; the tokens as PNG and GIF on the circle and the sphere.",
            "Each path begins with tokens and weights of its own.",
            "Defaults of --heads; --tokens; --time; --step; --paths:",
            "  4; 64; 10; 5e-3; 1",
            "  with --scaling: 1,4,16,64; 48; 6; 5e-3; 4",
            "  with --identity: 1,4,16; 24; 2; 1e-2,5e-3,2.5e-3,1.25e-3; 1",
            "  with --convergence: 1,4; 6; 100; 0.02; 4",
            "  with --stability: 1,4; 24; 16; 0.01; 4"
        })
public final class FlowCommand implements Runnable {

    /** What is simulated, and the usual values for it; so many records of a path. */
    private record Study(
            String option,
            List<Integer> heads,
            int tokens,
            double time,
            List<Double> steps,
            int paths,
            int records) {}

    private static final Study ONE = new Study("", List.of(4), 64, 10, List.of(5e-3), 1, 200);
    private static final Study SCALING =
            new Study("--scaling", List.of(1, 4, 16, 64), 48, 6, List.of(5e-3), 4, 200);
    private static final List<Double> HALVED = List.of(1e-2, 5e-3, 2.5e-3, 1.25e-3);
    private static final Study IDENTITY =
            new Study("--identity", List.of(1, 4, 16), 24, 2, HALVED, 1, 200);
    private static final Study CONVERGENCE =
            new Study("--convergence", List.of(1, 4), 6, 100, List.of(0.02), 4, 100);
    private static final Study STABILITY =
            new Study("--stability", List.of(1, 4), 24, 16, List.of(0.01), 4, 4);

    @Option(names = "--scaling", description = "Instead: slope against heads, with its exponent.")
    private boolean scaling;

    @Option(names = "--identity", description = "Instead: the identity's residual against steps.")
    private boolean identity;

    @Option(names = "--convergence", description = "Instead: does it rest, by the weights' speed?")
    private boolean convergence;

    @Option(names = "--stability", description = "Instead: effects of other tokens and weights.")
    private boolean stability;

    @Option(names = "--dimension", description = "d of S^(d-1); 2 and 3 are drawn. Default: 3.")
    private int dimension = 3;

    @Option(names = "--heads", split = ",", description = "Heads; several for the studies.")
    private List<Integer> heads;

    @Option(names = "--tokens", description = "Tokens.")
    private Integer tokens;

    @Option(names = "--time", description = "Time, a multiple of the step size.")
    private Double time;

    @Option(names = "--step", split = ",", description = "Step size; several for --identity.")
    private List<Double> steps;

    @Option(
            names = "--drift",
            split = ",",
            paramLabel = "<oscillating|ou|frozen>",
            description =
                    "How weights move: towards rotating targets, Ornstein-Uhlenbeck, not at all."
                            + " Default: oscillating; with --scaling: ou,oscillating. Not with"
                            + " --convergence.")
    private List<FlowDrift> drifts;

    @Option(
            names = "--start-tokens",
            paramLabel = "<uniform|axes>",
            description = "Uniform, or near the axes. Default: axes for ou, else uniform.")
    private TokenStart tokenStart;

    @Option(
            names = "--start-weights",
            paramLabel = "<drift|normal>",
            description =
                    "drift: at the targets if oscillating, else identity plus noise; normal:"
                            + " symmetric, of standard deviation 2. Default: normal for ou and"
                            + " with --identity, else drift.")
    private WeightStart weightStart;

    @Option(
            names = "--noise",
            description = "Variance of the weights' noise. Default: 2 for ou, else 0.")
    private Double noise;

    @Option(names = "--paths", description = "Independent paths.")
    private Integer paths;

    @Option(names = "--seed", description = "Equal seeds give equal results. Default: 42.")
    private long seed = 42;

    @Option(names = "--seeds", description = "With --scaling: seeds from --seed on. Default: 2.")
    private Integer seeds;

    @Option(
            names = "--record-every",
            description = "Steps between rows and pictures. Default: for some 200 of them.")
    private Integer recordEvery;

    @Option(names = "--out", paramLabel = "<dir>", description = "Folder. Default: runs/flow.")
    private Path out = Path.of("runs", "flow");

    /** Creates the command; picocli sets the options. */
    public FlowCommand() {}

    @Override
    public void run() {
        Study study = study();
        List<Integer> numbers = requireNonNullElse(heads, study.heads);
        List<Double> sizes = requireNonNullElse(steps, study.steps);
        double step = study == IDENTITY ? sizes.get(0) : one("--step", sizes);
        if (study == SCALING) {
            List<FlowDrift> usual = List.of(FlowDrift.OU, FlowDrift.OSCILLATING);
            List<FlowSettings> bases =
                    requireNonNullElse(drifts, usual).stream()
                            .distinct()
                            .map(drift -> settings(study, drift, 1, step))
                            .toList();
            FlowStudies.scaling(bases, numbers, requireNonNullElse(seeds, 2), out, System.out);
            return;
        }
        // the convergence study moves weights in ways of its own, around those of frozen ones
        FlowDrift usual = convergence ? FlowDrift.FROZEN : FlowDrift.OSCILLATING;
        FlowDrift drift = one("--drift", requireNonNullElse(drifts, List.of(usual)));
        List<FlowSettings> bases =
                numbers.stream().distinct().map(h -> settings(study, drift, h, step)).toList();
        if (identity) {
            FlowStudies.identity(bases.get(0), numbers, sizes, out, System.out);
        } else if (convergence) {
            FlowLimits.convergence(bases, out, System.out);
        } else if (stability) {
            FlowLimits.stability(bases, out, System.out);
        } else {
            one("--heads", numbers);
            new FlowSimulation(bases.get(0)).run(out, System.out);
        }
    }

    private Study study() {
        Study[] all = {SCALING, IDENTITY, CONVERGENCE, STABILITY};
        boolean[] set = {scaling, identity, convergence, stability};
        List<Study> given =
                IntStream.range(0, set.length).filter(i -> set[i]).mapToObj(i -> all[i]).toList();
        if (given.size() > 1) {
            String range = "without " + given.get(1).option;
            FlowSettings.require(false, given.get(0).option, true, range);
        }
        Study study = given.isEmpty() ? ONE : given.get(0);
        String range = "left out without --scaling";
        FlowSettings.require(scaling || seeds == null, "--seeds", seeds, range);
        range = "left out with " + study.option;
        boolean recorded = study == ONE || recordEvery == null;
        FlowSettings.require(recorded, "--record-every", recordEvery, range);
        FlowSettings.require(!convergence || drifts == null, "--drift", drifts, range);
        FlowSettings.require(!convergence || noise == null, "--noise", noise, range);
        return study;
    }

    /** The options that are given, or else the values that are usual. */
    private FlowSettings settings(Study study, FlowDrift drift, int h, double step) {
        double end = requireNonNullElse(time, study.time);
        boolean ou = drift == FlowDrift.OU;
        boolean normal = ou || study == IDENTITY;
        int fewRecords = (int) Math.max(1, end / step / study.records);
        return new FlowSettings(
                dimension,
                h,
                requireNonNullElse(tokens, study.tokens),
                end,
                step,
                drift,
                requireNonNullElse(tokenStart, ou ? TokenStart.AXES : TokenStart.UNIFORM),
                requireNonNullElse(weightStart, normal ? WeightStart.NORMAL : WeightStart.DRIFT),
                requireNonNullElse(noise, drift.noise),
                requireNonNullElse(paths, study.paths),
                seed,
                requireNonNullElse(recordEvery, fewRecords));
    }

    private static <T> T one(String option, List<T> values) {
        FlowSettings.require(values.size() == 1, option, values, "one value here");
        return values.get(0);
    }
}
