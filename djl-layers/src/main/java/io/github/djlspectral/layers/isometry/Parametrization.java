package io.github.djlspectral.layers.isometry;

/**
 * How a weight is kept orthogonal in training, or that it is not.
 *
 * <p>Weight decay must not pull an orthogonal matrix towards 0. The free entries of {@link
 * #CAYLEY}, {@link #EXPONENTIAL} and {@link #HOUSEHOLDER} are vectors, which the optimizers of this
 * project never decay. Under an optimizer that decays everything, such as DJL's AdamW, the matrix
 * stays orthogonal all the same: it is drawn towards W_0 by the first two, not at all by the third,
 * and {@link #RETRACTION} undoes decay. W_0 is frozen, also in a loaded model, whose trainer thaws
 * every other parameter.
 */
public enum Parametrization {

    /**
     * {@code W = W_0 (I + A)^(-1) (I - A)}, {@code A = P - P^T} with free entries P [n, n] that
     * begin at 0: orthonormal to rounding after any step of any optimizer. One factorisation of n x
     * n per forward pass; W itself is made only for batches of n or more. Rotations by exactly 180
     * degrees from W_0 are out of reach.
     */
    CAYLEY,

    /** {@code W = W_0 exp(A)}, as {@link #CAYLEY}; dearer, but it reaches every rotation. */
    EXPONENTIAL,

    /**
     * {@code W = W_0 (I - V S^(-1) V^T)}, {@code S = triu(V^T V, 1) + diag(V^T V) / 2}: one mirror
     * reflection for each column of a free V [n, m], m = min(rows, columns), random at first; a
     * column of zeros reflects nothing. Only directions of columns matter, so shrinking them all
     * changes nothing, however far. One triangular solve of m x m per forward pass: the cheapest if
     * there are few rows.
     */
    HOUSEHOLDER,

    /**
     * W itself is free; before a pass, or when it is asked for, if an optimizer or something else
     * has moved it, Newton-Schulz steps bring it back to the nearest matrix with orthonormal rows.
     * A pass costs two products of W with a vector more, and four or six of matrices after a step.
     */
    RETRACTION,

    /** W is orthonormal at the beginning, and free from then on. */
    INITIAL
}
