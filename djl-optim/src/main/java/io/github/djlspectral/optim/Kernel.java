package io.github.djlspectral.optim;

import ai.djl.Device;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.optim.minimax.InverseRoot;
import io.github.djlspectral.optim.minimax.PartialFractions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A native computation of a spectral map: a function of {@code spectral.py} and its numbers. */
record Kernel(String function, double... coefficients) {

    static final Kernel EXACT_POLAR = new Kernel("exact_polar");

    /** The matrix with singular values of mean square 1. */
    static final Kernel NORMALISED = new Kernel("normalised");

    /** Chooses the computation for a matrix. */
    @FunctionalInterface
    interface Choice {

        /** Returns the computation; equal draws, of random choices, give equal maps. */
        Kernel kernel(Target matrix, long draw);
    }

    /** What decides about the computation; columns are the product of all dimensions but rows. */
    record Target(long rows, long columns, DataType type, Device device) {

        static Target of(Shape shape, DataType type, Device device) {
            long rows = shape.get(0);
            return new Target(rows, shape.size() / Math.max(1, rows), type, device);
        }

        /** The shorter side: the number of singular values. */
        int rank() {
            return Math.toIntExact(Math.min(rows, columns));
        }
    }

    static Kernel iteration(String function, List<double[]> steps) {
        return new Kernel(function, steps.stream().flatMapToDouble(Arrays::stream).toArray());
    }

    /**
     * Returns the computation of the inverse square root R of a Gram matrix by steps {@code R <- w
     * R + v (A + d I)^-1 R}, the partial fraction of (alpha + beta x) / (1 + gamma x).
     */
    static Kernel halley(InverseRoot squareRoot) {
        List<double[]> steps = new ArrayList<>();
        for (InverseRoot.Step step : squareRoot.steps()) {
            double w = step.beta() / step.gamma();
            steps.add(new double[] {w, (step.alpha() - w) / step.gamma(), 1 / step.gamma()});
        }
        return iteration("halley", steps);
    }

    /** Returns the constant, then pole and weight of each term. */
    static double[] flat(PartialFractions fractions) {
        int terms = fractions.poles().length;
        double[] flat = new double[1 + 2 * terms];
        flat[0] = fractions.constant();
        for (int j = 0; j < terms; j++) {
            flat[1 + 2 * j] = fractions.poles()[j];
            flat[2 + 2 * j] = fractions.weights()[j];
        }
        return flat;
    }

    @Override
    public String toString() {
        return coefficients.length == 0 ? function : function + "(" + coefficients.length + ")";
    }
}
