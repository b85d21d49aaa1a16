package io.github.djlspectral.examples.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import io.github.djlspectral.layers.isometry.JacobianSpectrum;
import java.util.Arrays;
import java.util.stream.DoubleStream;

/**
 * What the layers of a network do to differences and gradients, at some test images.
 *
 * @param least the least singular value of all layers together at any of the points
 * @param median the median of all points' singular values
 * @param largest the largest
 */
record Measurement(double least, double median, double largest) {

    /**
     * Measures.
     *
     * @param layers initialised
     * @param states what they get, [N, n], N the number of points
     */
    static Measurement of(Block layers, NDArray states) {
        double[] all = {};
        try (NDManager scratch = states.getManager().newSubManager()) {
            for (int i = 0; i < states.getShape().get(0); i++) {
                NDArray values =
                        JacobianSpectrum.singularValues(layers, scratch, states.get(scratch, i));
                all = DoubleStream.concat(Arrays.stream(all), doubles(values)).toArray();
            }
        }
        Arrays.sort(all);
        return new Measurement(all[0], all[all.length / 2], all[all.length - 1]);
    }

    private static DoubleStream doubles(NDArray values) {
        float[] numbers = values.toFloatArray();
        double[] wide = new double[numbers.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = numbers[i];
        }
        return Arrays.stream(wide);
    }
}
