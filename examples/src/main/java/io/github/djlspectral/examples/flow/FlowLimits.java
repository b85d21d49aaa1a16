package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import io.github.djlspectral.examples.experiment.Plot;
import io.github.djlspectral.examples.experiment.Stats;
import io.github.djlspectral.examples.experiment.Stats.PowerLaw;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.examples.flow.FlowSettings.FlowDrift;
import io.github.djlspectral.layers.flow.Drift;
import io.github.djlspectral.layers.flow.FlowRecord;
import io.github.djlspectral.layers.flow.FlowSimulator;
import io.github.djlspectral.torch.Host;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.BiFunction;
import java.util.function.DoubleConsumer;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntToDoubleFunction;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** The flow after a long time, and under small perturbations: two studies. */
final class FlowLimits {

    private static final double[] SIZES = {1e-1, 1e-2, 1e-3, 1e-4};
    private static final int SAMPLES = 200;
    private static final double AT_REST = 1e-20;
    private static final int PATIENCE = 5;

    private FlowLimits() {}

    /** The factor a(t) of weights {@code D + a(t) (B - D)}, which begin at B. */
    enum Motion {
        EXPONENTIAL("exp(-t)", true, t -> Math.exp(-t)),
        POWER("1/(1+t)", true, t -> 1 / (1 + t)),
        /** Its speed falls, but like 1/t, which is not integrable: the weights have no limit. */
        SLOWING("cos(log(1+t))", false, t -> Math.cos(Math.log1p(t))),
        OSCILLATING("cos(t)", false, Math::cos);

        private final String formula;
        private final boolean integrable;
        private final DoubleUnaryOperator factor;

        Motion(String formula, boolean integrable, DoubleUnaryOperator factor) {
            this.formula = formula;
            this.integrable = integrable;
            this.factor = factor;
        }
    }

    /** Measures each path, with a random source of its own. */
    private static <R> List<R> ofPaths(
            FlowSettings s,
            DoubleConsumer progress,
            BiFunction<NDManager, SplittableRandom, R> measure) {
        SplittableRandom seeds = new SplittableRandom(s.seed());
        List<R> results = new ArrayList<>();
        for (int p = 0; p < s.paths(); p++) {
            try (NDManager manager = NDManager.newBaseManager("PyTorch")) {
                results.add(measure.apply(manager, new SplittableRandom(seeds.nextLong())));
            }
            progress.accept(1);
        }
        return results;
    }

    /**
     * Does the flow come to rest, and at a critical point of the energy? With weights whose speed
     * is integrable over all times, and with others.
     */
    static void convergence(List<FlowSettings> bases, Path directory, PrintStream out) {
        Table csv = new Table("heads,a,path,time,slope,gradient,distance".split(","));
        String columns =
                "heads,a(t),speed,slope after T/2,gradient after T/2,distance at T/10,at T";
        Table table = new Table(columns.split(","));
        List<Plot> plots = new ArrayList<>();
        double work = bases.stream().mapToInt(s -> s.paths() * Motion.values().length).sum();
        DoubleConsumer progress = FlowStudies.telling(out, work);
        for (FlowSettings s : bases) {
            List<Plot> panels =
                    Stream.of("Slope G\u00b2", "Gradient of the energy", "Distance W2 to rest")
                            .map(title -> new Plot(title + ", H = " + s.heads(), "t", ""))
                            .map(plot -> plot.logX().logY())
                            .toList();
            for (Motion motion : Motion.values()) {
                List<double[][]> paths = ofPaths(s, progress, (m, r) -> follow(s, motion, m, r));
                for (int p = 0; p < paths.size(); p++) {
                    double[][] y = paths.get(p);
                    double[] time = y[0];
                    panels.get(0).add(motion.formula, Plot.Style.LINE, time, y[1]);
                    panels.get(1).add(motion.formula, Plot.Style.LINE, time, y[2]);
                    panels.get(2).add(motion.formula, Plot.Style.MARKED, time, y[3]);
                    for (int i = 0; i < time.length; i++) {
                        double[] now = {time[i], y[1][i], y[2][i], y[3][i]};
                        csv.add(s.heads(), motion.formula, p + 1, now[0], now[1], now[2], now[3]);
                    }
                }
                int last = paths.get(0)[0].length - 1;
                table.add(
                        s.heads(),
                        motion.formula,
                        motion.integrable ? "integrable" : "not",
                        Stats.cell("%.1e", paths, y -> late(y[1])),
                        Stats.cell("%.1e", paths, y -> late(y[2])),
                        Stats.cell("%.1e", paths, y -> y[3][last / 10]),
                        Stats.cell("%.1e", paths, y -> y[3][last]));
            }
            plots.addAll(panels);
        }
        FlowStudies.write(directory, "convergence", csv, table, plots, out);
    }

