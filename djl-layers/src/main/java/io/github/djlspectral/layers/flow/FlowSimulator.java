package io.github.djlspectral.layers.flow;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;
import static io.github.djlspectral.layers.Require.requirePositive;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.Objects;
import java.util.function.IntConsumer;

/**
 * Simulates tokens that follow multi-headed attention downhill while the weights move:
 *
 * <pre>
 * dx_i/dt = -v_i                                on the unit sphere of R^d
 * dD_h    = rate (target_h(t) - D_h) dt + sigma dW_h
 * </pre>
 *
 * <p>with v_i the mean over heads of the attention-weighted {@code D_h x_j}, projected to the
 * tangent space at x_i. arXiv:2605.18870. Explicit Euler steps in float64, each token normalised
 * after each, in the order of the authors' program: weights move after the tokens, with the drift
 * at the old weights and time. All paths of a Monte Carlo run go together through native calls of
 * many steps; each costs O(paths heads n^2 d) per step. Immutable: runs are equal.
 */
public final class FlowSimulator {

    final NDArray tokens;
    final NDArray weights;
    final Drift drift;
    final double stepSize;
    final int steps;
    final int recordEvery;
    final double noiseVariance;
    final NDArray increments;
    final long seed;
    final IntConsumer progress;

    private FlowSimulator(Builder builder) {
        tokens = builder.tokens;
        weights = builder.weights;
        drift = builder.drift;
        stepSize = builder.stepSize;
        steps = builder.steps;
        recordEvery = builder.recordEvery;
        noiseVariance = builder.noiseVariance;
        increments = builder.increments;
        seed = builder.seed;
        progress = builder.progress;
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    /** {@return what was recorded of one path} */
    public FlowRecord run() {
        return runPaths(1).get(0);
    }

    /**
     * Simulates independent paths from the same beginning, which differ in their noise: path p of a
     * seed is the same whatever their number.
     *
     * @param paths the number of paths, at least 1
     * @return what was recorded of each
     * @throws IllegalArgumentException if the number is less than 1, or more than 1 with given
     *     increments, or if the tokens or weights of all paths, or the recorded tokens of one, are
     *     2^31 numbers or more
     */
    public List<FlowRecord> runPaths(int paths) {
        boolean legal = paths == 1 || paths > 1 && increments == null;
        String rule = "The number of paths must be at least 1, and 1 with given increments, was %s";
        require(legal, rule, paths);
        try (NDManager scratch = tokens.getManager().newSubManager()) {
            return new FlowRun(this, scratch, paths).records();
        }
    }

    /** Builds a {@link FlowSimulator}. */
    public static final class Builder {

        private NDArray tokens;
        private NDArray weights;
        private Drift drift;
        private double stepSize;
        private int steps;
        private int recordEvery = 1;
        private double noiseVariance;
        private NDArray increments;
        private long seed = 42;
        private IntConsumer progress = step -> {};

        private Builder() {}

        /**
         * Sets the tokens to begin with.
         *
         * @param tokens [n, d], n at least 1, d at least 2, each of length 1 within 1e-4; used as
         *     they are, in float64. Results attach to their manager.
         * @return this builder
         */
        public Builder setTokens(NDArray tokens) {
            this.tokens = Objects.requireNonNull(tokens, "tokens");
            return this;
        }

        /**
         * Sets the weights to begin with.
         *
         * @param weights [heads, d, d], symmetric
         * @return this builder
         */
        public Builder setWeights(NDArray weights) {
            this.weights = Objects.requireNonNull(weights, "weights");
            return this;
        }

        /**
         * Sets how the weights move.
         *
         * @param drift the drift
         * @return this builder
         */
        public Builder setDrift(Drift drift) {
            this.drift = Objects.requireNonNull(drift, "drift");
            return this;
        }

        /**
         * Sets the step size.
         *
         * @param stepSize the time per step, positive and finite
         * @return this builder
         */
        public Builder setStepSize(double stepSize) {
            this.stepSize = stepSize;
            return this;
        }

        /**
         * Sets the number of steps.
         *
         * @param steps at least 1
         * @return this builder
         */
        public Builder setSteps(int steps) {
            this.steps = steps;
            return this;
        }

        /**
         * Sets the number of steps between records. The beginning and the end are always recorded.
         * Default: 1.
         *
         * @param recordEvery at least 1
         * @return this builder
         */
        public Builder optRecordEvery(int recordEvery) {
            this.recordEvery = recordEvery;
            return this;
        }

        /**
         * Sets the variance of the weights' noise, sigma^2, per unit of time. Default: 0, no noise.
         *
         * @param noiseVariance finite and at least 0
         * @return this builder
         */
        public Builder optNoiseVariance(double noiseVariance) {
            this.noiseVariance = noiseVariance;
            return this;
        }

        /**
         * Sets the increments of the Brownian motion instead of drawing them.
         *
         * @param increments dW [steps, heads, d, d], symmetric, without the factor sigma
         * @return this builder
         */
        public Builder optIncrements(NDArray increments) {
            this.increments = Objects.requireNonNull(increments, "increments");
            return this;
        }

        /**
         * Sets the seed of the increments. Default: 42.
         *
         * @param seed any number
         * @return this builder
         */
        public Builder optSeed(long seed) {
            this.seed = seed;
            return this;
        }

        /**
         * Sets who is told of the progress. Default: nobody.
         *
         * @param progress called with the number of steps done, several times a run
         * @return this builder
         */
        public Builder optProgress(IntConsumer progress) {
            this.progress = Objects.requireNonNull(progress, "progress");
            return this;
        }

        /** {@return the simulator} Tokens, weights and drift must be set. */
        public FlowSimulator build() {
            FlowKernels.requireTokens(Objects.requireNonNull(tokens, "tokens"));
            FlowKernels.requireWeights(
                    Objects.requireNonNull(weights, "weights"), tokens.getShape().get(1));
            Objects.requireNonNull(drift, "drift");
            requirePositive("The step size", stepSize);
            requireAtLeast(1, "The number of steps", steps);
            requireAtLeast(1, "The number of steps between records", recordEvery);
            boolean legal = noiseVariance >= 0 && noiseVariance < Double.POSITIVE_INFINITY;
            String rule = "The noise variance must be finite and at least 0, was %s";
            require(legal, rule, noiseVariance);
            if (increments != null) {
                requireIncrements();
            }
            return new FlowSimulator(this);
        }

        private void requireIncrements() {
            Shape one = weights.getShape();
            Shape all = new Shape(steps).addAll(one);
            Shape given = increments.getShape();
            String rule = "Increments must be %s for %s steps of weights %s, were %s";
            require(given.equals(all), rule, all, steps, one, given);
            try (NDArray flat = increments.reshape(-1, one.get(1), one.get(2))) {
                FlowKernels.requireWeights(flat, one.get(1));
            }
        }
    }
}
