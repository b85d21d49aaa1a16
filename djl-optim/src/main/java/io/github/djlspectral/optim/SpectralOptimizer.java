package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.ParameterTracker;
import ai.djl.training.tracker.Tracker;
import java.util.List;
import java.util.Objects;

/**
 * Steps along the momentum after a {@link SpectralMap}: with gradient g, momentum m and weight w of
 * a hidden matrix,
 *
 * <pre>
 * m = mu m + (1 - mu) g
 * u = (1 - mu) g + mu m        (Nesterov; otherwise u = m)
 * w = (1 - lr wd) w - lr scale(w) map(u)
 * </pre>
 *
 * <p>in one native call per parameter, which also zeroes the gradient, on any thread, inside or
 * outside a gradient collector. Everything that is not a hidden matrix goes to a fallback
 * optimizer: {@link ParameterRouting} decides by name and block; without one, by shape: arrays of
 * rank 2 or more whose longer side is at most {@value #MAX_ASPECT} times the shorter one (trailing
 * dimensions flattened) are hidden matrices. Only a routing can tell an embedding or an output head
 * that is not so elongated.
 *
 * <p>A gradient that contains NaN or infinity is an error before the weight or the momentum
 * changes. A gradient of zeros moves nothing but by momentum and decay.
 */
public abstract class SpectralOptimizer extends StatefulOptimizer {

    /** Without a routing, the largest ratio of a hidden matrix's sides. */
    static final int MAX_ASPECT = 16;

    private final SpectralMap map;
    private final ParameterTracker learningRate;
    private final Tracker momentum;
    private final boolean nesterov;
    private final UpdateScale updateScale;
    private final ParameterRouting routing;
    private final Optimizer fallback;

    SpectralOptimizer(Builder<?> builder, SpectralMap map) {
        super(builder);
        this.map = map;
        learningRate = builder.learningRate;
        momentum = builder.momentum;
        nesterov = builder.nesterov;
        updateScale = builder.updateScale;
        routing = builder.routing;
        fallback = builder.fallback == null ? DecoupledAdamW.builder().build() : builder.fallback;
    }

    /**
     * Updates a weight in place and zeroes its gradient.
     *
     * @param parameterId the id of the parameter
     * @param weight the weight; a hidden matrix has float32 or float64
     * @param gradient the gradient, in the shape and type of the weight; unchanged
     * @throws IllegalArgumentException if shapes or types do not fit
     * @throws IllegalStateException if the gradient contains NaN or infinity, or the learning rate
     *     or momentum at this step is out of range; nothing has changed
     */
    @Override
    public void update(String parameterId, NDArray weight, NDArray gradient) {
        if (!isSpectral(parameterId, weight.getShape())) {
            fallback.update(parameterId, weight, gradient);
            return;
        }
        requireMatching(parameterId, weight, gradient);
        ParameterState state = state(parameterId, weight);
        int step = state.step() + 1;
        double rate = requireRate(learningRate.getNewValue(parameterId, step), step);
        double mu = requireMomentum(momentum.getNewValue(step), step);
        Kernel kernel = map.kernel(weight.getShape(), weight.getDataType(), weight.getDevice());
        boolean finite =
                SpectralMap.KERNELS.callBoolean(
                        weight.getManager(),
                        "step",
                        weight,
                        gradient,
                        state.array(0),
                        kernel.function(),
                        kernel.coefficients(),
                        (double) rescaleGrad,
                        (double) clipGrad,
                        mu,
                        nesterov,
                        rate * updateScale.factor(weight.getShape()),
                        1 - rate * getWeightDecay());
        if (!finite) {
            throw new IllegalStateException(
                    "The gradient of parameter "
                            + label(parameterId)
                            + " contains NaN or infinity at step "
                            + step
                            + "; its weight and momentum are unchanged. Lower the learning rate or"
                            + " look for the cause in the loss.");
        }
        state.setStep(step);
    }

    private boolean isSpectral(String parameterId, Shape shape) {
        if (routing != null) {
            return routing.isSpectral(parameterId);
        }
        if (shape.dimension() < 2) {
            return false;
        }
        long rows = shape.get(0);
        long columns = shape.size() / rows;
        return Math.max(rows, columns) <= MAX_ASPECT * Math.min(rows, columns);
    }

