package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.ParameterStore;

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

    /** max |J^T J - I|, or |J J^T - I| if the output has fewer numbers. */
    static double deviation(Block flat, NDManager manager, NDArray point) {
        NDArray j = JacobianSpectrum.jacobian(flat, manager, point);
        j = j.toType(DataType.FLOAT64, false);
        boolean contracting = j.getShape().get(0) < j.getShape().get(1);
        NDArray gram = contracting ? j.matMul(j.transpose()) : j.transpose().matMul(j);
        NDArray identity =
                manager.eye((int) gram.getShape().get(0)).toType(DataType.FLOAT64, false);
        return gram.sub(identity).abs().max().getDouble();
    }

    /** Rounding of products of length n: what the deviation may be. */
    static double tolerance(DataType type, Shape image) {
        return type == DataType.FLOAT64 ? 1e-13 * image.size() : 2e-6 * Math.sqrt(image.size());
    }

    static NDArray forward(Block block, NDArray x) {
        ParameterStore store = new ParameterStore(x.getManager(), false);
        return block.forward(store, new NDList(x), false).singletonOrThrow();
    }
}
