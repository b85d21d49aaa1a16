package io.github.djlspectral.torch;

import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.engine.PtNDManager;

/**
 * A second Java view of a native tensor under a name of its own. The engine reads an argument's
 * role from the array's name; a parameter's own name must not be mistaken for one, nor changed.
 */
final class TensorAlias extends PtNDArray {

    private final PtNDManager resultManager;

    TensorAlias(PtNDManager scratch, PtNDManager resultManager, PtNDArray original, String name) {
        super(scratch, original.getHandle());
        this.resultManager = resultManager;
        setName(name);
    }

    @Override
    public PtNDManager getManager() {
        return resultManager;
    }

    /** Does nothing: the original owns the tensor. */
    @Override
    public void close() {}
}
