package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;
import static io.github.djlspectral.layers.Require.requireAtLeast;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.training.ParameterStore;
import io.github.djlspectral.layers.SelfDescribingBlock;

/**
 * A layer on images [B, c, H, W] with a square kernel whose convolution is orthogonal, and a bias
 * for each of its filters.
 */
public abstract class KernelLayer extends SelfDescribingBlock implements IsometricLayer {

    final int channels;
    final int filters;
    final int size;
    final int stride;
    private final OrthogonalKernel kernel;
    private final Parameter bias;

    KernelLayer(Builder<?> builder, OrthogonalKernel kernel) {
        super(
                "parametrization", builder.parametrization,
                "channels", builder.channels,
                "filters", builder.filters,
                "kernel", builder.size,
                "stride", builder.stride);
        channels = builder.channels;
        filters = builder.filters;
        size = builder.size;
        stride = builder.stride;
        this.kernel = kernel;
        kernel.parameters().forEach(this::addParameter);
        bias = addParameter(builder.bias(builder.filters));
    }

    /** The layer's value, by a native call. */
    abstract NDList apply(NDArray x, NDArray kernel, NDArray bias, boolean training);

    /** The shape of the output for an image [B, c, H, W], H and W no less than the kernel. */
    abstract Shape output(Shape image);

    @Override
    protected final void prepare(Shape[] inputShapes) {
        getOutputShapes(inputShapes);
        kernel.keepOrthogonal();
    }

    @Override
    protected final NDList forwardOne(ParameterStore store, NDArray x, boolean training) {
        getOutputShapes(new Shape[] {x.getShape()});
        NDArray k = kernel.value(store, x, training);
        NDArray b = store.getValue(bias, x.getDevice(), training);
        try {
            return apply(x, k, b, training);
        } finally {
            kernel.release(k);
        }
    }

    @Override
    public final Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape image = inputShapes[0];
        boolean legal = image.dimension() == 4 && image.get(1) == channels;
        require(legal, "Images must be [batch, %s, height, width], were %s", channels, image);
        long rows = image.get(2);
        long columns = image.get(3);
        String rule = "The kernel, %s x %s, must not be larger than the image, which is %s x %s";
        require(rows >= size && columns >= size, rule, size, size, rows, columns);
        return new Shape[] {output(image)};
    }

    /**
     * {@return a copy of the effective kernel, as of {@link Conv2d}: [filters, channels, k, k], for
     * inference, inspection or another framework}
     *
     * @param manager the manager of the result
     */
    public NDArray effectiveKernel(NDManager manager) {
        return kernel.copy(manager);
    }

    final NDArray effectiveBias(NDManager manager) {
        return OrthogonalWeight.copy(bias, manager);
    }

    /** Another layer of the same options whose kernel is the parameter. */
    abstract KernelLayer free();

    @Override
    public final Block materialise(NDManager manager) {
        KernelLayer copy = free();
        DataType type = bias.getArray().getDataType();
        try (NDManager scratch = manager.newSubManager()) {
            copy.kernel.beginWith(kernel.copy(scratch));
            OrthogonalWeight.beginWith(copy.bias, bias);
            copy.initialize(manager, type, new Shape(1, channels, size, size));
            return copy;
        }
    }

    /** Copies the options. */
    final <T extends Builder<T>> T free(T builder) {
        return builder.setChannels(channels)
                .setKernel(size)
                .optStride(stride)
                .optParametrization(Parametrization.INITIAL);
    }

    /**
     * Builds a {@link KernelLayer}. With {@link Parametrization#INITIAL} the parameter is the
     * kernel itself, otherwise the matrices that it is made of.
     *
     * @param <T> the concrete builder
     */
    public abstract static class Builder<T extends Builder<T>> extends LayerBuilder<T> {

        int channels;
        int filters;
        int size;
        int stride = 1;

        Builder(float bias) {
            super(bias);
        }

        /**
         * Sets the number of channels (required).
         *
         * @param channels c, at least 1
         * @return this builder
         */
        public T setChannels(int channels) {
            this.channels = channels;
            return self();
        }

        /**
         * Sets the size of the kernel (required).
         *
         * @param size k, at least 1; with more than 1, and stride 1, at least 2 channels or filters
         *     are needed
         * @return this builder
         */
        public T setKernel(int size) {
            this.size = size;
            return self();
        }

        /**
         * Sets the stride. Default: 1.
         *
         * @param stride the number of pixels from one place of the kernel to the next, at least 1
         * @return this builder
         */
        public T optStride(int stride) {
            this.stride = stride;
            return self();
        }

        final void check() {
            requireAtLeast(1, "The number of channels", channels);
            requireAtLeast(1, "The number of filters", filters);
            requireAtLeast(1, "The size of the kernel", size);
            requireAtLeast(1, "The stride", stride);
            checkBias();
        }
    }
}
