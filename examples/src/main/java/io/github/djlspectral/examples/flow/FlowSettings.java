package io.github.djlspectral.examples.flow;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.examples.experiment.Table;
import io.github.djlspectral.layers.flow.Drift;
import io.github.djlspectral.layers.flow.FlowRecord;
import io.github.djlspectral.layers.flow.FlowSimulator;
import io.github.djlspectral.text.BadInputException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleConsumer;

/**
 * What to simulate: independent paths, each from a beginning of its own: tokens, the same for any
 * number of heads, and weights. Path p of a seed is the same whatever the number of paths.
 */
record FlowSettings(
        int dimension, // d of the sphere S^(d-1)
        int heads, // H
        int tokens, // n
        double time, // T, a whole number of steps
        double step, // dt
        FlowDrift drift,
        TokenStart tokenStart,
        WeightStart weightStart,
        double noise, // sigma^2, the variance of the weights' noise per unit of time
        int paths,
        long seed, // of the first path's beginning and noise; the others' follow from it
        int recordEvery) { // steps between records

    private static final double ROUNDING = 1e-6;
    private static final int LARGEST = 1 << 15;
    private static final double NEAR_AXES = 0.03;

    /** How the weights move. */
    enum FlowDrift {
        /** Towards rotating targets, without noise. */
        OSCILLATING("oscillating weights", 0, Drift.oscillating()),
        /** Ornstein-Uhlenbeck: towards the identity, with noise of variance 2. */
        OU("Ornstein-Uhlenbeck weights", 2, Drift.ornsteinUhlenbeck()),
        /** Not at all, unless noise is asked for. */
        FROZEN("frozen weights", 0, Drift.frozen());

        final String label;
        final double noise;
        final Drift drift;

        FlowDrift(String label, double noise, Drift drift) {
            this.label = label;
            this.noise = noise;
            this.drift = drift;
        }
    }

    /** The tokens to begin with. */
    enum TokenStart {
        /** Uniform on the sphere. */
        UNIFORM,
        /**
         * Near the axes: token i at plus or minus the axis i modulo d, off by about two degrees, as
         * in the reference run with Ornstein-Uhlenbeck weights. Then no flow under the identity
         * adds its own slope to that of the noise.
         */
        AXES
    }

    /** The weights to begin with. */
    enum WeightStart {
        /**
         * Where the drift keeps them: at the targets at time 0 if they oscillate, else at the
         * identity plus symmetric normal noise of variance 1, which is the stationary law of the
         * Ornstein-Uhlenbeck process with noise of variance 2.
         */
        DRIFT,
        /** Symmetric normal of standard deviation 2, for every drift, as in the reference runs. */
        NORMAL
    }

    FlowSettings {
        requireSize("--dimension", dimension, 2);
        requireSize("--heads", heads, 1);
        requireSize("--tokens", tokens, 1);
        require(step > 0 && Double.isFinite(step), "--step", step, "positive and finite");
        double steps = time / step;
        boolean whole = Math.abs(steps - Math.rint(steps)) <= ROUNDING * steps;
        boolean legal = whole && steps >= 1 - ROUNDING && steps <= Integer.MAX_VALUE;
        String range = "a positive multiple of --step " + step + ", at most 2^31 - 1 times it";
        require(legal, "--time", time, range);
        require(noise >= 0 && Double.isFinite(noise), "--noise", noise, "finite and at least 0");
        requireSize("--paths", paths, 1);
        require(recordEvery >= 1, "--record-every", recordEvery, "at least 1");
    }

    private static void requireSize(String option, int value, int least) {
        String range = "at least " + least + ", at most " + LARGEST;
        require(value >= least && value <= LARGEST, option, value, range);
    }

    /** Requires an option's value to be legal. */
    static void require(boolean legal, String option, Object value, String range) {
        BadInputException.unless(legal, "%s is %s, but must be %s", option, value, range);
    }

    int steps() {
        return (int) Math.rint(time / step);
    }

    /** The same with others, of which the beginning and the end are recorded only. */
    FlowSettings cell(int heads, double step, long seed) {
        int steps = (int) Math.rint(time / step);
        return new FlowSettings(
                dimension,
                heads,
                tokens,
                time,
                step,
                drift,
                tokenStart,
                weightStart,
                noise,
                paths,
                seed,
                steps);
    }

    /** Says what pictures show, without the number of heads. */
    String description() {
        String several = paths == 1 ? "" : ", " + paths + " paths";
        return Table.text("%s, d = %d, n = %d%s", drift.label, dimension, tokens, several);
    }

    /** An estimate of the time that the simulation takes, in operations. */
    double work() {
        double callsPerStep = 50_000;
        return (double) paths * steps() * ((double) heads * tokens * tokens + callsPerStep);
    }

    /** Simulates; the manager owns what is recorded, progress gets the work as it is done. */
    List<FlowRecord> run(NDManager manager, DoubleConsumer progress) {
        SplittableRandom seeds = new SplittableRandom(seed);
        List<FlowRecord> records = new ArrayList<>();
        double workOfStep = work() / paths / steps();
        for (int p = 0; p < paths; p++) {
            SplittableRandom random = new SplittableRandom(seeds.nextLong());
            int[] done = {0};
            NDArray tokens = tokens(manager, random);
            NDArray weights = weights(manager, random);
            FlowSimulator.Builder builder = simulator(tokens, weights, drift.drift);
            builder.optNoiseVariance(noise).optSeed(random.nextLong());
            builder.optProgress(
                    now -> {
                        progress.accept((now - done[0]) * workOfStep);
                        done[0] = now;
                    });
            records.add(builder.build().run());
        }
        return records;
    }

    /** Without noise. */
    FlowSimulator.Builder simulator(NDArray tokens, NDArray weights, Drift how) {
        return FlowSimulator.builder()
                .setTokens(tokens)
                .setWeights(weights)
                .setDrift(how)
                .setStepSize(step)
                .setSteps(steps())
                .optRecordEvery(recordEvery);
    }

    /** Draws the tokens, [n, d]. */
    NDArray tokens(NDManager manager, SplittableRandom random) {
        boolean axes = tokenStart == TokenStart.AXES;
        double[] values = new double[tokens * dimension];
        for (int first = 0, i = 0; i < tokens; i++, first += dimension) {
            for (int k = first; k < first + dimension; k++) {
                values[k] = random.nextGaussian() * (axes ? NEAR_AXES : 1);
            }
            if (axes) {
                values[first + i % dimension] += random.nextBoolean() ? 1 : -1;
            }
            double square = 0;
            for (int k = first; k < first + dimension; k++) {
                square += values[k] * values[k];
            }
            for (int k = first; k < first + dimension; k++) {
                values[k] /= Math.sqrt(square);
            }
        }
        return manager.create(values, new Shape(tokens, dimension));
    }

    /** Draws the weights, [heads, d, d]: the mean of a normal matrix and its transpose, or more. */
    NDArray weights(NDManager manager, SplittableRandom random) {
        boolean normal = weightStart == WeightStart.NORMAL;
        double usual = drift == FlowDrift.OSCILLATING ? 0 : 1;
        int d = dimension;
        double[] values = new double[heads * d * d];
        for (int h = 0; h < heads; h++) {
            double[][] target = normal ? new double[d][d] : drift.drift.target(h, heads, d, 0);
            for (int i = 0; i < d; i++) {
                for (int j = 0; j <= i; j++) {
                    // beside the diagonal the mean of two independent entries
                    double scale = (normal ? 2 : usual) / (i == j ? 1 : Math.sqrt(2));
                    double value = scale * random.nextGaussian() + target[i][j];
                    values[(h * d + i) * d + j] = value;
                    values[(h * d + j) * d + i] = value;
                }
            }
        }
        return manager.create(values, new Shape(heads, d, d));
    }
}
