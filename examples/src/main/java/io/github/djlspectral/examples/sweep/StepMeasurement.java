package io.github.djlspectral.examples.sweep;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Parameter;
import ai.djl.util.Pair;
import ai.djl.util.PairList;
import io.github.djlspectral.examples.descent.DescentProbe;
import io.github.djlspectral.examples.descent.LocalDescent;
import io.github.djlspectral.examples.descent.WeightCopy;
import io.github.djlspectral.examples.gpt.TrainingRun;
import io.github.djlspectral.optim.SpectralMap;
import io.github.djlspectral.optim.UpdateObserver;
import io.github.djlspectral.optim.UpdateScale;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Measures what single steps with other exponents and learning rates would do to the validation
 * loss, in the middle of a training run that notices nothing.
 *
 * <p>The run makes its next step first, while a probe keeps the momenta; then all weights go back
 * to where they were, the hidden matrices alone try every step of the grid, and at last all weights
 * go to where the run's own step had led.
 */
final class StepMeasurement {

    private static final int FULL_GRADIENT_STEPS = 16;

    private final TrainingRun run;
    private final Probe probe;
    private final Landscape.Grid grid;
    private final NDList weights = new NDList();
    private final List<String> names = new ArrayList<>();

    /**
     * Prepares the measurement.
     *
     * @param run a run that trains with a spectral optimizer, observed by the probe
     * @param probe the probe
     * @param grid the steps to try
     */
    StepMeasurement(TrainingRun run, Probe probe, Landscape.Grid grid) {
        this.run = run;
        this.probe = probe;
        this.grid = grid;
        PairList<String, Parameter> parameters = run.block().getParameters();
        for (Pair<String, Parameter> parameter : parameters) {
            names.add(parameter.getKey());
            weights.add(parameter.getValue().getArray());
        }
    }

    /** Makes the run's next step, and measures all others from the weights before it. */
    List<Landscape.Point> stepAndMeasure() {
        int step = run.step();
        try (WeightCopy before = WeightCopy.of(weights)) {
            probe.await(step + 1);
            run.step(() -> false);
            try (WeightCopy after = WeightCopy.of(weights)) {
                before.restore();
                try {
                    return measure(step);
                } finally {
                    after.restore();
                }
            }
        } finally {
            probe.await(0);
        }
    }

    private List<Landscape.Point> measure(int step) {
        double loss = run.validate();
        NDList hidden = new NDList();
        probe.momenta().keySet().forEach(name -> hidden.add(array(name)));
        List<Landscape.Point> points = new ArrayList<>();
        try (WeightCopy origin = WeightCopy.of(hidden);
                NDList batchGradient = gradients(() -> run.addGradients(step + 1), 1)) {
            for (double exponent : grid.exponents()) {
                try (NDList directions = directions(exponent)) {
                    LocalDescent descent =
                            DescentProbe.measure(
                                    hidden, batchGradient, directions, this::fullGradient);
                    for (double rate : grid.rates()) {
                        origin.step(directions, rate);
                        double change = run.validate() - loss;
                        points.add(
                                new Landscape.Point(step, exponent, rate, loss, change, descent));
                    }
                    origin.restore();
                }
            }
        }
        return points;
    }

    /** The mean over batches that training never sees. */
    private NDList fullGradient() {
        int last = run.lastStep();
        return gradients(
                () -> {
                    for (int i = 1; i <= FULL_GRADIENT_STEPS; i++) {
                        run.addGradients(last + i);
                    }
                },
                FULL_GRADIENT_STEPS);
    }

    /** Returns the hidden matrices' gradients, divided; none stays attached to any weight. */
    private NDList gradients(Runnable backward, int divisor) {
        try (NDList all = DescentProbe.gradients(weights, backward).get()) {
            NDList hidden = new NDList();
            for (String name : probe.momenta().keySet()) {
                hidden.add(all.get(names.indexOf(name)).div(divisor));
            }
            return hidden;
        }
    }

    private NDArray array(String name) {
        return run.block().getParameters().get(name).getArray();
    }

    /** Returns the steps of the hidden matrices for learning rate 1. */
    private NDList directions(double exponent) {
        SpectralMap map = SpectralMap.power(exponent, Landscape.Grid.floor(exponent));
        NDList directions = new NDList();
        probe.momenta()
                .forEach(
                        (name, momentum) -> {
                            try (NDArray direction = mapped(map, momentum)) {
                                directions.add(direction.reshape(array(name).getShape()));
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
        for (int i = 0; i < momentum.getShape().get(0); i++) {
            try (NDArray matrix = momentum.get(i)) {
                all.add(mapped(map, matrix));
            }
        }
        try (all) {
            return NDArrays.stack(all);
        }
    }

    /** Keeps the momenta of hidden matrices at one step, as they enter the map. */
    static final class Probe implements UpdateObserver, AutoCloseable {

        private final Map<String, NDArray> momenta = new TreeMap<>();
        private int wanted;

        /** Forgets what it has and waits for a step, counted from 1; 0 for none. */
        void await(int step) {
            close();
            wanted = step;
        }

        /** Returns the momenta by the name of the parameter. */
        Map<String, NDArray> momenta() {
            return momenta;
        }

        @Override
        public boolean wants(int step) {
            return step == wanted;
        }

        @Override
        public void observe(
                String parameter, int step, int blocks, NDArray momentum, NDArray update) {
            momenta.put(parameter, momentum.duplicate());
        }

        @Override
        public void close() {
            momenta.values().forEach(NDArray::close);
            momenta.clear();
        }
    }
}
