package io.github.djlspectral.layers.isometry.diagnostics;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.github.djlspectral.torch.Host;
import java.util.Arrays;

/**
 * Some numbers in short. All four are NaN if one of the numbers is.
 *
 * @param min the least
 * @param median the median; of an even count the mean of the middle two
 * @param mean the mean
 * @param max the largest
 */
public record Spread(double min, double median, double mean, double max) {

    /**
     * {@return the spread of numbers}
     *
     * @param values at least one
     */
    public static Spread of(double... values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int n = sorted.length;
        if (Double.isNaN(sorted[n - 1])) { // NaN is sorted last
            return new Spread(Double.NaN, Double.NaN, Double.NaN, Double.NaN);
        }
        double median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
        double mean = Arrays.stream(sorted).average().orElse(Double.NaN);
        return new Spread(sorted[0], median, mean, sorted[n - 1]);
    }

    /**
     * {@return the spread of an array's numbers}
     *
     * @param values float32 or float64, any shape
     */
    public static Spread of(NDArray values) {
        try (NDArray exact = values.toType(DataType.FLOAT64, true)) {
            return of(Host.read(exact, NDArray::toDoubleArray));
        }
    }
}
