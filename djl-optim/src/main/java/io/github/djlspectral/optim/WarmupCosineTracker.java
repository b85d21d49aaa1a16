package io.github.djlspectral.optim;

/**
 * Linear warmup, then half a cosine down to a final value: the schedule of GPT-2 and nanoGPT. With
 * W warmup steps of T in total, step t has
 *
 * <pre>
 * begin + (base - begin) t / W                                        t &lt; W
 * final + (base - final) (1 + cos(pi (t - W) / (T - W))) / 2     W &lt;= t &lt; T
 * final                                                          T &lt;= t
 * </pre>
 *
 * <p>For a learning rate or for a momentum; a momentum that stays has its base value as final
 * value.
 */
public final class WarmupCosineTracker extends WarmupTracker {

    private WarmupCosineTracker(Builder builder) {
        super(builder);
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    double valueAfterWarmup(int step) {
        double share = (double) (step - warmupSteps) / (totalSteps - warmupSteps);
        return between(finalValue, baseValue, (1 + Math.cos(Math.PI * share)) / 2);
    }

    /** Builds a {@link WarmupCosineTracker}. */
    public static final class Builder extends WarmupTracker.Builder<Builder> {

        private Builder() {}

        /** {@return the tracker} Values out of their ranges are refused. */
        public WarmupCosineTracker build() {
            validate();
            return new WarmupCosineTracker(this);
        }
    }
}
