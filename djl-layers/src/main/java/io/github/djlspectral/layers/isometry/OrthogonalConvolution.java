package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import io.github.djlspectral.layers.isometry.initializer.DeltaOrthogonalInitializer;

/**
 * {@code K x + b} on images [B, c, H, W], K an orthogonal convolution: at stride 1 on a torus,
 * where an edge of the image continues at the opposite one, or at a stride of the kernel's size on
 * disjoint patches, as space to depth and a convolution of size 1. With c s^2 = m numbers per place
 * in and out (s the stride, m the filters) K is orthogonal, with more filters {@code K^T K = I},
 * with fewer {@code K K^T = I}. With zeros around the image in place of the torus K would not be
 * orthogonal, but for kernels that are zero off the centre: see {@link DeltaOrthogonalInitializer}.
 *
 * <p>With an activation such as {@link FixedIsometry#abs} after it this is the layer of an
 * isometric feedforward network; the warning of {@link ConvolutionFold} holds for it, and {@link
 * FixedIsometry#shiftedAbs} folds less.
 */
public final class OrthogonalConvolution extends KernelLayer {

    private final boolean patches;

    private OrthogonalConvolution(Builder builder, boolean patches) {
        super(builder, kernel(builder, patches));
        this.patches = patches;
    }

    private static OrthogonalKernel kernel(Builder b, boolean patches) {
        return patches
                ? OrthogonalKernel.ofPatches(b.parametrization, b.filters, b.channels, b.size)
                : OrthogonalKernel.circular(b.parametrization, b.filters, b.channels, b.size);
    }

    /** {@return a new builder} */
    public static Builder builder() {
        return new Builder();
    }

    @Override
    NDList apply(NDArray x, NDArray kernel, NDArray bias, boolean training) {
        String function = patches ? "patches" : "circular";
        return OrthogonalKernel.kernels(1)
                .forward(training, x.getManager(), function, x, kernel, bias);
    }

    @Override
    Shape output(Shape image) {
        long rows = image.get(2);
        long columns = image.get(3);
        if (!patches) {
            return new Shape(image.get(0), filters, rows, columns);
        }
        String rule = "The sides of the image must be multiples of the stride %s, were %s x %s";
        require(rows % size == 0 && columns % size == 0, rule, size, rows, columns);
        return new Shape(image.get(0), filters, rows / size, columns / size);
    }

    @Override
    KernelLayer free() {
        return free(builder()).setFilters(filters).build();
    }

    /** Builds an {@link OrthogonalConvolution}. The bias is 0 at first. */
    public static final class Builder extends KernelLayer.Builder<Builder> {

        private Builder() {
            super(0);
        }

        /**
         * Sets the number of filters (required).
         *
         * @param filters m, at least 1
         * @return this builder
         */
        public Builder setFilters(int filters) {
            this.filters = filters;
            return this;
        }

        /** {@return the block, not yet initialised} The stride must be 1 or the kernel's size. */
        public OrthogonalConvolution build() {
            check();
            String rule = "The stride must be 1 or the size of the kernel, %s, was %s";
            require(stride == 1 || stride == size, rule, size, stride);
            return new OrthogonalConvolution(this, stride == size);
        }
    }
}
