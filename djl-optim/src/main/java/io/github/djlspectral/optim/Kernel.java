package io.github.djlspectral.optim;

import io.github.djlspectral.optim.minimax.PartialFractions;
import java.util.Arrays;
import java.util.List;

/**
 * A native computation of a spectral map.
 *
 * @param function its name in {@code spectral.py}
 * @param coefficients its numbers, in the order the function reads them
 */
record Kernel(String function, double... coefficients) {

    static final Kernel EXACT_POLAR = new Kernel("exact_polar");

    static Kernel polynomial(String function, List<double[]> steps) {
        return new Kernel(function, steps.stream().flatMapToDouble(Arrays::stream).toArray());
    }

    static Kernel partialFractions(PartialFractions fractions) {
        int terms = fractions.poles().length;
        double[] coefficients = new double[1 + 2 * terms];
        coefficients[0] = fractions.constant();
        for (int j = 0; j < terms; j++) {
            coefficients[1 + 2 * j] = fractions.poles()[j];
            coefficients[2 + 2 * j] = fractions.weights()[j];
        }
        return new Kernel("partial_fractions", coefficients);
    }

    @Override
    public String toString() {
        return coefficients.length == 0 ? function : function + "(" + coefficients.length + ")";
    }
}
