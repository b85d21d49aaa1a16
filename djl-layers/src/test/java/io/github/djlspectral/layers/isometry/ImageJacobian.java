package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.SequentialBlock;

/** The Jacobian of a block on images as of one on vectors. */
final class ImageJacobian {

    private ImageJacobian() {}

    /** The block between reshapes, initialised. */
    static Block flat(Block block, NDManager manager, DataType type, Shape image) {
        SequentialBlock flat = new SequentialBlock();
        flat.add(
                LambdaBlock.singleton(
                        x -> x.reshape(new Shape(x.getShape().get(0)).addAll(image))));
        flat.add(block);
        flat.add(LambdaBlock.singleton(x -> x.reshape(x.getShape().get(0), -1)));
        flat.initialize(manager, type, new Shape(1, image.size()));
        return flat;
    }

    static NDArray point(NDManager manager, DataType type, Shape image) {
        return manager.randomNormal(0, 1, new Shape(image.size()), type);
    }
}
