package io.github.djlspectral.optim;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.ParameterTracker;
import ai.djl.training.tracker.Tracker;
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
 * optimizer: {@link ParameterRouting} decides by name and block. An optimizer that is also a
 * listener of the trainer, see {@link #attachTo}, finds the block by itself; otherwise {@link
 * Builder#optRouting} gives it. If neither is done, shapes decide: arrays of rank 2 or more,
 * neither 1 x n nor n x 1, whose longer side is at most {@value #MAX_ASPECT} times the shorter one
 * (trailing dimensions flattened) are taken for hidden matrices. Then embeddings and output heads
 * that are not so elongated, stacks of matrices, and gains and biases of rank 2, as of a LayerNorm
 * over two axes, are among them.
 *
 * <p>A gradient that contains NaN or infinity is an error before the weight or the momentum
 * changes. A gradient of zeros moves nothing but by momentum and decay.
 */
public abstract class SpectralOptimizer extends RoutedOptimizer {

    private final SpectralMap map;
    private final Tracker momentum;
    private final boolean nesterov;
    private final UpdateScale updateScale;
    private final UpdateObserver observer;

    SpectralOptimizer(Builder<?> builder, SpectralMap map) {
        super(builder);
        this.map = map;
        momentum = builder.momentum;
        nesterov = builder.nesterov;
        updateScale = builder.updateScale;
        observer = builder.observer;
    }

    /**
     * {@return what goes where and at which rate: the table of the {@linkplain
     * ParameterRouting#toTable routing}, if there is one, and a line for each of the two groups}
     */
    public final String toTable() {
        return "%sspectral: %s, update scale %s\nfallback: %s %s\n"
                .formatted(
                        routing == null ? "no routing: shapes decide\n" : routing.toTable(),
                        getClass().getSimpleName(),
                        updateScale,
                        fallback.getClass().getSimpleName(),
                        ownsFallback
                                ? "at " + updateScale.fallbackRatio() + " times its learning rate"
                                : "as given, at its own learning rate");
    }

    /**
     * {@return the map between momentum and update, whose {@link SpectralMap#route} tells how it is
     * computed}
     */
    public final SpectralMap getMap() {
        return map;
    }

    @Override
    boolean step(Update update, ParameterState state, int step, double rate) {
        NDArray weight = update.weight();
        NDArray gradient = update.gradient();
        double mu = requireMomentum(update, momentum.getNewValue(step), step);
        Shape shape = weight.getShape();
        long draw = draw(routing == null ? "" : routing.find(update.id()).name(), step);
        Kernel kernel = map.kernel(shape, weight.getDataType(), weight.getDevice(), draw);
        if (observer != null && observer.wants(step)) {
            if (!update.finite() && !isFinite(gradient)) {
                return false;
            }
            observe(update.label(), gradient, state, step, mu, kernel);
        }
        return SpectralMap.KERNELS.callBoolean(
                weight.getManager(),
                "step",
                weight,
                gradient,
                state.array(0),
                kernel.function(),
                kernel.coefficients(),
                rescaleGrad,
                clipGrad,
                mu,
                nesterov,
                rate * updateScale.factor(shape),
                1 - rate * getWeightDecay(),
                update.finite());
    }

    private void observe(
            String parameter,
            NDArray gradient,
            ParameterState state,
            int step,
            double mu,
            Kernel kernel) {
        NDManager manager = gradient.getManager();
        NDArray m = state.array(0);
        String function = kernel.function();
        double[] c = kernel.coefficients();
        Object[] arguments = {gradient, m, function, c, rescaleGrad, clipGrad, mu, nesterov};
        try (NDList preview = SpectralMap.KERNELS.call(manager, "preview", arguments)) {
            observer.observe(parameter, step, preview.get(0), preview.get(1));
        }
    }

    /** The same in every process: ids are not, so parameters without a name share their draws. */
    static long draw(String name, int step) {
        long draw = step;
        for (char c : name.toCharArray()) {
            draw = RandomSpectrum.mixed(draw ^ c);
        }
        return draw;
    }

    private static double requireMomentum(Update update, float momentum, int step) {
        if (!(momentum >= -ROUNDING && momentum < 1)) {
            check(false, "The momentum must be in [0, 1), was %s%s", momentum, update.at(step));
        }
        return Math.max(0, momentum);
    }

    @Override
    String[] stateNames() {
        return new String[] {"momentum"};
    }

    /**
     * Builds a {@link SpectralOptimizer}. Options that are set here, or left at their defaults,
     * hold for hidden matrices and, unless a {@linkplain #optFallback fallback} is given, for all
     * other parameters: learning rate (0.02 by default; 0.002 for {@link UpdateScale#MATCH_RMS}),
     * weight decay (0 by default), rescaling, clipping, first step.
     *
     * @param <T> the concrete builder
     */
    @SuppressWarnings("rawtypes") // DJL's own bound is raw
    public abstract static class Builder<T extends Builder> extends StatefulOptimizer.Builder<T> {

        private Tracker momentum = Tracker.fixed(0.95f);
        private boolean nesterov = true;
        UpdateScale updateScale = UpdateScale.SPECTRAL;
        ParameterRouting routing;
        Optimizer fallback;
        private UpdateObserver observer;

        Builder() {}

        @Override
        ParameterTracker learningRate() {
            float usual = updateScale == UpdateScale.MATCH_RMS ? 0.002f : 0.02f;
            return learningRate == null ? Tracker.fixed(usual) : learningRate;
        }

        /**
         * Sets a fixed momentum. Default: 0.95.
         *
         * @param momentum the momentum, in [0, 1)
         * @return this builder
         */
        public T optMomentum(float momentum) {
            require(momentum >= 0 && momentum < 1, "optMomentum must be in [0, 1)", momentum);
            return optMomentumTracker(Tracker.fixed(momentum));
        }

        /**
         * Sets a momentum that changes with the step.
         *
         * @param momentum the momentum by step, in [0, 1); below 0 by rounding counts as 0
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
         * Sets how the step scales with the shape of the weight, and with it the unit of the
         * learning rate, its default and its ratio to the default fallback's. Default: {@link
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
         * Sets which parameters are hidden matrices. Default: the rules of {@link ParameterRouting}
         * for the block of the trainer that this listens to, see {@link
         * SpectralOptimizer#attachTo}; by shape, if it listens to none. With a routing, a trainer's
         * step is made whole or not at all, see {@link #update}.
         *
         * @param routing the routing, made of the block that is trained
         * @return this builder
         */
        public T optRouting(ParameterRouting routing) {
            this.routing = Objects.requireNonNull(routing, "routing");
            return self();
        }

        /**
         * Sets the optimizer of all other parameters, which keeps its own options: none that is set
         * here reaches it, the learning rate neither. Default: {@link DecoupledAdamW} with this
         * builder's options, at {@link UpdateScale#fallbackRatio} times its learning rate. {@link
         * OptimizerState} can save it if it is a {@link StatefulOptimizer}.
         *
         * @param fallback the optimizer; it must zero the gradients it has used, as DJL's Adam,
         *     AdamW and Sgd do; {@link #close} leaves it open, as others may share it
         * @return this builder
         */
        public T optFallback(Optimizer fallback) {
            this.fallback = Objects.requireNonNull(fallback, "fallback");
            return self();
        }

        /**
         * Sets who sees the updates of hidden matrices. Default: nobody.
         *
         * @param observer the observer
         * @return this builder
         */
        public T optObserver(UpdateObserver observer) {
            this.observer = Objects.requireNonNull(observer, "observer");
            return self();
        }
    }
}
