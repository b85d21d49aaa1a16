package io.github.djlspectral.examples.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import io.github.djlspectral.layers.isometry.Fold;
import io.github.djlspectral.layers.isometry.KernelLayer;
import io.github.djlspectral.layers.isometry.OrthogonalLinear;
import io.github.djlspectral.torch.Host;
import java.util.ArrayList;
import java.util.List;

/** How far from orthogonal the weights of a network are. */
final class WeightDeviation {

    private static final int MATRIX = 2;

    private WeightDeviation() {}

    /**
     * Returns the largest entry of {@code |W W^T - I|} of the folds and orthogonal linear maps in a
     * block, and of the matrices that kernels of convolutions are made from.
     *
     * @return NaN if there is none
     */
    static double of(Block block, NDManager manager) {
        double largest = Double.NaN;
        try (NDManager scratch = manager.newSubManager()) {
            for (NDArray weight : weights(block, scratch)) {
                NDArray identity = scratch.eye((int) weight.getShape().get(0));
                NDArray gram = weight.matMul(weight.transpose());
                double now = Host.read(gram.sub(identity).abs().max(), NDArray::getFloat);
                largest = largest >= now ? largest : now;
            }
        }
        return largest;
    }

    private static List<NDArray> weights(Block block, NDManager scratch) {
        if (block instanceof Fold fold) {
            return List.of(fold.effectiveWeight(scratch));
        }
        if (block instanceof OrthogonalLinear linear) {
            return List.of(linear.effectiveWeight(scratch));
        }
        List<NDArray> weights = new ArrayList<>();
        if (block instanceof KernelLayer) {
            for (Parameter parameter : block.getParameters().values()) {
                boolean weight = parameter.getType() == Parameter.Type.WEIGHT;
                if (weight && parameter.getShape().dimension() == MATRIX) {
                    NDArray copy = parameter.getArray().duplicate();
                    copy.attach(scratch);
                    weights.add(copy);
                }
            }
        }
        block.getChildren().values().forEach(child -> weights.addAll(weights(child, scratch)));
        return weights;
    }
}
