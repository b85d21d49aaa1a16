package io.github.djlspectral.layers.isometry.diagnostics;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.Pair;
import ai.djl.util.PairList;
import io.github.djlspectral.layers.isometry.IsometricLayer;
import io.github.djlspectral.torch.TorchScript;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.function.UnaryOperator;

/**
 * What one layer of a sequential network does to the gradients and points of a batch.
 *
 * @param name the layer's name in its network, numbered in order; layers of a nested sequential
 *     network are listed one by one under "outer/inner"
 * @param gradientRatio {@code |J^T g| / |g|} over the batch, J from the layer's input to the
 *     network's output, g the gradient at that output
 * @param foldRate that of {@link IsometricLayer#foldRate}; empty for other layers
 */
public record LayerProfile(String name, Spread gradientRatio, OptionalDouble foldRate) {

    /**
     * {@return a profile of each layer, from the input on, for a random unit gradient at the output
     * of each point}
     *
     * @param network initialised; it is run in evaluation mode and not changed
     * @param manager the manager whose device is used
     * @param inputs the points [B, ..]
     * @param seed of the gradients
     * @throws IllegalArgumentException if the network is empty
     */
    public static List<LayerProfile> of(
            SequentialBlock network, NDManager manager, NDArray inputs, long seed) {
        SeededNormals normals = new SeededNormals(seed);
        return of(network, manager, inputs, y -> normals.next(y.getManager(), y.getShape(), y));
    }

    /**
     * {@return a profile of each layer, from the input on, for given gradients at the output, such
     * as those of a loss} Cost: a forward and a backward pass.
     *
     * @param network initialised; it is run in evaluation mode and not changed
     * @param manager the manager whose device is used
     * @param inputs the points [B, ..]
     * @param outputGradient g, of the output's shape and type, with no row of zeros
     * @throws IllegalArgumentException if the network is empty, or the gradient has another shape
     */
    public static List<LayerProfile> of(
            SequentialBlock network, NDManager manager, NDArray inputs, NDArray outputGradient) {
        Shape given = outputGradient.getShape();
        UnaryOperator<NDArray> gradient =
                y -> {
                    String rule = "The gradient must have the output's shape %s, has %s";
                    require(given.equals(y.getShape()), rule, y.getShape(), given);
                    return outputGradient;
                };
        return of(network, manager, inputs, gradient);
    }

    private static List<LayerProfile> of(
            SequentialBlock network,
            NDManager manager,
            NDArray points,
            UnaryOperator<NDArray> gradient) {
        PairList<String, Block> layers = new PairList<>();
        flatten("", network, layers);
        require(!layers.isEmpty(), "The network has no layers");
        try (NDManager scratch = manager.newSubManager()) {
            ParameterStore store = new ParameterStore(scratch, false);
            NDList inputs = new NDList(Linearization.leaf(scratch, points));
            NDArray output =
                    TorchScript.withAutograd(
                            true,
                            () -> {
                                for (Block layer : layers.values()) {
                                    NDList x = new NDList(inputs.get(inputs.size() - 1));
                                    inputs.add(Linearization.forward(layer, store, x, false));
                                }
                                return inputs.remove(inputs.size() - 1);
                            });
            NDArray g = gradient.apply(output);
            NDArray ratios = Linearization.graph(scratch, "gradient_ratios", output, inputs, g);
            List<LayerProfile> profiles = new ArrayList<>();
            for (int i = 0; i < layers.size(); i++) {
                OptionalDouble rate = foldRate(layers.valueAt(i), inputs.get(i));
                profiles.add(new LayerProfile(layers.keyAt(i), Spread.of(ratios.get(i)), rate));
            }
            return List.copyOf(profiles);
        }
    }

    private static void flatten(
            String prefix, SequentialBlock network, PairList<String, Block> layers) {
        for (Pair<String, Block> child : network.getChildren()) {
            String name = prefix + child.getKey();
            if (child.getValue() instanceof SequentialBlock nested) {
                flatten(name + "/", nested, layers);
            } else {
                layers.add(name, child.getValue());
            }
        }
    }

    private static OptionalDouble foldRate(Block layer, NDArray input) {
        return layer instanceof IsometricLayer isometric
                ? isometric.foldRate(input)
                : OptionalDouble.empty();
    }
}
