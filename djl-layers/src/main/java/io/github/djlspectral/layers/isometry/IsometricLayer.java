package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;

/** A layer that can be written as plain layers, its orthogonal weights materialised. */
public interface IsometricLayer extends Block {

    /**
     * {@return plain layers of DJL, initialised, such as {@link ai.djl.nn.core.Linear}, with the
     * same outputs up to rounding} Inference with them costs no parametrisation and needs none of
     * this package; later training of this layer does not change them.
     *
     * @param manager the manager of the new parameters
     */
    Block toPlain(NDManager manager);
}
