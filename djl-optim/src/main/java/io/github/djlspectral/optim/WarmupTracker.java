package io.github.djlspectral.optim;

import static io.github.djlspectral.optim.StatefulOptimizer.require;

import ai.djl.training.tracker.Tracker;

/** A value that rises linearly to its base value and follows a schedule of its own from there. */
abstract class WarmupTracker implements Tracker {

    final double baseValue;
    final double finalValue;
    final int warmupSteps;
    final int totalSteps;
    private final double warmupBeginValue;

    WarmupTracker(Builder<?> builder) {
        baseValue = builder.baseValue;
        finalValue = builder.finalValue;
        warmupSteps = builder.warmupSteps;
        totalSteps = builder.totalSteps;
        warmupBeginValue = builder.warmupBeginValue;
    }

    /**
     * {@return the value at a step}
     *
     * @param numUpdate the step; optimizers count 1, 2, ..
     */
    @Override
    public final float getNewValue(int numUpdate) {
        if (numUpdate < warmupSteps) {
            return (float) between(warmupBeginValue, baseValue, (double) numUpdate / warmupSteps);
        }
        return (float) (numUpdate < totalSteps ? valueAfterWarmup(numUpdate) : finalValue);
    }

    /** The value at a step from warmupSteps to totalSteps - 1. */
    abstract double valueAfterWarmup(int step);

    /** The point between two values, exact at both ends. */
    static double between(double from, double to, double share) {
        return (1 - share) * from + share * to;
    }

    /**
     * Builds a schedule.
     *
     * @param <T> the concrete builder
     */
    abstract static class Builder<T extends Builder<T>> {

        private float baseValue = Float.NaN;
        private float finalValue;
        private float warmupBeginValue;
        int warmupSteps = -1;
        int totalSteps = -1;

        @SuppressWarnings("unchecked") // T is the class of this
        private T self() {
            return (T) this;
        }

        /**
         * Sets the value reached at the end of the warmup.
         *
         * @param baseValue a number of 0 or more
         * @return this builder
         */
        public T setBaseValue(float baseValue) {
            this.baseValue = baseValue;
            return self();
        }

        /**
         * Sets the length of the warmup: step {@code warmupSteps} has the base value.
         *
         * @param warmupSteps a number of steps, 0 for no warmup
         * @return this builder
         */
        public T setWarmupSteps(int warmupSteps) {
            this.warmupSteps = warmupSteps;
            return self();
        }

        /**
         * Sets the length of the whole schedule, warmup included: step {@code totalSteps} and all
         * later ones have the final value.
         *
         * @param totalSteps a number of steps, more than the warmup's
         * @return this builder
         */
        public T setTotalSteps(int totalSteps) {
            this.totalSteps = totalSteps;
            return self();
        }

        /**
         * Sets the value at the end. Default: 0.
         *
         * @param finalValue a number of 0 or more
         * @return this builder
         */
        public T optFinalValue(float finalValue) {
            this.finalValue = finalValue;
            return self();
        }

        /**
         * Sets the value from which the warmup rises, that of step 0. Default: 0, so that step 1
         * has the base value divided by the number of warmup steps.
         *
         * @param warmupBeginValue a number of 0 or more
         * @return this builder
         */
        public T optWarmupBeginValue(float warmupBeginValue) {
            this.warmupBeginValue = warmupBeginValue;
            return self();
        }

        void validate() {
            requireValue("base value", baseValue);
            requireValue("final value", finalValue);
            requireValue("value at the beginning of the warmup", warmupBeginValue);
            require(warmupSteps >= 0, "The warmup must be set, to 0 steps or more", warmupSteps);
            String longer = "The schedule must be longer than its warmup of %s steps";
            require(totalSteps > warmupSteps, longer.formatted(warmupSteps), totalSteps);
        }

        private static void requireValue(String name, float value) {
            boolean legal = value >= 0 && value < Float.POSITIVE_INFINITY;
            require(legal, "The " + name + " must be set, finite and not negative", value);
        }
    }
}