    private void requireMatching(String parameterId, NDArray weight, NDArray gradient) {
        SpectralMap.requireMatrix(weight.getShape());
        SpectralMap.requireFloat(weight.getDataType());
        if (!weight.getShape().equals(gradient.getShape())
                || weight.getDataType() != gradient.getDataType()) {
            throw new IllegalArgumentException(
                    "Parameter "
                            + label(parameterId)
                            + " is "
                            + weight.getDataType()
                            + weight.getShape()
                            + " but its gradient is "
                            + gradient.getDataType()
                            + gradient.getShape());
        }
    }

    private static double requireRate(float rate, int step) {
        if (!(rate >= 0 && rate < Float.POSITIVE_INFINITY)) {
            throw new IllegalStateException(
                    "The learning rate must be finite and not negative, was "
                            + rate
                            + " at step "
                            + step);
        }
        return rate;
    }

    private static double requireMomentum(float momentum, int step) {
        if (!(momentum >= 0 && momentum < 1)) {
            throw new IllegalStateException(
                    "The momentum must be in [0, 1), was " + momentum + " at step " + step);
        }
        return momentum;
    }

    private String label(String parameterId) {
        return routing == null ? parameterId : routing.nameOf(parameterId);
    }

    @Override
    String[] stateNames() {
        return new String[] {"momentum"};
    }

    @Override
    List<StatefulOptimizer> parts() {
        return List.of(this);
    }

    /** Frees the momentum, and the fallback's state if it can be closed. */
    @Override
    public void close() {
        super.close();
        if (fallback instanceof StatefulOptimizer stateful) {
            stateful.close();
        }
    }

    /**
     * Builds a {@link SpectralOptimizer}.
     *
     * @param <T> the concrete builder
     */
    @SuppressWarnings("rawtypes") // DJL's own bound is raw
    public abstract static class Builder<T extends Builder> extends StatefulOptimizer.Builder<T> {

        private ParameterTracker learningRate = Tracker.fixed(0.02f);
        private Tracker momentum = Tracker.fixed(0.95f);
        private boolean nesterov = true;
        private UpdateScale updateScale = UpdateScale.SPECTRAL;
        private ParameterRouting routing;
        private Optimizer fallback;

        Builder() {}

        /**
         * Sets the learning rate of the hidden matrices. Its unit depends on the {@linkplain
         * #optUpdateScale scale}. Default: 0.02, fixed.
         *
         * @param learningRate the learning rate by step, not negative
         * @return this builder
         */
        public T optLearningRateTracker(ParameterTracker learningRate) {
            this.learningRate = Objects.requireNonNull(learningRate, "learningRate");
            return self();
        }

        /**
         * Sets a fixed momentum. Default: 0.95.
         *
         * @param momentum the momentum, in [0, 1)
         * @return this builder
         * @throws IllegalArgumentException if it is out of range
         */
        public T optMomentum(float momentum) {
            if (!(momentum >= 0 && momentum < 1)) {
                throw new IllegalArgumentException("momentum must be in [0, 1), was " + momentum);
            }
            return optMomentumTracker(Tracker.fixed(momentum));
        }

        /**
         * Sets a momentum that changes with the step.
         *
         * @param momentum the momentum by step, in [0, 1)
         * @return this builder
         */
        public T optMomentumTracker(Tracker momentum) {
            this.momentum = Objects.requireNonNull(momentum, "momentum");
            return self();
        }

        /**
         * Sets whether the step looks ahead. Default: true.
         *
         * @param nesterov whether to use Nesterov's momentum
         * @return this builder
         */
        public T optNesterov(boolean nesterov) {
            this.nesterov = nesterov;
            return self();
        }

        /**
         * Sets how the step scales with the shape of the weight. Default: {@link
         * UpdateScale#SPECTRAL}.
         *
         * @param updateScale the scale
         * @return this builder
         */
        public T optUpdateScale(UpdateScale updateScale) {
            this.updateScale = Objects.requireNonNull(updateScale, "updateScale");
            return self();
        }

        /**
         * Sets which parameters are hidden matrices. Default: by shape.
         *
         * @param routing the routing, made from the block that is trained
         * @return this builder
         */
        public T optRouting(ParameterRouting routing) {
            this.routing = Objects.requireNonNull(routing, "routing");
            return self();
        }

        /**
         * Sets the optimizer of all other parameters. Default: {@link DecoupledAdamW} with its own
         * defaults. {@link OptimizerState} can save it if it is a {@link StatefulOptimizer}.
         *
         * @param fallback the optimizer; it must zero the gradients it has used, as DJL's Adam,
         *     AdamW and Sgd do
         * @return this builder
         */
        public T optFallback(Optimizer fallback) {
            this.fallback = Objects.requireNonNull(fallback, "fallback");
            return self();
        }
    }
}
