package io.github.djlspectral.optim.extra;

import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.optim.Kernel;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.SpectralOptimizer;
import io.github.djlspectral.optim.UpdateScale;

/**
 * SinkGD: the gradient, of which rows and columns in turn were given a root mean square of 1, five
 * times. Scetbon et al., "Gradient Multi-Normalization for Stateless and Memory-Efficient LLM
 * Training", arXiv:2502.06742. It keeps nothing at all. Use it for embeddings and heads, with
 * {@link io.github.djlspectral.optim.ParameterRouting#withGroup}, where AdamW's two arrays are too
 * many; rows that the batch does not name stay as they are.
 */
public final class SinkGd extends SpectralOptimizer {

    private static final double ITERATIONS = 5;

    private SinkGd(Builder builder) {
        super(builder, SpectralMap.of(Kernel.of(SinkGd.class, "identity.py")), "sinkhorn.py");
    }

    @Override
    protected double[] numbers() {
        return new double[] {ITERATIONS};
    }

    /** {@return a new builder: learning rate 0.001} */
    public static Builder builder() {
        return new Builder()
                .optMomentum(0)
                .optUpdateScale(UpdateScale.NONE)
                .optLearningRateTracker(Tracker.fixed(0.001f));
    }

    /** Builds a {@link SinkGd}. */
    public static final class Builder extends SpectralOptimizer.Builder<Builder> {

        private Builder() {}

        /** {@return the optimizer, without state} */
        public SinkGd build() {
            return new SinkGd(this);
        }
    }
}