    private static double late(double[] values) {
        return Arrays.stream(values).skip(values.length / 2).max().orElseThrow();
    }

    private static double[][] follow(
            FlowSettings s, Motion motion, NDManager manager, SplittableRandom random) {
        NDArray tokens = s.tokens(manager, random);
        NDArray limit = s.weights(manager, random);
        return follow(s, motion, tokens, limit, s.weights(manager, random));
    }

    /**
     * Follows tokens while the weights move. Returns, by record: the time; the slope; and under the
     * limit of the weights, or if there is none, those of the time, the norm of the energy's
     * gradient, in L2 of the tokens' distribution, and W2 to where the flow comes to rest, a bound
     * of that to the nearest such point: after a tenth of the time and at the end, else NaN.
     */
    static double[][] follow(
            FlowSettings s, Motion motion, NDArray tokens, NDArray limit, NDArray start) {
        NDArray range = start.sub(limit);
        double[] to = Host.read(limit, NDArray::toDoubleArray);
        double[] by = Host.read(range, NDArray::toDoubleArray);
        Drift drift = // reaches the weights of the next step in one step
                Drift.towards(
                        1 / s.step(),
                        (head, heads, d, time) -> {
                            double a = motion.factor.applyAsDouble(time + s.step());
                            return matrix(head, d, i -> to[i] + a * by[i]);
                        });
        FlowRecord record = s.simulator(tokens, start, drift).build().run();
        double[] gradients = new double[record.time().length];
        double[] distances = new double[gradients.length];
        int last = gradients.length - 1;
        for (int i = 0; i <= last; i++) {
            double a = motion.integrable ? 0 : motion.factor.applyAsDouble(record.time()[i]);
            NDArray weights = limit.add(range.mul(a));
            NDArray x = record.tokens().get(i);
            gradients[i] = gradient(x, weights);
            boolean far = i == last / 10 || i == last;
            distances[i] = far ? distance(x, rest(s, x, weights)) : Double.NaN;
        }
        return new double[][] {record.time(), record.slope(), gradients, distances};
    }

    /** A head's matrix of entries that are counted over all heads. */
    private static double[][] matrix(int head, int d, IntToDoubleFunction entry) {
        return IntStream.range(head * d, head * d + d)
                .mapToObj(row -> IntStream.range(row * d, row * d + d).mapToDouble(entry).toArray())
                .toArray(double[][]::new);
    }

    /** Where tokens come to rest under fixed weights, or are after five times the time. */
    private static NDArray rest(FlowSettings s, NDArray tokens, NDArray weights) {
        FlowSettings ends = s.cell(s.heads(), s.step(), s.seed());
        NDArray x = tokens;
        double slope = Double.POSITIVE_INFINITY;
        for (int i = 0; i < PATIENCE && slope > AT_REST; i++) {
            FlowRecord record = ends.simulator(x, weights, Drift.frozen()).build().run();
            x = record.tokens().get(1);
            slope = record.slope()[1];
        }
        return x;
    }

    static double energy(NDArray x, NDArray weights) {
        NDArray kernel = x.matMul(weights).matMul(x.transpose()).exp();
        return Host.read(kernel.mean(), NDArray::getDouble) / 2;
    }

