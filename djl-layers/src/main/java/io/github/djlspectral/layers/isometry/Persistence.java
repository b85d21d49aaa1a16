package io.github.djlspectral.layers.isometry;

/** How the protected subspace S of a {@link PersistentFold} and the rest of space are coupled. */
public enum Persistence {

    /**
     * What is outside S may go anywhere, S included: {@code J = [J_11 *; 0 *]}, J_11 orthogonal. A
     * change of the input within S keeps its length, so J has at least k singular values of 1 or
     * more at any depth.
     */
    FORWARD,

    /**
     * What leaves S depends on everything, what leaves within S on S alone: {@code J = [J_11 0; *
     * *]}. A gradient within S keeps its length on the way back, whatever happens to the rest.
     */
    BACKWARD,

    /**
     * S and the rest go their own ways: {@code J = [J_11 0; 0 *]}. Both of the above, and {@code
     * |J^T g| >= |P_S g|} for every gradient g.
     */
    BLOCK_DIAGONAL
}
