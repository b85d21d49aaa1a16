package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;

/** A layer whose weight is brought back, that weight, and passes through it. */
abstract class RetractionCase extends ManagedTest {

    final OrthogonalLinear linear(int rows, int columns, DataType type) {
        OrthogonalLinear linear = OrthogonalLinear.builder().setUnits(rows).build();
        linear.initialize(manager, type, new Shape(1, columns));
        return linear;
    }

    static NDArray weight(Block linear) {
        return linear.getParameters().get("weight").getArray();
    }

    final NDArray pass(Block block, int columns, boolean training) {
        DataType type = weight(block).getDataType();
        NDArray x = manager.ones(new Shape(2, columns), type);
        ParameterStore store = new ParameterStore(manager, false);
        return block.forward(store, new NDList(x), training).singletonOrThrow();
    }
}
