package io.github.djlspectral.optim;

import ai.djl.ndarray.types.Shape;
import java.util.Arrays;
import java.util.Locale;

/**
 * The factor between a mapped momentum and the step, by the shape of the matrix: rows are outputs,
 * columns inputs, for a convolution times kernel area. A function of one's own is a lambda.
 */
@FunctionalInterface
public interface UpdateScale {

    /**
     * {@code sqrt(max(1, rows / columns))}, the reference Muon's; learning rates are about 0.02.
     */
    UpdateScale SPECTRAL = StandardScale.SPECTRAL;

    /**
     * {@code 0.2 sqrt(max(rows, columns))}: the root mean square of the step's entries is that of
     * AdamW, so that AdamW's learning rates carry over. Liu et al., "Muon is scalable for LLM
     * training", arXiv:2502.16982, section 2.2.
     */
    UpdateScale MATCH_RMS = StandardScale.MATCH_RMS;

    /**
     * {@code sqrt(rows / columns)}: inputs whose entries have a root mean square of 1 change the
     * outputs by the learning rate, whatever the width. Yang, Simon and Bernstein, "A spectral
     * condition for feature learning", arXiv:2310.17813.
     */
    UpdateScale SPECTRAL_CONDITION = StandardScale.SPECTRAL_CONDITION;

    /** One. */
    UpdateScale NONE = StandardScale.NONE;

    /**
     * Returns the factor for a matrix.
     *
     * @param rows outputs, at least 1
     * @param columns inputs, at least 1
     * @return the factor, positive and finite
     */
    double factor(double rows, double columns);

    /**
     * Returns one of the constants here.
     *
     * @param name its name, in letters of either case
     * @return the scale
     * @throws IllegalArgumentException if there is none of that name
     */
    static UpdateScale of(String name) {
        for (StandardScale scale : StandardScale.values()) {
            if (scale.name().equalsIgnoreCase(name)) {
                return scale;
            }
        }
        String names = Arrays.toString(StandardScale.values()).toLowerCase(Locale.ROOT);
        throw new IllegalArgumentException("There is no update scale " + name + ", but " + names);
    }

    /**
     * Returns the learning rate of the default fallback, AdamW, divided by that of the hidden
     * matrices: 0.3, for {@link #MATCH_RMS} 1.
     *
     * @return the ratio, positive
     */
    default double fallbackRatio() {
        return 0.3;
    }

    /**
     * Returns the factor for a weight that is one matrix.
     *
     * @param shape the shape of the weight, rank 2 or more
     * @return the factor, positive
     */
    default double factor(Shape shape) {
        SpectralMap.requireMatrix(shape);
        double rows = shape.get(0);
        return factor(rows, shape.size() / rows);
    }
}
