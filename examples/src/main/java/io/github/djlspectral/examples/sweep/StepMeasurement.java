package io.github.djlspectral.examples.sweep;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Parameter;
import ai.djl.util.Pair;
import io.github.djlspectral.examples.data.Corpus;
import io.github.djlspectral.examples.experiment.LocalDescent;
import io.github.djlspectral.examples.gpt.TrainingOptions;
import io.github.djlspectral.examples.gpt.TrainingRun;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.UpdateObserver;
import io.github.djlspectral.optim.UpdateScale;
import io.github.djlspectral.torch.TorchScript;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * Measures what single steps with other exponents and learning rates would do to the validation
 * loss, in the middle of a training run that notices nothing.
 *
 * <p>The run makes its next step first, while the momenta of the hidden matrices are kept as they
 * enter the map; then all weights go back to where they were, the hidden matrices alone try every
 * step, and at last all weights go to where the run's own step had led.
 */
final class StepMeasurement implements UpdateObserver, AutoCloseable {

    private static final TorchScript KERNELS =
            TorchScript.ofResources(StepMeasurement.class, "weights.py");

    private static final int FULL_GRADIENT_STEPS = 16;

    final TrainingRun run;
    private final NDList weights = new NDList();
    private final List<String> names = new ArrayList<>();
    private final Map<String, NDArray> momenta = new TreeMap<>();
    private int observed;

    /**
     * What one step would do.
     *
     * @param step the steps of training done before
     * @param exponent c in {@code (M M^T)^(-c) M}
     * @param rate the learning rate
     * @param loss the validation loss before the step
     * @param change the validation loss after it, minus that before
     * @param descent how the training loss bends along the step's direction; the same for all rates
     */
    record Point(
            int step,
            double exponent,
            double rate,
            double loss,
            double change,
            LocalDescent descent) {}

    /** Creates a run that trains with a spectral optimizer. */
    StepMeasurement(TrainingOptions options, Corpus corpus) {
        run = TrainingRun.observed(options, corpus, this);
        for (Pair<String, Parameter> parameter : run.block().getParameters()) {
            names.add(parameter.getKey());
            weights.add(parameter.getValue().getArray());
        }
    }

    /** Makes the run's next step, and measures others from the weights before it. */
    Point[] stepAndMeasure(List<Double> exponents, List<Double> rates) {
        int step = run.step();
        observed = step + 1;
        try (NDList before = call("copies", weights)) {
            run.step(() -> false);
            try (NDList after = call("copies", weights)) {
                call("restore", weights, before);
                try {
                    return measure(step, exponents, rates);
                } finally {
                    call("restore", weights, after);
                }
            }
        } finally {
            momenta.values().forEach(NDArray::close);
            momenta.clear();
        }
    }

    private Point[] measure(int step, List<Double> exponents, List<Double> rates) {
        double loss = run.validate();
        NDList hidden = hidden(weights);
        List<Point> points = new ArrayList<>();
        try (NDList origin = call("copies", hidden);
                NDList batchGradient = gradient(step, 1);
                NDList gradient = fullGradient()) {
            for (double exponent : exponents) {
                try (NDList directions = directions(exponent)) {
                    LocalDescent descent =
                            new LocalDescent(
                                    product(gradient, directions),
                                    product(batchGradient, directions),
                                    curvature(hidden, origin, directions, this::fullGradient));
                    for (double rate : rates) {
                        call("move", hidden, origin, directions, -rate);
                        double change = run.validate() - loss;
                        points.add(new Point(step, exponent, rate, loss, change, descent));
                    }
                }
            }
        }
        return points.toArray(Point[]::new);
    }

    private NDList hidden(NDList all) {
        NDList hidden = new NDList();
        momenta.keySet().forEach(name -> hidden.add(all.get(names.indexOf(name))));
        return hidden;
    }

    /** The mean over batches that training never sees. */
    private NDList fullGradient() {
        return gradient(run.lastStep(), FULL_GRADIENT_STEPS);
    }

    /** Returns that of the hidden matrices, over some steps' batches; no weight keeps any. */
    private NDList gradient(int stepsBefore, int steps) {
        call("take_gradients", weights).close();
        for (int i = 1; i <= steps; i++) {
            run.addGradients(stepsBefore + i);
        }
        try (NDList all = call("take_gradients", weights)) {
            NDList mean = new NDList();
            hidden(all).forEach(gradient -> mean.add(gradient.div(steps)));
            return mean;
        }
    }

    /** Returns the steps of the hidden matrices for learning rate 1. */
    private NDList directions(double exponent) {
        // Freon's default above c = 1/2, where tiny singular values would dominate.
        SpectralMap map = SpectralMap.power(exponent, exponent > 0.5 ? 0.01 : 0);
        NDList directions = new NDList();
        momenta.forEach(
                (name, momentum) -> {
                    try (NDArray direction = mapped(map, momentum)) {
                        NDArray weight = weights.get(names.indexOf(name));
                        directions.add(direction.reshape(weight.getShape()));
                    }
                });
        return directions;
    }

    /** Scaled; of several matrices each by itself, [blocks, rows, columns]. */
    private static NDArray mapped(SpectralMap map, NDArray momentum) {
        if (momentum.getShape().dimension() == 2) {
            try (NDArray direction = map.apply(momentum)) {
                return direction.mul(UpdateScale.SPECTRAL.factor(momentum.getShape()));
            }
        }
        NDList all = new NDList();
        for (int i = 0; i < momentum.size(0); i++) {
            try (NDArray matrix = momentum.get(i)) {
                all.add(mapped(map, matrix));
            }
        }
        try (all) {
            return NDArrays.stack(all);
        }
    }

    /**
     * Measures the curvature along a direction D, {@code <D, H D> = <D, G(W + h D) - G(W - h D)> /
     * (2 h)}, in float32; the weights, W at first, stay at W - h D. With r = h |D| / |W|, the
     * difference misses the third derivative, a relative r^2/6 for a loss that varies on the scale
     * of its weights; and the gradients' rounding, eps relative to |H| |W|, adds eps / r. The sum
     * is least, up to a factor near 1, at r = eps^(1/3), where both are about eps^(2/3) = 2e-5.
     */
    static double curvature(
            NDList weights, NDList origin, NDList direction, Supplier<NDList> gradient) {
        double step = Math.cbrt(Math.ulp(1f)) * norm(origin) / norm(direction);
        double[] slopes = new double[2];
        for (int i = 0; i < 2; i++) {
            call("move", weights, origin, direction, i == 0 ? step : -step);
            try (NDList there = gradient.get()) {
                slopes[i] = product(there, direction);
            }
        }
        return (slopes[0] - slopes[1]) / (2 * step);
    }

    private static double product(NDList a, NDList b) {
        return KERNELS.callDouble(a.get(0).getManager(), "inner_product", a, b);
    }

    private static double norm(NDList arrays) {
        return Math.sqrt(product(arrays, arrays));
    }

    private static NDList call(String function, NDList weights, Object... more) {
        Object[] all = Stream.concat(Stream.of(weights), Stream.of(more)).toArray();
        return KERNELS.call(weights.get(0).getManager(), function, all);
    }

    @Override
    public boolean wants(int step) {
        return step == observed;
    }

    @Override
    public void observe(String parameter, int step, int blocks, NDArray momentum, NDArray update) {
        momenta.put(parameter, momentum.duplicate());
    }

    @Override
    public void close() {
        run.close();
    }
}
