package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.convolutional.Conv2d;
import io.github.djlspectral.torch.TorchScript;
import java.util.OptionalDouble;

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
 * pixels. {@link #materialise} leaves the latter out.
 *
 * <p>Isometry alone does not make a deep network train: with bias 0 every layer folds half of
 * space, and the Jacobians of nearby inputs lose all resemblance after some tens of layers; the
 * bias of -1, or few filters, folds less. Proof and measurements are the project's own, after
 * "Neural Networks with Orthogonal Jacobian", arXiv:2508.02882.
 */
public final class ConvolutionFold extends KernelLayer {

    private final TorchScript kernels;

    private ConvolutionFold(Builder b) {
        super(b, OrthogonalKernel.circular(b.parametrization, b.filters, b.channels, b.size));
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

    @Override
    public OptionalDouble foldRate(NDArray input) {
        try (NDManager scratch = input.getManager().newSubManager()) {
            NDArray x = input.stopGradient();
            x.attach(scratch);
            NDArray k = effectiveKernel(scratch);
            Shape strides = new Shape(stride, stride);
            Shape one = new Shape(1, 1);
            Shape none = new Shape(0, 0);
            NDArray b = effectiveBias(scratch);
            NDArray z = Conv2d.conv2d(x, k, b, strides, none, one, 1).singletonOrThrow();
            return Fold.share(z.gt(0));
        }
    }

    @Override
    KernelLayer free() {
        return free(builder()).optFilters(filters).build();
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
