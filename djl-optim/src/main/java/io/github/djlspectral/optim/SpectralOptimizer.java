package io.github.djlspectral.optim;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.ParameterTracker;
import ai.djl.training.tracker.Tracker;
import io.github.djlspectral.torch.TorchScript;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.DoubleStream;

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
 * <p>in one native call per parameter, by {@link OptimizerStep} for all of one shape, which also
 * zeroes the gradients, on any thread, inside or outside a gradient collector. Everything that is
 * not a hidden matrix goes to a fallback optimizer: {@link ParameterRouting} decides by name and
 * block. An optimizer that is also a listener of the trainer, see {@link #attachTo}, finds the
 * block by itself; otherwise {@link Builder#optRouting} gives it. If neither is done, shapes
 * decide: arrays of rank 2 or more, neither 1 x n nor n x 1, whose longer side is at most {@value
 * #MAX_ASPECT} times the shorter one (trailing dimensions flattened) are taken for hidden matrices.
 * Then embeddings and output heads that are not so elongated, stacks of matrices, and gains and
 * biases of rank 2, as of a LayerNorm over two axes, are among them.
 *
 * <p>A gradient that contains NaN or infinity is an error before the weight or the momentum
 * changes. A gradient of zeros moves nothing but by momentum and decay.
 */
public abstract class SpectralOptimizer extends RoutedOptimizer {

    // What a GPU maps at once, of which temporaries are several: 256 MB each in float32.
    private static final long MOST_ELEMENTS = 1 << 26;

    private final SpectralMap map;
    private final String hooks;
    private final Tracker momentum;
    private final boolean remembers;
    private final boolean nesterov;
    private final UpdateObserver observer;

    /**
     * Creates the optimizer without state.
     *
     * @param builder the configuration
     * @param map the map between momentum and update
     */
    protected SpectralOptimizer(Builder<?> builder, SpectralMap map) {
        this(builder, map, null);
    }

    /**
     * Creates an optimizer that adds something to the step: a TorchScript file with one or both of
     *
     * <pre>
     * def after_map(U: Tensor, w: Tensor, states: List[Tensor], numbers: List[float]) -&gt; Tensor:
     * def after_step(w: Tensor, states: List[Tensor], numbers: List[float]) -&gt; None:
     * </pre>
     *
     * <p>The first returns what the weight w moves against, times learning rate and scale, where
     * the map has made U; the second may change the weight in place. Both get matrices {@code
     * [blocks, rows, columns]}, the {@linkplain #stateShapes states} of their own, which they
     * change in place, and as numbers step, learning rate, update scale, weight decay, then {@link
     * #numbers} and last 1 if the states are new, all zeros, else 0. What one throws ends the step;
     * its weight may have moved then. A number read from an array waits for a GPU.
     *
     * @param builder the configuration
     * @param map the map between momentum and update
     * @param hooks the name of a resource beside the concrete class; null: none
     * @throws java.io.UncheckedIOException if there is no such resource or it cannot be read
     * @throws IllegalArgumentException if it defines neither function
     */
    protected SpectralOptimizer(Builder<?> builder, SpectralMap map, String hooks) {
        super(builder);
        this.map = map;
        this.hooks = hooks == null ? "" : TorchScript.source(getClass(), hooks);
        if (hooks != null && !this.hooks.matches("(?s).*def after_(map|step)\\(.*")) {
            throw new IllegalArgumentException(
                    hooks + " beside " + getClass() + " must define after_map or after_step");
        }
        momentum = builder.momentum;
        remembers = builder.remembers;
        nesterov = builder.nesterov;
        observer = builder.observer;
    }

    /**
     * Returns the arrays that this optimizer keeps beside the momentum, by name: {@link
     * OptimizerState} saves them with it. They are zeros at first. Default: none.
     *
     * @param blocks the number of matrices in a parameter
     * @param rows of each
     * @param columns of each
     * @return the shapes by name, in whose alphabetical order the hooks get the arrays, each with
     *     {@code blocks} as its first dimension; the same names for every parameter
     */
    protected Map<String, Shape> stateShapes(long blocks, long rows, long columns) {
        return Map.of();
    }

    /** {@return numbers for the hooks; none by default} */
    protected double[] numbers() {
        return new double[0];
    }

    /**
     * {@return the map between momentum and update, whose {@link SpectralMap#kernel(Shape,
     * ai.djl.ndarray.types.DataType, ai.djl.Device) kernel} tells how it is computed}
     */
    public final SpectralMap getMap() {
        return map;
    }

    /** What a native call needs to know: blocks of so many rows and columns, and how they move. */
    private record Layout(long rows, long columns, double scale, double momentum, boolean fresh) {}

    @Override
    Object alike(Update update, int step, boolean fresh) {
        float mu = momentum.getNewValue(step);
        String rule = "The momentum must be in [0, 1), was %s%s";
        check(mu >= -ROUNDING && mu < 1, rule, mu, update.at(step));
        Route route = update.route();
        long[] blocks = update.blocks();
        double scale =
                route != null && route.inputsFirst()
                        ? updateScale.factor(blocks[2], blocks[1])
                        : updateScale.factor(blocks[1], blocks[2]);
        check(
                scale > 0 && scale < Double.POSITIVE_INFINITY,
                "The update scale must be positive and finite, was %s%s",
                scale,
                update.at(step));
        return new Layout(blocks[1], blocks[2], scale, Math.max(0, mu), fresh && !hooks.isEmpty());
    }

    @Override
    boolean step(List<Share> shares, NDArray done) {
        Share first = shares.get(0);
        int step = first.step();
        double rate = first.rate();
        Layout layout = (Layout) first.alike();
        double mu = layout.momentum();
        NDArray weight = first.update().weight();
        DataType type = weight.getDataType();
        Device device = weight.getDevice();
        long columns = layout.columns();
        SpectralMap.Matrix matrix = new SpectralMap.Matrix(layout.rows(), columns, type, device);
        NDList weights = new NDList();
        NDList gradients = new NDList();
        NDList states = new NDList();
        long[] counts = new long[shares.size()];
        List<Kernel> kernels = new ArrayList<>();
        for (int i = 0; i < counts.length; i++) {
            Update update = shares.get(i).update();
            String name = update.route() == null ? "" : update.route().name();
            counts[i] = update.blocks()[0];
            List<Kernel> own = map.kernels(matrix, counts[i], RandomSpectrum.draw(name, step));
            if (observer != null && observer.wants(step)) {
                if (!update.finite() && !isFinite(update.gradient())) {
                    return false;
                }
                observe(shares.get(i), mu, Kernel.joined(own));
            }
            kernels.addAll(own);
            weights.add(update.weight());
            gradients.add(update.gradient());
            if (!remembers) {
                states.add(update.gradient()); // the first is the momentum
            }
            states.addAll(shares.get(i).state().arrays());
        }
        Kernel kernel = Kernel.joined(kernels);
        double decay = getWeightDecay();
        double[] own = Arrays.copyOf(numbers(), numbers().length + 1);
        own[own.length - 1] = layout.fresh() ? 1 : 0;
        DoubleStream known = DoubleStream.of(step, rate, layout.scale(), decay);
        own = DoubleStream.concat(known, Arrays.stream(own)).toArray();
        long most = device.isGpu() ? MOST_ELEMENTS : 0; // a GPU pays for each call
        double[] n = kernel.numbers();
        double rescale = rescaleGrad * first.update().factor();
        double by = rate * layout.scale();
        Object[] arguments = {
            weights, gradients, states, counts, matrix.rows(), columns, remembers,
            n, kernel.each(), most, own, rescale, clipGrad, mu,
            nesterov, by, 1 - rate * decay, first.update().finite(), done
        };
        return kernel.script(hooks).callBoolean(weight.getManager(), "step", arguments);
    }

    private void observe(Share share, double mu, Kernel kernel) {
        NDArray gradient = share.update().gradient();
        NDArray m = remembers ? share.state().array(0) : gradient;
        long[] blocks = share.update().blocks();
        double[] n = kernel.numbers();
        double rescale = rescaleGrad * share.update().factor();
        Object[] arguments = {
            gradient, m, blocks, n, kernel.each(), rescale, clipGrad, mu, nesterov
        };
        try (NDList preview =
                kernel.script(hooks).call(gradient.getManager(), "preview", arguments)) {
            int number = (int) blocks[0];
            Shape shape = number == 1 ? gradient.getShape() : new Shape(blocks);
            try (NDArray momentum = preview.get(0).reshape(shape);
                    NDArray update = preview.get(1).reshape(shape)) {
                observer.observe(share.update().label(), share.step(), number, momentum, update);
            }
        }
    }

    @Override
    Map<String, Shape> states(Shape weight, Route route) {
        long[] blocks = SpectralMap.blocks(weight, route == null ? 1 : route.blocks());
        Map<String, Shape> shapes = new LinkedHashMap<>();
        if (remembers) {
            shapes.put("momentum", weight);
        }
        shapes.putAll(new TreeMap<>(stateShapes(blocks[0], blocks[1], blocks[2])));
        return shapes;
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
        private boolean remembers = true;
        private boolean nesterov = true;
        UpdateScale updateScale = UpdateScale.SPECTRAL;
        ParameterRouting routing;
        Optimizer fallback;
        private UpdateObserver observer;

        /** Creates a builder with the defaults. */
        protected Builder() {}

        @Override
        ParameterTracker learningRate() {
            float usual = updateScale == UpdateScale.MATCH_RMS ? 0.002f : 0.02f;
            return learningRate == null ? Tracker.fixed(usual) : learningRate;
        }

        /**
         * Sets a fixed momentum. Default: 0.95.
         *
         * @param momentum the momentum, in [0, 1); at 0 no array is kept for it
         * @return this builder
         */
        public T optMomentum(float momentum) {
            require(momentum >= 0 && momentum < 1, "optMomentum must be in [0, 1)", momentum);
            optMomentumTracker(Tracker.fixed(momentum));
            remembers = momentum > 0;
            return self();
        }

        /**
         * Sets a momentum that changes with the step.
         *
         * @param momentum the momentum by step, in [0, 1); below 0 by rounding counts as 0
         * @return this builder
         */
        public T optMomentumTracker(Tracker momentum) {
            this.momentum = Objects.requireNonNull(momentum, "momentum");
            remembers = true;
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
