package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;

/** A layer that can be written as plain layers, its orthogonal weights materialised. */
public interface IsometricLayer extends Block {

    /**
     * Returns plain layers of DJL, such as {@link ai.djl.nn.core.Linear}, with the same outputs up
     * to rounding: inference costs no parametrisation and needs none of this package.
     *
     * @param manager the manager of the new parameters
     * @return an initialised block of its own: later training of this layer does not change it
     */
    Block toPlain(NDManager manager);
}
