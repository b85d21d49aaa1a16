package io.github.djlspectral.optim;

/**
 * Linear warmup, a plateau, then a linear decay ("warmup-stable-decay", "trapezoid"). Unlike a
 * cosine it need not know its length until the decay begins: a run can be continued from any
 * checkpoint of the plateau. With W warmup steps and D decay steps of T in total, step t has
 *
 * <pre>
 * begin + (base - begin) t / W                        t &lt; W
 * base                                       W     &lt;= t &lt; T - D
 * final + (base - final) (T - t) / D         T - D &lt;= t &lt; T
 * final                                      T     &lt;= t
 * </pre>
 *
 * <p>For a learning rate or for a momentum.
 */
public final class WarmupStableDecayTracker extends WarmupTracker {

    private final int decaySteps;

    private WarmupStableDecayTracker(Builder builder) {
        super(builder);
        decaySteps = builder.decaySteps;
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    double valueAfterWarmup(int step) {
        int remaining = totalSteps - step;
        return remaining > decaySteps
                ? baseValue
                : between(finalValue, baseValue, (double) remaining / decaySteps);
    }

    /** Builds a {@link WarmupStableDecayTracker}. */
    public static final class Builder extends WarmupTracker.Builder<Builder> {

        private int decaySteps = -1;

        private Builder() {}

        /**
         * Sets the length of the decay at the end.
         *
         * @param decaySteps a number of steps, 0 for none; with the warmup's at most all steps
         * @return this builder
         */
        public Builder setDecaySteps(int decaySteps) {
            this.decaySteps = decaySteps;
            return this;
        }

        /** {@return the tracker} Values out of their ranges are refused. */
        public WarmupStableDecayTracker build() {
            validate();
            int most = totalSteps - warmupSteps;
            StatefulOptimizer.require(
                    decaySteps >= 0 && decaySteps <= most,
                    "The decay must be set, to between 0 and " + most + " steps",
                    decaySteps);
            return new WarmupStableDecayTracker(this);
        }
    }
}
