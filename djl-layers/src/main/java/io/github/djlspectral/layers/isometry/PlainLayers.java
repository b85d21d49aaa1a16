package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.util.Pair;
import java.util.List;

/**
 * Networks of isometric layers written as DJL's own layers: for inference without a
 * parametrisation, and for programs without this package.
 */
public final class PlainLayers {

    private PlainLayers() {}

    /**
     * Replaces isometric layers by plain ones with the same outputs up to rounding, also within
     * sequential blocks, nested to any depth. Other layers are taken over as they are, parameters
     * shared.
     *
     * @param block an initialised block
     * @param manager the manager of the new parameters
     * @return the plain block, initialised; saved and loaded as any block of DJL, by a program that
     *     builds one of the same structure
     * @throws IllegalArgumentException if an isometric layer is within a block that is neither
     *     isometric nor sequential, which cannot be taken apart
     * @throws IllegalStateException if the block is not initialised
     */
    public static Block of(Block block, NDManager manager) {
        if (!block.isInitialized()) {
            throw new IllegalStateException("Initialise or load the block first, to have weights");
        }
        if (block instanceof IsometricLayer layer) {
            return layer.toPlain(manager);
        }
        if (block instanceof SequentialBlock sequence) {
            return ofSequence(sequence, manager);
        }
        require(
                !containsIsometric(block),
                "Only sequential blocks can be taken apart, but there are isometric layers in a %s",
                block.getClass().getName());
        return block;
    }

    private static Block ofSequence(SequentialBlock sequence, NDManager manager) {
        SequentialBlock plain = new SequentialBlock();
        plain.setReturnIntermediate(sequence.isReturnIntermediate());
        for (Block child : sequence.getChildren().values()) {
            plain.add(of(child, manager));
        }
        List<Parameter> parameters = sequence.getParameters().values();
        boolean none = parameters.isEmpty();
        DataType type = none ? DataType.FLOAT32 : parameters.get(0).getArray().getDataType();
        plain.initialize(manager, type, sequence.getInputShapes());
        return plain;
    }

    private static boolean containsIsometric(Block block) {
        for (Pair<String, Block> child : block.getChildren()) {
            if (child.getValue() instanceof IsometricLayer || containsIsometric(child.getValue())) {
                return true;
            }
        }
        return false;
    }

    /** W x + b; takes both arrays over. No bias if it is null. */
    static Block linear(NDArray weight, NDArray bias) {
        Shape shape = weight.getShape();
        Linear linear = Linear.builder().setUnits(shape.get(0)).optBias(bias != null).build();
        linear.getDirectParameters().get("weight").setArray(weight);
        if (bias != null) {
            linear.getDirectParameters().get("bias").setArray(bias);
        }
        linear.initialize(weight.getManager(), weight.getDataType(), new Shape(1, shape.get(1)));
        return linear;
    }

    /** c W^T x, without a bias; a copy. */
    static Block back(NDArray weight, double factor) {
        try (NDArray transposed = weight.transpose()) {
            return linear(transposed.mul(factor), null);
        }
    }

    /** relu(W x + b), then U times it; takes the arrays over. */
    static SequentialBlock hidden(NDArray weight, NDArray bias, Block outer) {
        return new SequentialBlock()
                .add(linear(weight, bias))
                .add(Activation.reluBlock())
                .add(outer);
    }

    /** The sum of two branches of the same input [.., n]. */
    static Block sum(Block first, Block second, NDArray like, long n) {
        ParallelBlock sum = new ParallelBlock(PlainLayers::sum, List.of(first, second));
        sum.initialize(like.getManager(), like.getDataType(), new Shape(1, n));
        return sum;
    }

    private static NDList sum(List<NDList> branches) {
        NDArray first = branches.get(0).singletonOrThrow();
        return new NDList(first.add(branches.get(1).singletonOrThrow()));
    }

    /** x + branch(x). */
    static Block residual(Block branch, NDArray like, long n) {
        return sum(Blocks.identityBlock(), branch, like, n);
    }

    /** A copy of a parameter's value, without a graph. */
    static NDArray copy(Parameter parameter, NDManager manager) {
        NDArray copy = parameter.getArray().duplicate();
        copy.attach(manager);
        return copy;
    }
}
