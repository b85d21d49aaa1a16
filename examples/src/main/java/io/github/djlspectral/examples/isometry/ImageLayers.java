package io.github.djlspectral.examples.isometry;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import io.github.djlspectral.layers.isometry.ConvolutionFold;
import io.github.djlspectral.layers.isometry.FixedIsometry;
import io.github.djlspectral.layers.isometry.OrthogonalConvolution;
import io.github.djlspectral.layers.isometry.Parametrization;

/** Layers from images [B, c, H, W] to such images. */
final class ImageLayers {

    /** The height and width of the patches that become pixels. */
    static final int PATCH = 4;

    /** The least number of channels, one for each pixel of a patch. */
    static final int LEAST_CHANNELS = PATCH * PATCH;

    private static final int KERNEL = 3;

    private ImageLayers() {}

    /**
     * From images to the first layer: patches become pixels, then more channels; isometric at
     * first.
     */
    static Block embedding(LayerPlan plan) {
        return new SequentialBlock()
                .add(FixedIsometry.spaceToDepth(PATCH))
                .add(
                        OrthogonalConvolution.builder()
                                .setChannels(LEAST_CHANNELS)
                                .setFilters(plan.channels())
                                .setKernel(1)
                                .optParametrization(Parametrization.INITIAL)
                                .build());
    }

    static Block fold(LayerPlan plan) {
        return ConvolutionFold.builder()
                .setChannels(plan.channels())
                .setKernel(KERNEL)
                .optParametrization(plan.parametrization())
                .build();
    }

    static Block shiftedAbs(LayerPlan plan, float shift) {
        return new SequentialBlock()
                .add(
                        OrthogonalConvolution.builder()
                                .setChannels(plan.channels())
                                .setFilters(plan.channels())
                                .setKernel(KERNEL)
                                .optParametrization(plan.parametrization())
                                .build())
                .add(FixedIsometry.shiftedAbs(shift));
    }

    static Block relu(LayerPlan plan) {
        return PlainLayer.relu(convolution(plan, 2));
    }

    static Block residual(LayerPlan plan) {
        return new ResidualLayer(
                convolution(plan, 2), convolution(plan, 1), 1 / Math.sqrt(plan.depth()));
    }

    /** An ordinary convolution, zeros around the image. */
    private static Block convolution(LayerPlan plan, int gain) {
        Block convolution =
                Conv2d.builder()
                        .setKernelShape(new Shape(KERNEL, KERNEL))
                        .setFilters(plan.channels())
                        .optPadding(new Shape(KERNEL / 2, KERNEL / 2))
                        .build();
        convolution.setInitializer(VectorLayers.gaussian(gain), "weight");
        return convolution;
    }
}
