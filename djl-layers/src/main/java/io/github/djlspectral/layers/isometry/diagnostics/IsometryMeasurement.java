package io.github.djlspectral.layers.isometry.diagnostics;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * What an {@link IsometryProbe} found.
 *
 * @param largest the largest singular value of the Jacobian at the first point
 * @param smallest the smallest of its min(n, p)
 * @param deviation of that Jacobian from isometries
 * @param layers the layers of a sequential network, from the input on; empty for other blocks
 * @param jacobianCosine between the Jacobians at the points and beside them
 * @param distanceRatio of the pairs of points
 */
public record IsometryMeasurement(
        double largest,
        double smallest,
        JacobianDeviation deviation,
        List<LayerProfile> layers,
        Spread jacobianCosine,
        Spread distanceRatio) {

    /**
     * {@return the ratios {@code |J^T g| / |g|} of the whole network, as at its first layer, over
     * the points; NaN for a block whose layers are not known}
     */
    public Spread gradientRatio() {
        return layers.isEmpty() ? Spread.of(Double.NaN) : layers.get(0).gradientRatio();
    }

    /** {@return the mean fold rate of the layers that are folds, in [0, 1]; NaN if none are} */
    public double foldRate() {
        return layers.stream()
                .map(LayerProfile::foldRate)
                .filter(OptionalDouble::isPresent)
                .mapToDouble(OptionalDouble::getAsDouble)
                .average()
                .orElse(Double.NaN);
    }

    /** {@return the summary in numbers, by name, in a fixed order: the columns of a table} */
    public Map<String, Double> values() {
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("singular_value_max", largest);
        values.put("singular_value_min", smallest);
        values.put("deviation_columns", deviation.columns());
        values.put("deviation_rows", deviation.rows());
        values.put("deviation_partial", deviation.partial());
        values.put("gradient_ratio_min", gradientRatio().min());
        values.put("gradient_ratio_median", gradientRatio().median());
        values.put("gradient_ratio_max", gradientRatio().max());
        values.put("fold_rate", foldRate());
        values.put("jacobian_cosine", jacobianCosine.mean());
        values.put("distance_ratio", distanceRatio.mean());
        return values;
    }
}
