package io.github.djlspectral.examples.flow;

import static java.util.Objects.requireNonNullElse;

import io.github.djlspectral.examples.flow.FlowSettings.FlowDrift;
import io.github.djlspectral.examples.flow.FlowSettings.TokenStart;
import io.github.djlspectral.examples.flow.FlowSettings.WeightStart;
import java.nio.file.Path;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
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

    @Option(names = "--convergence", description = "Instead: slope and distance to rest by time.")
    private boolean convergence;

    @Option(
            names = "--stability",
            description = "Instead: what perturbed tokens or weights change.")
    private boolean stability;

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
        String[] names = {"--scaling", "--identity", "--convergence", "--stability"};
        boolean[] set = {scaling, identity, convergence, stability};
        int[] given = IntStream.range(0, names.length).filter(i -> set[i]).toArray();
        if (given.length > 1) {
            FlowSettings.require(false, names[given[0]], true, "without " + names[given[1]]);
        }
        String study = given.length == 0 ? "" : names[given[0]];
        String range = "left out without --scaling";
        FlowSettings.require(scaling || seeds == null, "--seeds", seeds, range);
        range = "left out with " + study;
        boolean recorded = study.isEmpty() || recordEvery == null;
        FlowSettings.require(recorded, "--record-every", recordEvery, range);
        FlowSettings.require(!convergence || drifts == null, "--drift", drifts, range);
        FlowSettings.require(!convergence || noise == null, "--noise", noise, range);
        List<FlowDrift> all =
                requireNonNullElse(drifts, List.of(FlowDrift.OU, FlowDrift.OSCILLATING));
        FlowDrift drift = scaling ? null : one("--drift", drifts, FlowDrift.OSCILLATING);
        List<Double> sizes = requireNonNullElse(steps, List.of(1e-2, 5e-3, 2.5e-3, 1.25e-3));
        double usualStep = convergence ? 0.02 : stability ? 0.01 : 5e-3;
        double step = identity ? sizes.get(0) : one("--step", steps, usualStep);
        switch (study) {
            case "--identity" -> {
                List<Integer> numbers = requireNonNullElse(heads, List.of(1, 4, 16));
                FlowSettings base = settings(drift, 1, 24, 2, step, 1, RECORDS);
                FlowStudies.identity(base, numbers, sizes, out, System.out);
            }
            case "--scaling" -> {
                List<Integer> numbers = requireNonNullElse(heads, List.of(1, 4, 16, 64));
                List<FlowSettings> bases =
                        all.stream()
                                .distinct()
                                .map(each -> settings(each, 1, 48, 6, step, 4, RECORDS))
                                .toList();
                FlowStudies.scaling(bases, numbers, requireNonNullElse(seeds, 2), out, System.out);
            }
            case "--convergence" ->
                    FlowLimits.convergence(
                            ofHeads(h -> settings(FlowDrift.FROZEN, h, 6, 100, step, 4, 100)),
                            out,
                            System.out);
            case "--stability" ->
                    FlowLimits.stability(
                            ofHeads(h -> settings(drift, h, 24, 16, step, 4, 4)), out, System.out);
            default -> {
                int h = one("--heads", heads, 4);
                FlowSettings settings = settings(drift, h, 64, 10, step, 1, RECORDS);
                new FlowSimulation(settings).run(out, System.out);
            }
        }
    }

    private List<FlowSettings> ofHeads(IntFunction<FlowSettings> settings) {
        List<Integer> numbers = requireNonNullElse(heads, List.of(1, 4));
        return numbers.stream().distinct().map(settings::apply).toList();
    }

    /** The options that are given, or else the values that the mode gives them. */
    private FlowSettings settings(
            FlowDrift drift,
            int h,
            int usualTokens,
            double usualTime,
            double step,
            int many,
            int records) {
        double end = requireNonNullElse(time, usualTime);
        boolean ou = drift == FlowDrift.OU;
        int fewRecords = (int) Math.max(1, end / step / records);
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
