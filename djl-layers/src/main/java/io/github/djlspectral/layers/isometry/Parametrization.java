package io.github.djlspectral.layers.isometry;

/**
 * How a weight W [rows, columns] is kept orthogonal in training, or that it is not. Three ways make
 * it anew in each forward pass, from W_0, the uniformly distributed matrix that it was initialised
 * with, and free entries; the others train W itself. W_0 is frozen, also in a loaded model, whose
 * trainer thaws every other parameter.
 *
 * <p>Weight decay must not pull an orthogonal matrix towards 0. The free entries of {@link
 * #CAYLEY}, {@link #EXPONENTIAL} and {@link #HOUSEHOLDER} are vectors, which the optimizers of this
 * project never decay. Under an optimizer that decays everything, such as DJL's AdamW, the matrix
 * stays orthogonal all the same: the first two drift towards W_0, the third does not change, and
 * {@link #RETRACTION} undoes the decay.
 */
public enum Parametrization {

    /**
     * {@code W = W_0 (I + A)^(-1) (I - A)}, {@code A = P - P^T} with free entries P [n, n] that
     * begin at 0, n = max(rows, columns): orthonormal to rounding after any step of any optimizer.
     * A forward pass factorises n x n, once to make W, or up to twice in a {@link Fold} of fewer
     * than n points, which does without W. Rotations by exactly 180 degrees from W_0 are out of
     * reach. A W_0 with more rows than columns is multiplied from the left, here and below.
     */
    CAYLEY,

    /** {@code W = W_0 exp(A)}, as {@link #CAYLEY}; dearer, but it reaches every rotation. */
    EXPONENTIAL,

    /**
     * {@code W = W_0 (I - V S^(-1) V^T)}, {@code S = triu(V^T V, 1) + diag(V^T V) / 2}: one mirror
     * reflection for each column of a free V [n, m], n and m the larger and the smaller side of W,
     * random at first; a column of zeros reflects nothing. Only directions of columns matter, so
     * shrinking them all changes nothing, however far. One triangular solve of m x m per forward
     * pass: the cheapest if there are few rows.
     */
    HOUSEHOLDER,

    /**
     * W itself is free. Before a pass in training, if an optimizer or something else has moved it,
     * it is brought back to the nearest matrix with orthonormal rows, or columns: by Newton-Schulz
     * steps, or by a singular value decomposition where those do not reach it; an exception says so
     * if there is no nearest one. Other passes, and whoever asks for W, get that matrix and leave
     * the parameter, which is what a file holds, as it is. To see whether W has moved costs a pass
     * over its entries, to bring it back two products of matrices for each step, two or three at
     * ordinary learning rates.
     */
    RETRACTION,

    /**
     * W is orthonormal at the beginning, and free from then on.
     *
     * <p>Here and above, an initializer that is set from outside makes W, or W_0, the orthonormal
     * matrix nearest to what it draws; kernels of convolutions that are parameters themselves, and
     * what a {@link PersistentFold} protects, keep their own.
     */
    INITIAL
}
