package io.github.djlspectral.optim;

import ai.djl.ndarray.types.Shape;

/**
 * The factor between a mapped momentum and the step, by the shape of the weight: rows are the first
 * dimension (outputs), columns all others (for a convolution, inputs times kernel area).
 */
public enum UpdateScale {

    /**
     * {@code sqrt(max(1, rows / columns))}, the reference Muon's; learning rates are about 0.02.
     */
    SPECTRAL,

    /**
     * {@code 0.2 sqrt(max(rows, columns))}: the root mean square of the step's entries is that of
     * AdamW, so that AdamW's learning rates carry over. Liu et al., "Muon is scalable for LLM
     * training", arXiv:2502.16982, section 2.2.
     */
    MATCH_RMS,

    /** One. */
    NONE;

    /**
     * {@return the learning rate of the default fallback, AdamW, divided by that of the hidden
     * matrices: 0.3, for {@link #MATCH_RMS} 1}
     */
    public double fallbackRatio() {
        return this == MATCH_RMS ? 1 : 0.3;
    }

    /**
     * {@return the factor for a weight, positive}
     *
     * @param shape the shape of the weight, rank 2 or more
     */
    public double factor(Shape shape) {
        SpectralMap.requireMatrix(shape);
        double rows = shape.get(0);
        double columns = shape.size() / rows;
        return switch (this) {
            case SPECTRAL -> Math.sqrt(Math.max(1, rows / columns));
            case MATCH_RMS -> 0.2 * Math.sqrt(Math.max(rows, columns));
            case NONE -> 1;
        };
    }
}
