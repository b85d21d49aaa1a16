package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.convolutional.Conv2d;
import java.util.OptionalDouble;

/** How much of its input a layer reflects. */
final class FoldRate {

    private FoldRate() {}

    /** Returns the share of hyperplanes times points on their reflected side; empty if no fold. */
    static OptionalDouble of(Block layer, NDArray input) {
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
                NDArray k = fold.effectiveKernel(scratch);
                NDArray b = fold.effectiveBias(scratch);
                Shape stride = new Shape(fold.stride(), fold.stride());
                Shape none = new Shape(0, 0);
                Shape one = new Shape(1, 1);
                return share(Conv2d.conv2d(x, k, b, stride, none, one, 1).singletonOrThrow().gt(0));
            }
            return OptionalDouble.empty();
        }
    }

    private static OptionalDouble share(NDArray reflected) {
        return OptionalDouble.of(reflected.toType(DataType.FLOAT64, false).mean().getDouble());
    }
}
