package io.github.djlspectral.examples.flow;

import static java.util.Objects.requireNonNullElse;

import io.github.djlspectral.examples.flow.FlowSettings.FlowDrift;
import io.github.djlspectral.examples.flow.FlowSettings.TokenStart;
import io.github.djlspectral.examples.flow.FlowSettings.WeightStart;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The command that simulates attention as a gradient flow. */
@Command(
        name = "flow",
        mixinStandardHelpOptions = true,
        usageHelpAutoWidth = true,
        sortOptions = false,
        description = {
            "Simulates attention as a gradient flow of tokens on the sphere, with moving weights:"
                    + " energy, slope, exact dissipation, and the identity between them, as CSV and"
                    + " PNG; the tokens as PNG and GIF on the circle and the sphere.",
            "Each path begins with tokens and weights of its own."
        })
public final class FlowCommand implements Runnable {

    private static final int RECORDS = 200;

    @Option(names = "--scaling", description = "Instead: slope against heads, with its exponent.")
    private boolean scaling;

    @Option(names = "--identity", description = "Instead: the identity's residual against steps.")
    private boolean identity;

    @Option(names = "--dimension", description = "d of S^(d-1); 2 and 3 are drawn. Default: 3.")
    private int dimension = 3;

    @Option(
            names = "--heads",
            split = ",",
            description = "Heads. Default: 4; with --scaling: 1,4,16,64; with --identity: 1,4,16.")
    private List<Integer> heads;

    @Option(
            names = "--tokens",
            description = "Tokens. Default: 64; with --scaling: 48; with --identity: 24.")
    private Integer tokens;

    @Option(
            names = "--time",
            description = "Time. Default: 10; with --scaling: 6; with --identity: 2.")
    private Double time;

    @Option(
            names = "--step",
            split = ",",
            description = "Step size. Default: 5e-3; with --identity: 1e-2,5e-3,2.5e-3,1.25e-3.")
    private List<Double> steps;

    @Option(
            names = "--drift",
            split = ",",
            paramLabel = "<oscillating|ou|frozen>",
            description =
                    "How weights move: towards rotating targets, Ornstein-Uhlenbeck, not at all."
                            + " Default: oscillating; with --scaling: ou,oscillating.")
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

    @Option(names = "--paths", description = "Independent paths. Default: 1; with --scaling: 4.")
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
        FlowSettings.require(!(scaling && identity), "--scaling", true, "without --identity");
        String range = "left out without --scaling";
        FlowSettings.require(scaling || seeds == null, "--seeds", seeds, range);
        boolean recorded = !scaling && !identity || recordEvery == null;
        range = "left out with --scaling and --identity";
        FlowSettings.require(recorded, "--record-every", recordEvery, range);
        if (identity) {
            List<Double> sizes = requireNonNullElse(steps, List.of(1e-2, 5e-3, 2.5e-3, 1.25e-3));
            FlowDrift drift = one("--drift", drifts, FlowDrift.OSCILLATING);
            FlowSettings base = settings(drift, 1, 24, 2, sizes.get(0), 1);
            List<Integer> numbers = requireNonNullElse(heads, List.of(1, 4, 16));
            FlowStudies.identity(base, numbers, sizes, out, System.out);
            return;
        }
        double step = one("--step", steps, 5e-3);
        if (scaling) {
            List<FlowDrift> all =
                    requireNonNullElse(drifts, List.of(FlowDrift.OU, FlowDrift.OSCILLATING));
            List<FlowSettings> bases =
                    all.stream().distinct().map(d -> settings(d, 1, 48, 6, step, 4)).toList();
            List<Integer> numbers = requireNonNullElse(heads, List.of(1, 4, 16, 64));
            FlowStudies.scaling(bases, numbers, requireNonNullElse(seeds, 2), out, System.out);
        } else {
            FlowDrift drift = one("--drift", drifts, FlowDrift.OSCILLATING);
            FlowSettings settings = settings(drift, one("--heads", heads, 4), 64, 10, step, 1);
            new FlowSimulation(settings).run(out, System.out);
        }
    }

    /** The options that are given, or else the values that the mode gives them. */
    private FlowSettings settings(
            FlowDrift drift, int h, int usualTokens, double usualTime, double step, int many) {
        double end = requireNonNullElse(time, usualTime);
        boolean ou = drift == FlowDrift.OU;
        int fewRecords = (int) Math.max(1, end / step / RECORDS);
        return new FlowSettings(
                dimension,
                h,
                requireNonNullElse(tokens, usualTokens),
                end,
                step,
                drift,
                requireNonNullElse(tokenStart, ou ? TokenStart.AXES : TokenStart.UNIFORM),
                requireNonNullElse(
                        weightStart, ou || identity ? WeightStart.NORMAL : WeightStart.DRIFT),
                requireNonNullElse(noise, drift.noise),
                requireNonNullElse(paths, many),
                seed,
                requireNonNullElse(recordEvery, fewRecords));
    }

    private static <T> T one(String option, List<T> given, T otherwise) {
        FlowSettings.require(given == null || given.size() == 1, option, given, "one value here");
        return given == null ? otherwise : given.get(0);
    }
}
