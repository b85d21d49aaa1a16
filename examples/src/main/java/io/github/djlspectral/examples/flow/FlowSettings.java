package io.github.djlspectral.examples.flow;

import io.github.djlspectral.text.BadInputException;
import java.util.Locale;

/**
 * What to simulate.
 *
 * @param dimension d of the sphere S^(d-1), at least 2
 * @param heads H, at least 1
 * @param tokens n, at least 1
 * @param time T, a whole number of steps
 * @param step dt, positive
 * @param drift how the weights move
 * @param tokenStart the tokens to begin with
 * @param weightStart the weights to begin with
 * @param noise sigma^2, the variance of the weights' noise per unit of time, at least 0
 * @param paths the number of independent paths, at least 1
 * @param seed of the first path's beginning and noise; the others' follow from it
 * @param recordEvery steps between records, at least 1
 */
record FlowSettings(
        int dimension,
        int heads,
        int tokens,
        double time,
        double step,
        FlowDrift drift,
        TokenStart tokenStart,
        WeightStart weightStart,
        double noise,
        int paths,
        long seed,
        int recordEvery) {

    private static final double ROUNDING = 1e-6;
    private static final int LARGEST = 1 << 15;

    FlowSettings {
        requireSize("--dimension", dimension, 2);
        requireSize("--heads", heads, 1);
        requireSize("--tokens", tokens, 1);
        require(step > 0 && Double.isFinite(step), "--step", step, "positive and finite");
        double steps = time / step;
        require(
                steps >= 1 - ROUNDING
                        && steps <= Integer.MAX_VALUE
                        && Math.abs(steps - Math.rint(steps)) <= ROUNDING * steps,
                "--time",
                time,
                "a positive multiple of --step " + step + ", at most 2^31 - 1 times it");
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

    /** The number of steps. */
    int steps() {
        return (int) Math.rint(time / step);
    }

    /** Records the beginning and the end only. */
    FlowSettings unrecorded() {
        return with(heads, step, seed, steps());
    }

    FlowSettings withHeads(int other) {
        return with(other, step, seed, recordEvery);
    }

    FlowSettings withStep(double other) {
        return with(heads, other, seed, recordEvery);
    }

    FlowSettings withSeed(long other) {
        return with(heads, step, other, recordEvery);
    }

    private FlowSettings with(int heads, double step, long seed, int recordEvery) {
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
                recordEvery);
    }

    /** Says what pictures show, without the number of heads. */
    String description() {
        return String.format(
                Locale.ROOT,
                "%s, d = %d, n = %d%s",
                drift.label(),
                dimension,
                tokens,
                paths == 1 ? "" : ", " + paths + " paths");
    }

    /** An estimate of the time that the simulation takes, in operations. */
    double work() {
        double callsPerStep = 50_000;
        return (double) paths * steps() * ((double) heads * tokens * tokens + callsPerStep);
    }
}
