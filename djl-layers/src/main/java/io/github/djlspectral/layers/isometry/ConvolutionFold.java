package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Block;
import ai.djl.nn.Blocks;
import ai.djl.nn.LambdaBlock;
import ai.djl.nn.ParallelBlock;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.convolutional.Conv2d;
import io.github.djlspectral.torch.TorchScript;
import java.util.List;

/**
 * {@code x - 2 K^T relu(K x + b)} on images [B, c, H, W], K the convolution with m &lt;= c filters
 * at all places where the kernel lies within the image, K^T its transpose. The rows of K are a
 * subset of the orthonormal rows of a convolution on a torus, so the Jacobian is orthogonal almost
 * everywhere, at the borders and at any stride too, without padding. Pixels that no place reaches
 * pass unchanged.
 *
 * <p>A forward pass costs two convolutions and, unless with {@link Parametrization#INITIAL}, the
 * making of the kernel from its factors, 4 (k - 1) products with a small matrix: about a third of
 * forward and backward pass for k = 3, 16 channels and 128 images of 7 x 7 on a CPU, less for more
 * pixels. {@link #toPlain} is free of it.
 *
 * <p>Isometry alone does not make a deep network train: with bias 0 every layer folds half of
 * space, and the Jacobians of nearby inputs lose all resemblance after some tens of layers; the
 * bias of -1, or few filters, folds less. Proof and measurements are the project's own, after
 * "Neural Networks with Orthogonal Jacobian", arXiv:2508.02882.
 */
public final class ConvolutionFold extends KernelLayer {

    private final int stride;
    private final TorchScript kernels;

    private ConvolutionFold(Builder b) {
        super(b, OrthogonalKernel.circular(b.parametrization, b.filters, b.channels, b.size));
        stride = b.stride;
        kernels = OrthogonalKernel.kernels(stride);
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    NDList apply(NDArray x, NDArray kernel, NDArray bias, boolean training) {
        return kernels.forward(training, x.getManager(), "fold", x, kernel, bias);
    }

    @Override
    Shape output(Shape image) {
        return image;
    }

    /** {@code K x + b}. */
    NDArray heights(NDArray x, NDManager scratch) {
        NDArray k = effectiveKernel(scratch);
        Shape strides = new Shape(stride, stride);
        Shape one = new Shape(1, 1);
        return Conv2d.conv2d(x, k, effectiveBias(scratch), strides, new Shape(0, 0), one, 1)
                .singletonOrThrow();
    }

    /**
     * {@inheritDoc}
     *
     * <p>They are a convolution with the bias, a ReLU and, as DJL's PyTorch engine has no
     * transposed convolution, one with the mirrored kernel by -2, padded by k - 1, whose output is
     * added to the input; at a larger stride, zeros go between the pixels first.
     */
    @Override
    public Block toPlain(NDManager manager) {
        NDArray kernel = effectiveKernel(manager);
        SequentialBlock branch = new SequentialBlock();
        branch.add(conv2d(kernel, effectiveBias(manager), stride, 0));
        branch.add(Activation.reluBlock());
        if (stride > 1) {
            branch.add(LambdaBlock.singleton(z -> spread(z, stride), "spread"));
        }
        branch.add(conv2d(mirrored(manager), null, 1, size - 1));
        ParallelBlock plain = new ParallelBlock(ConvolutionFold::sum);
        plain.add(Blocks.identityBlock());
        plain.add(branch);
        Shape image = new Shape(1, channels, size, size);
        plain.initialize(manager, kernel.getDataType(), image);
        return plain;
    }

    private NDArray mirrored(NDManager manager) {
        try (NDManager scratch = manager.newSubManager()) {
            NDArray swapped = effectiveKernel(scratch).transpose(1, 0, 2, 3);
            NDArray mirrored = swapped.flip(2, 3).mul(-2);
            mirrored.attach(manager);
            return mirrored;
        }
    }

    /** Puts stride - 1 rows of zeros below, and as many columns to the right of, each pixel. */
    private static NDArray spread(NDArray z, int stride) {
        Shape shape = z.getShape();
        NDArray pixels = z.reshape(shape.get(0), shape.get(1), shape.get(2), 1, shape.get(3), 1);
        for (int axis : new int[] {3, 5}) {
            NDArray zeros = pixels.zerosLike().repeat(axis, stride - 1L);
            pixels = NDArrays.concat(new NDList(pixels, zeros), axis);
        }
        return pixels.reshape(
                shape.get(0), shape.get(1), shape.get(2) * stride, shape.get(3) * stride);
    }

    /** Adds the branch's images, which may be larger by rows and columns of zeros. */
    private static NDList sum(List<NDList> branches) {
        NDArray x = branches.get(0).singletonOrThrow();
        NDArray y = branches.get(1).singletonOrThrow();
        long rows = x.getShape().get(2);
        long columns = x.getShape().get(3);
        return new NDList(x.add(y.get(":, :, :" + rows + ", :" + columns)));
    }

    /** Builds a {@link ConvolutionFold}. The bias is -1 at first, so that few filters fire. */
    public static final class Builder extends KernelLayer.Builder<Builder> {

        private Builder() {
            super(-1);
        }

        /**
         * Sets the number of filters. Default: the number of channels.
         *
         * @param filters m, in [1, c]
         * @return this builder
         */
        public Builder optFilters(int filters) {
            requireAtLeast(1, "The number of filters", filters);
            this.filters = filters;
            return this;
        }

        /** {@return the block, not yet initialised} Values out of their ranges are refused. */
        public ConvolutionFold build() {
            if (filters == 0) {
                filters = channels;
            }
            check();
            String rule =
                    "The number of filters must be in [1, %s], more are not orthonormal, was %s";
            require(filters <= channels, rule, channels, filters);
            return new ConvolutionFold(this);
        }
    }
}
