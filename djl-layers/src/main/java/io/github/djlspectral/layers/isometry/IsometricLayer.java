package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import java.util.List;
import java.util.OptionalDouble;

/** A layer whose Jacobian is orthogonal, isometric or co-isometric, or was so at first. */
public interface IsometricLayer extends Block {

    /**
     * {@return a layer of the same function, initialised, whose weight is the parameter itself:
     * {@link Parametrization#INITIAL}} Inference with it costs no parametrisation; training it does
     * not keep it orthogonal, and neither layer's training changes the other.
     *
     * @param manager the manager of the new parameters
     * @throws IllegalStateException if this layer is not initialised
     */
    Block materialise(NDManager manager);

    /**
     * {@return the share of rows times points (times places) that are reflected, in [0, 1], where
     * the layer is a {@link Fold} or {@link ConvolutionFold}}
     *
     * @param input the points
     */
    default OptionalDouble foldRate(NDArray input) {
        return OptionalDouble.empty();
    }

    /**
     * Materialises the isometric layers of a network, those within sequential blocks too, nested to
     * any depth. Other layers are taken over as they are, parameters shared.
     *
     * @param network an initialised block
     * @param manager the manager of the new parameters
     * @return the network, initialised; saved and loaded as any block, by a program that builds one
     *     of the same structure, with {@link Parametrization#INITIAL}
     * @throws IllegalArgumentException if an isometric layer is within a block that is neither
     *     isometric nor sequential, which cannot be taken apart
     * @throws IllegalStateException if the network is not initialised
     */
    static Block materialise(Block network, NDManager manager) {
        if (!network.isInitialized()) {
            throw new IllegalStateException("Initialise or load the block first, to have weights");
        }
        if (network instanceof IsometricLayer layer) {
            return layer.materialise(manager);
        }
        if (network instanceof SequentialBlock sequence) {
            SequentialBlock copy = new SequentialBlock();
            copy.setReturnIntermediate(sequence.isReturnIntermediate());
            sequence.getChildren().values().forEach(b -> copy.add(materialise(b, manager)));
            List<Parameter> parameters = sequence.getParameters().values();
            boolean none = parameters.isEmpty();
            DataType type = none ? DataType.FLOAT32 : parameters.get(0).getArray().getDataType();
            copy.initialize(manager, type, sequence.getInputShapes());
            return copy;
        }
        require(
                !contains(network),
                "Only sequential blocks can be taken apart, but there are isometric layers in a %s",
                network.getClass().getName());
        return network;
    }

    private static boolean contains(Block block) {
        return block.getChildren().values().stream()
                .anyMatch(child -> child instanceof IsometricLayer || contains(child));
    }
}
