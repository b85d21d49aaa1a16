package io.github.djlspectral.layers.isometry;

/** How a weight is kept orthogonal in training, or that it is not. */
public enum Parametrization {

    /**
     * {@code W = W_0 (I + A)^(-1) (I - A)}, A skew-symmetric with free entries that begin at 0:
     * orthonormal to rounding after any step of any optimizer. One linear solve of n x n per
     * forward pass. The free entries are a vector, so that an optimizer that spares vectors from
     * weight decay spares them.
     */
    CAYLEY,

    /** {@code W = W_0 exp(A)}, as {@link #CAYLEY}; dearer, but it reaches every rotation. */
    EXPONENTIAL,

    /**
     * W itself is free; before each training pass, if an optimizer has moved it, Newton-Schulz
     * steps bring it back to the nearest matrix with orthonormal rows. A pass costs one product of
     * W with its transpose more, and a few after a step.
     */
    RETRACTION,

    /** W is orthonormal at the beginning, and free from then on. */
    INITIAL
}
