package io.github.djlspectral.examples.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.flow.FlowLimits.Motion;
import io.github.djlspectral.examples.flow.FlowSettings.FlowDrift;
import io.github.djlspectral.examples.flow.FlowSettings.TokenStart;
import io.github.djlspectral.examples.flow.FlowSettings.WeightStart;
import io.github.djlspectral.layers.flow.FlowRecord;
import io.github.djlspectral.text.BadInputException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class FlowLimitsTest {

    @TempDir private Path directory;

    private final NDManager manager = NDManager.newBaseManager("PyTorch");
    private final PrintStream out =
            new PrintStream(new ByteArrayOutputStream(), true, StandardCharsets.UTF_8);

    @AfterEach
    void close() {
        manager.close();
    }

    private static FlowSettings settings(
            FlowDrift drift, int heads, int tokens, double time, double step, int every) {
        TokenStart start = TokenStart.UNIFORM;
        WeightStart weights = WeightStart.DRIFT;
        double noise = drift.noise;
        return new FlowSettings(
                3, heads, tokens, time, step, drift, start, weights, noise, 2, 7, every);
    }

    private NDArray tokens(int n, int seed) {
        FlowSettings settings = settings(FlowDrift.FROZEN, 1, n, 1, 1, 1);
        return settings.tokens(manager, new SplittableRandom(seed));
    }

    private NDArray diagonals(double[]... heads) {
        double[] values = new double[heads.length * 9];
        for (int h = 0; h < heads.length; h++) {
            for (int i = 0; i < 3; i++) {
                values[9 * h + 4 * i] = heads[h][i];
            }
        }
        return manager.create(values, new Shape(heads.length, 3, 3));
    }

    /** Against every matching. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5})
    void distanceIsThatOfTheBestMatching(int n) {
        for (int seed = 0; seed < 20; seed++) {
            NDArray x = tokens(n, seed);
            NDArray y = tokens(n, seed + 100);
            double[][] angles = new double[n][n];
            for (int i = 0; i < n; i++) {
                for (int j = 0; j < n; j++) {
                    angles[i][j] = Math.acos(x.get(i).dot(y.get(j)).getDouble());
                }
            }
            double least = least(angles, 0, new boolean[n]);
            assertThat(FlowLimits.distance(x, y)).isCloseTo(Math.sqrt(least / n), within(1e-12));
        }
    }

    private static double least(double[][] angles, int row, boolean[] taken) {
        double least = row == taken.length ? 0 : Double.POSITIVE_INFINITY;
        for (int j = 0; row < taken.length && j < taken.length; j++) {
            if (!taken[j]) {
                taken[j] = true;
                double square = angles[row][j] * angles[row][j];
                least = Math.min(least, square + least(angles, row + 1, taken));
                taken[j] = false;
            }
        }
        return least;
    }

    /**
     * A single token has the solution {@code x(t) ~ exp(-int D) x(0)}, D the mean over heads, and
     * rests at the eigenvector of the least eigenvalue. Diagonal weights.
     */
    @ParameterizedTest
    @EnumSource
    void oneTokenFollowsTheClosedForm(Motion motion) {
        double[] d = {-1, 1.5, 2};
        double[] b = {0.5, -1.5, 2.5};
        double[] e = {0.5, -0.3, 0.1}; // how the two heads differ
        NDArray limit = diagonals(plus(d, 1, e), plus(d, -1, e));
        NDArray start = diagonals(plus(b, 1, e), plus(b, -1, e));
        NDArray x = manager.create(new double[] {0.48, 0.6, 0.64}, new Shape(1, 3));
        FlowSettings s = settings(FlowDrift.FROZEN, 2, 1, 1.2, 0.002, 60);
        double[][] path = FlowLimits.follow(s, motion, x, limit, start);
        assertThat(path[0]).hasSize(11);
        for (int i : new int[] {1, 10}) {
            double t = 0.12 * i;
            assertThat(path[0][i]).isCloseTo(t, within(1e-12));
            double log = Math.log(1 + t);
            double[] factorAndIntegral =
                    switch (motion) {
                        case EXPONENTIAL -> new double[] {Math.exp(-t), 1 - Math.exp(-t)};
                        case POWER -> new double[] {1 / (1 + t), log};
                        case SLOWING ->
                                new double[] {
                                    Math.cos(log),
                                    ((1 + t) * (Math.cos(log) + Math.sin(log)) - 1) / 2
                                };
                        case OSCILLATING -> new double[] {Math.cos(t), Math.sin(t)};
                    };
            double[] change = plus(b, -1, d);
            double[] now = plus(d, factorAndIntegral[0], change);
            boolean hasLimit = motion == Motion.EXPONENTIAL || motion == Motion.POWER;
            double[] at = hasLimit ? d : now;
            double[] y = new double[3];
            for (int k = 0; k < 3; k++) {
                double integral = d[k] * t + factorAndIntegral[1] * change[k];
                y[k] = x.toDoubleArray()[k] * Math.exp(-integral);
            }
            double length = Math.sqrt(Arrays.stream(y).map(v -> v * v).sum());
            y = Arrays.stream(y).map(v -> v / length).toArray();
            double up = Math.exp(form(y, plus(now, 1, e)));
            double down = Math.exp(form(y, plus(now, -1, e)));
            double slope = square(tangent(y, now)) / ((1 / up + 1 / down) / 2);
            assertThat(path[1][i]).isCloseTo(slope, withinPercentage(5));
            double[] first = tangent(y, plus(at, 1, e));
            double[] second = tangent(y, plus(at, -1, e));
            double[] sum = plus(first, 0, first);
            for (int k = 0; k < 3; k++) {
                sum[k] = first[k] * Math.exp(form(y, plus(at, 1, e))) / 2;
                sum[k] += second[k] * Math.exp(form(y, plus(at, -1, e))) / 2;
            }
            assertThat(path[2][i]).isCloseTo(Math.sqrt(square(sum)), withinPercentage(5));
            double[] least = Arrays.stream(at).sorted().limit(1).toArray();
            int axis = IntStream.range(0, 3).filter(k -> at[k] == least[0]).findFirst().orElse(-1);
            double angle = Math.acos(Math.abs(y[axis]));
            assertThat(path[3][i]).isCloseTo(angle, withinPercentage(5));
        }
        assertThat(path[3][5]).isNaN();
    }

    private static double[] plus(double[] a, double factor, double[] b) {
        return IntStream.range(0, a.length).mapToDouble(i -> a[i] + factor * b[i]).toArray();
    }

    private static double form(double[] x, double[] diagonal) {
        return IntStream.range(0, 3).mapToDouble(i -> x[i] * x[i] * diagonal[i]).sum();
    }

    private static double[] tangent(double[] x, double[] diagonal) {
        double radial = form(x, diagonal);
        return IntStream.range(0, 3).mapToDouble(i -> (diagonal[i] - radial) * x[i]).toArray();
    }

    private static double square(double[] x) {
        return Arrays.stream(x).map(v -> v * v).sum();
    }

    /** Differences of the energy as it is defined, between tokens that move along the sphere. */
    @Test
    void theGradientIsThatOfTheEnergy() {
        FlowSettings s = settings(FlowDrift.OU, 2, 4, 1, 1, 1);
        double[] x = tokens(4, 1).toDoubleArray();
        NDArray weights = s.weights(manager, new SplittableRandom(2));
        double[] d = weights.toDoubleArray();
        NDArray array = manager.create(x, new Shape(4, 3));
        assertThat(FlowLimits.energy(array, weights)).isCloseTo(energy(x, d), within(1e-14));
        double sum = 0;
        for (int i = 0; i < 4; i++) {
            double radial = 0;
            for (int k = 0; k < 3; k++) {
                double[] more = x.clone();
                double[] less = x.clone();
                more[3 * i + k] += 1e-6;
                less[3 * i + k] -= 1e-6;
                double slope = 4 * (energy(more, d) - energy(less, d)) / 2e-6;
                sum += slope * slope / 4;
                radial += slope * x[3 * i + k];
            }
            sum -= radial * radial / 4;
        }
        assertThat(FlowLimits.gradient(array, weights)).isCloseTo(Math.sqrt(sum), within(1e-7));
    }

    private static double energy(double[] x, double[] d) {
        double sum = 0;
        for (int h = 0; h < 2; h++) {
            for (int i = 0; i < 4; i++) {
                for (int j = 0; j < 4; j++) {
                    double score = 0;
                    for (int k = 0; k < 9; k++) {
                        score += x[3 * i + k / 3] * d[9 * h + k] * x[3 * j + k % 3];
                    }
                    sum += Math.exp(score);
                }
            }
        }
        return sum / (2 * 2 * 4 * 4);
    }

    @ParameterizedTest
    @EnumSource
    void weightsDifferByTheSameAtAllTimes(FlowDrift drift) {
        FlowSettings s = settings(drift, 2, 4, 1, 0.01, 50);
        NDArray x = tokens(4, 1);
        NDArray weights = s.weights(manager, new SplittableRandom(2));
        NDArray change = diagonals(new double[] {0.1, 0, 0.2}, new double[] {-0.3, 0.1, 0});
        FlowRecord plain = FlowLimits.flow(s, x, weights, change.mul(0), 5);
        FlowRecord other = FlowLimits.flow(s, x, weights, change, 5);
        NDArray gap = other.weights().sub(plain.weights());
        assertThat(gap.toDoubleArray()).containsExactly(change.toDoubleArray(), within(1e-12));
        boolean moves = drift != FlowDrift.FROZEN;
        assertThat(plain.weights().sub(weights).abs().max().getDouble() > 0.01).isEqualTo(moves);
    }

    @Test
    void effectsOfPerturbationsAreProportionalToThem() throws IOException {
        List<FlowSettings> bases =
                List.of(
                        settings(FlowDrift.OSCILLATING, 1, 3, 0.2, 0.02, 5),
                        settings(FlowDrift.OSCILLATING, 2, 3, 0.2, 0.02, 5));
        FlowLimits.stability(bases, directory, out);
        List<String> rows = Files.readAllLines(directory.resolve("stability.md"));
        assertThat(rows).hasSize(2 + 2 * (3 + 2 + 2));
        for (String row : rows.subList(2, rows.size())) {
            String exponents = row.replaceAll(".*\\| (.*) \\|", "$1");
            for (String exponent : exponents.split("[ ,\\[\\]]+")) {
                assertThat(Double.parseDouble(exponent)).as(row).isBetween(0.9, 1.1);
            }
        }
        assertThat(rows.get(3)).contains("t = 0.1000: W2, other tokens");
        assertThat(Files.readAllLines(directory.resolve("stability.csv")))
                .hasSize(1 + 2 * 7 * 4 * 2)
                .startsWith("heads,what,path,size,value");
        assertThat(directory.resolve("stability.png")).exists();
    }

    @Test
    void integrableWeightsLetTheFlowRestAndOscillatingOnesDoNot() throws IOException {
        FlowSettings base = settings(FlowDrift.FROZEN, 1, 1, 20, 0.1, 20);
        FlowLimits.convergence(List.of(base), directory, out);
        List<String> rows = Files.readAllLines(directory.resolve("convergence.csv"));
        assertThat(rows).hasSize(1 + 4 * 2 * 11);
        assertThat(rows.get(0)).isEqualTo("heads,a,path,time,slope,gradient,distance");
        double[][] ends = // exponential and oscillating, both paths
                IntStream.of(11, 22, 77, 88)
                        .mapToObj(i -> rows.get(i).split(","))
                        .map(row -> Arrays.stream(row).skip(3).mapToDouble(Double::parseDouble))
                        .map(row -> row.toArray())
                        .toArray(double[][]::new);
        for (int p = 0; p < 2; p++) {
            assertThat(ends[p][0]).isEqualTo(20);
            assertThat(ends[p][1]).isLessThan(ends[2 + p][1] / 1000);
            assertThat(ends[p][2]).isLessThan(ends[2 + p][2] / 30);
            assertThat(ends[p][3]).isLessThan(ends[2 + p][3] / 30);
        }
        List<String> table = Files.readAllLines(directory.resolve("convergence.md"));
        assertThat(table).hasSize(2 + 4);
        assertThat(table.get(2)).startsWith("| 1 | exp(-t) | integrable |");
        assertThat(table.get(5)).startsWith("| 1 | cos(t) | not |");
        assertThat(directory.resolve("convergence.png")).exists();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--convergence --stability       | --convergence is true, but must be without --st",
                "--convergence --drift ou        | --drift is [OU], but must be left out with --con",
                "--convergence --noise 0         | --noise is 0.0, but must be left out with --con",
                "--stability --record-every 2    | --record-every is 2, but must be left out with",
                "--stability --heads 4,0         | --heads is 0, but must be at least 1"
            })
    void refusesWhatAStudyDoesNotUse(String arguments, String message) {
        FlowCommand command = new FlowCommand();
        String[] all = (arguments + " --out " + directory.resolve("r")).split(" ");
        CommandLine line = new CommandLine(command).setCaseInsensitiveEnumValuesAllowed(true);
        line.parseArgs(all);
        assertThatThrownBy(command::run)
                .isInstanceOf(BadInputException.class)
                .hasMessageContaining(message);
        assertThat(directory.resolve("r")).doesNotExist();
    }
}