    static double gradient(NDArray x, NDArray weights) {
        NDArray pulled = x.matMul(weights); // [H, n, d]
        NDArray kernel = pulled.matMul(x.transpose()).exp();
        NDArray g = kernel.matMul(pulled).mean(new int[] {0}).div(x.getShape().get(0));
        NDArray radial = g.mul(x).sum(new int[] {1}, true);
        NDArray squares = g.sub(radial.mul(x)).square().sum(new int[] {1});
        return Math.sqrt(Host.read(squares.mean(), NDArray::getDouble));
    }

    /**
     * Does what a perturbation of tokens or weights changes vanish with it, in proportion? Of the
     * flow at fixed times, by W2; and of the energy: uniformly, which is more than
     * Gamma-convergence.
     */
    static void stability(List<FlowSettings> bases, Path directory, PrintStream out) {
        Table csv = new Table("heads", "what", "path", "size", "value");
        Table table = new Table("heads,what,/ 0.1,/ 0.01,/ 0.001,/ 0.0001,exponent".split(","));
        List<Plot> plots = new ArrayList<>();
        DoubleConsumer progress =
                FlowStudies.telling(out, bases.stream().mapToInt(FlowSettings::paths).sum());
        for (FlowSettings s : bases) {
            List<Map<String, double[]>> paths =
                    ofPaths(s, progress, (manager, random) -> perturb(s, manager, random));
            String title = "Effect of perturbations, H = " + s.heads();
            Plot plot = new Plot(title, "size of the perturbation", "effect").logX().logY();
            for (String what : paths.get(0).keySet()) {
                List<double[]> values = paths.stream().map(path -> path.get(what)).toList();
                double[] mean = Stats.mean(values);
                List<Object> cells = new ArrayList<>(List.of(s.heads(), what));
                for (int k = 0; k < SIZES.length; k++) {
                    cells.add(Table.text("%.3g", mean[k] / SIZES[k]));
                    for (int p = 0; p < values.size(); p++) {
                        csv.add(s.heads(), what, p + 1, SIZES[k], values.get(p)[k]);
                    }
                }
                cells.add(Stats.cell("%.3f", values, v -> PowerLaw.fit(SIZES, v).exponent()));
                table.add(cells.toArray());
                plot.add(what, Plot.Style.MARKED, SIZES, mean);
            }
            plots.add(plot);
        }
        FlowStudies.write(directory, "stability", csv, table, plots, out);
    }

    /** What perturbations change on one path, by their size. */
    private static Map<String, double[]> perturb(
            FlowSettings s, NDManager manager, SplittableRandom random) {
        NDArray x = s.tokens(manager, random);
        NDArray weights = s.weights(manager, random);
        NDArray dx = normal(x, random);
        NDArray asymmetric = normal(weights, random);
        NDArray dw = asymmetric.add(asymmetric.transpose(0, 2, 1)).div(2);
        long seed = random.nextLong();
        List<NDArray> samples =
                Stream.generate(() -> s.tokens(manager, random)).limit(SAMPLES).toList();
        FlowRecord plain = flow(s, x, weights, dw.mul(0), seed);
        double least = energy(rest(s, x, weights), weights);
        Map<String, double[]> effects = new LinkedHashMap<>();
        for (int k = 0; k < SIZES.length; k++) {
            NDArray moved = x.add(dx.mul(SIZES[k]));
            moved = moved.div(moved.norm(new int[] {1}, true));
            NDArray change = dw.mul(SIZES[k]);
            NDArray ofTokens = flow(s, moved, weights, dw.mul(0), seed).tokens();
            NDArray ofWeights = flow(s, x, weights, change, seed).tokens();
            for (int r = 0; r < plain.time().length; r++) {
                String what = Table.text("t = %.4g: W2, other ", plain.time()[r]);
                NDArray at = plain.tokens().get(r);
                put(effects, what + "tokens", k, distance(at, ofTokens.get(r)));
                if (r > 0) {
                    put(effects, what + "weights", k, distance(at, ofWeights.get(r)));
                }
            }
            NDArray other = weights.add(change);
            DoubleStream changes =
                    samples.stream().mapToDouble(y -> energy(y, other) - energy(y, weights));
            put(effects, "largest change of E", k, changes.map(Math::abs).max().orElseThrow());
            double found = energy(rest(s, x, other), other);
            put(effects, "change of E at rest", k, Math.abs(found - least));
        }
        return effects;
    }

