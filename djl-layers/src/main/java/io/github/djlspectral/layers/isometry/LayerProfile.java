package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.Pair;
import io.github.djlspectral.torch.TorchScript;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;

/**
 * What one layer of a sequential network does to the gradients and points of a batch.
 *
 * @param name the layer's name in its network, numbered in order; layers of a nested sequential
 *     network are listed one by one under "outer/inner"
 * @param gradientRatio {@code |J^T g| / |g|} over the batch, J from the layer's input to the
 *     network's output, g the gradient at that output
 * @param foldRate for a {@link Fold} or {@link ConvolutionFold}, the share of rows times points
 *     (times places) that are reflected, in [0, 1]; empty for other layers
 */
public record LayerProfile(String name, Spread gradientRatio, OptionalDouble foldRate) {

    private record Layer(String name, Block block) {}

    /**
     * Measures every layer for a random unit gradient at the output of each point.
     *
     * @param network initialised; it is run in evaluation mode and not changed
     * @param manager the manager whose device is used
     * @param inputs the points [B, ..]
     * @param seed of the gradients
     * @return one profile for each layer, from the input on
     * @throws IllegalArgumentException if the network is empty
     */
    public static List<LayerProfile> of(
            SequentialBlock network, NDManager manager, NDArray inputs, long seed) {
        try (NDManager scratch = manager.newSubManager()) {
            Run run = Run.of(network, scratch, inputs);
            NDArray g = new SeededNormals(seed).next(scratch, run.output.getShape(), run.output);
            return run.profiles(g);
        }
    }

    /**
     * Measures every layer for given gradients at the output, such as those of a loss. Cost: a
     * forward and a backward pass.
     *
     * @param network initialised; it is run in evaluation mode and not changed
     * @param manager the manager whose device is used
     * @param inputs the points [B, ..]
     * @param outputGradient g, of the output's shape and type, with no row of zeros
     * @return one profile for each layer, from the input on
     * @throws IllegalArgumentException if the network is empty, or the gradient has another shape
     */
    public static List<LayerProfile> of(
            SequentialBlock network, NDManager manager, NDArray inputs, NDArray outputGradient) {
        try (NDManager scratch = manager.newSubManager()) {
            Run run = Run.of(network, scratch, inputs);
            Shape shape = run.output.getShape();
            Shape given = outputGradient.getShape();
            String rule = "The gradient must have the output's shape %s, has %s";
            require(given.equals(shape), rule, shape, given);
            return run.profiles(outputGradient);
        }
    }

    /** A forward pass that keeps the input of every layer. */
    private record Run(NDManager scratch, List<Layer> layers, NDList inputs, NDArray output) {

        static Run of(SequentialBlock network, NDManager scratch, NDArray points) {
            List<Layer> layers = new ArrayList<>();
            flatten("", network, layers);
            require(!layers.isEmpty(), "The network has no layers");
            ParameterStore store = new ParameterStore(scratch, false);
            NDList inputs = new NDList(Linearization.leaf(scratch, points));
            return TorchScript.withAutograd(
                    true,
                    () -> {
                        for (Layer layer : layers) {
                            NDList input = new NDList(inputs.get(inputs.size() - 1));
                            inputs.add(Linearization.forward(layer.block, store, input, false));
                        }
                        NDArray output = inputs.remove(inputs.size() - 1);
                        return new Run(scratch, layers, inputs, output);
                    });
        }

        private static void flatten(String prefix, SequentialBlock network, List<Layer> layers) {
            for (Pair<String, Block> child : network.getChildren()) {
                String name = prefix + child.getKey();
                if (child.getValue() instanceof SequentialBlock nested) {
                    flatten(name + "/", nested, layers);
                } else {
                    layers.add(new Layer(name, child.getValue()));
                }
            }
        }

        List<LayerProfile> profiles(NDArray gradient) {
            NDArray ratios =
                    Linearization.graph(scratch, "gradient_ratios", output, inputs, gradient);
            List<LayerProfile> profiles = new ArrayList<>();
            for (int i = 0; i < layers.size(); i++) {
                Layer layer = layers.get(i);
                OptionalDouble rate = foldRate(layer.block, inputs.get(i));
                profiles.add(new LayerProfile(layer.name, Spread.of(ratios.get(i)), rate));
            }
            return List.copyOf(profiles);
        }
    }

    /** Returns the share of hyperplanes times points on their reflected side; empty if no fold. */
    private static OptionalDouble foldRate(Block layer, NDArray input) {
        try (NDManager scratch = input.getManager().newSubManager()) {
            NDArray x = input.stopGradient();
            x.attach(scratch);
            if (layer instanceof Fold fold) {
                NDArray w = fold.effectiveWeight(scratch);
                NDArray b = fold.getParameters().get("bias").getArray();
                NDArray heights = x.matMul(w.transpose()).add(b);
                // the others keep the side of the positive slope
                return share(fold instanceof ResidualFold ? heights.gt(0) : heights.lt(0));
            }
            if (layer instanceof ConvolutionFold fold) {
                return share(fold.heights(x, scratch).gt(0));
            }
            return OptionalDouble.empty();
        }
    }

    private static OptionalDouble share(NDArray reflected) {
        return OptionalDouble.of(reflected.toType(DataType.FLOAT64, false).mean().getDouble());
    }
}