    private static void put(Map<String, double[]> effects, String what, int size, double value) {
        effects.computeIfAbsent(what, name -> new double[SIZES.length])[size] = value;
    }

    private static NDArray normal(NDArray like, SplittableRandom random) {
        double[] values = DoubleStream.generate(random::nextGaussian).limit(like.size()).toArray();
        return like.getManager().create(values, like.getShape());
    }

    /** Runs the flow with weights that differ by the same at all times. */
    static FlowRecord flow(FlowSettings s, NDArray x, NDArray weights, NDArray change, long seed) {
        double[] by = Host.read(change, NDArray::toDoubleArray);
        Drift drift =
                Drift.towards(
                        s.drift() == FlowDrift.FROZEN ? 0 : 1,
                        (head, heads, d, time) -> {
                            double[][] target = s.drift().drift.target(head, heads, d, time);
                            return matrix(head, d, i -> target[i / d % d][i % d] + by[i]);
                        });
        FlowSimulator.Builder builder = s.simulator(x, weights.add(change), drift);
        return builder.optNoiseVariance(s.noise()).optSeed(seed).build().run();
    }

    /** The Wasserstein distance W2, by angles, of two samples of n points of the sphere each. */
    static double distance(NDArray one, NDArray other) {
        double[] x = Host.read(one, NDArray::toDoubleArray);
        double[] y = Host.read(other, NDArray::toDoubleArray);
        int n = (int) one.getShape().get(0);
        int d = x.length / n;
        double[][] squares = new double[n][n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                double chord = 0;
                for (int k = 0; k < d; k++) {
                    chord += Math.pow(x[i * d + k] - y[j * d + k], 2);
                }
                // exact for small angles, where the arc cosine is not
                squares[i][j] = Math.pow(2 * Math.asin(Math.min(1, Math.sqrt(chord) / 2)), 2);
            }
        }
        return Math.sqrt(cheapest(squares) / n);
    }

    /** The least sum of a matching of rows with columns, by the Hungarian method in O(n^3). */
    private static double cheapest(double[][] costs) {
        int n = costs.length;
        double[] ofRow = new double[n + 1]; // the dual prices; rows and columns count from 1
        double[] ofColumn = new double[n + 1];
        int[] row = new int[n + 1]; // that a column is matched with, 0: none
        for (int i = 1; i <= n; i++) {
            int[] before = new int[n + 1]; // on the cheapest alternating path from row i
            boolean[] reached = new boolean[n + 1];
            double[] dearer = new double[n + 1];
            Arrays.fill(dearer, Double.POSITIVE_INFINITY);
            row[0] = i;
            int column = 0;
            while (row[column] != 0) {
                reached[column] = true;
                int r = row[column];
                int next = 0;
                for (int j = 1; j <= n; j++) {
                    double more = costs[r - 1][j - 1] - ofRow[r] - ofColumn[j];
                    if (!reached[j] && more < dearer[j]) {
                        dearer[j] = more;
                        before[j] = column;
                    }
                    next = !reached[j] && (next == 0 || dearer[j] < dearer[next]) ? j : next;
                }
                double step = dearer[next];
                for (int j = 0; j <= n; j++) {
                    ofRow[row[j]] += reached[j] ? step : 0;
                    ofColumn[j] -= reached[j] ? step : 0;
                    dearer[j] -= reached[j] ? 0 : step;
                }
                column = next;
            }
            for (; column != 0; column = before[column]) {
                row[column] = row[before[column]];
            }
        }
        return IntStream.rangeClosed(1, n).mapToDouble(j -> costs[row[j] - 1][j - 1]).sum();
    }
}
