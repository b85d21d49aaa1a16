package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import io.github.djlspectral.layers.SelfDescribingBlock;

/**
 * A layer on images [B, c, H, W] with a square kernel whose convolution is orthogonal, and a bias
 * for each of its filters.
 */
public abstract class KernelLayer extends SelfDescribingBlock implements IsometricLayer {

    private final int channels;
    private final int size;
    private final OrthogonalKernel kernel;
    private final Parameter bias;

    KernelLayer(Builder<?> builder, OrthogonalKernel kernel) {
        super(
                "parametrization", builder.parametrization(),
                "channels", builder.channels,
                "filters", builder.filters,
                "kernel", builder.size,
                "stride", builder.stride);
        channels = builder.channels;
        size = builder.size;
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
    protected final NDList forwardInternal(
            ParameterStore parameterStore,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray x = inputs.singletonOrThrow();
        getOutputShapes(new Shape[] {x.getShape()});
        NDArray k = kernel.value(parameterStore, x, training);
        NDArray b = parameterStore.getValue(bias, x.getDevice(), training);
        try {
            return apply(x, k, b, training);
        } finally {
            if (kernel.isDerived()) {
                k.close();
            }
        }
    }

    /**
     * {@inheritDoc}
     *
     * @throws IllegalArgumentException if the images do not have this layer's channels, or their
     *     sides do not suit its kernel
     */
    @Override
    public final Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape image = inputShapes[0];
        if (image.dimension() != 4 || image.get(1) != channels) {
            throw new IllegalArgumentException(
                    "Images must be [batch, " + channels + ", height, width], were " + image);
        }
        if (image.get(2) < size || image.get(3) < size) {
            throw new IllegalArgumentException(
                    "The kernel, %s x %s, must not be larger than the image, which is %s x %s"
                            .formatted(size, size, image.get(2), image.get(3)));
        }
        return new Shape[] {output(image)};
    }

    /**
     * Returns the effective kernel, for inference, inspection or another framework.
     *
     * @param manager the manager of the result
     * @return the kernel, as of {@link Conv2d}: [filters, channels, k, k]; a copy
     */
    public NDArray effectiveKernel(NDManager manager) {
        return kernel.copy(manager);
    }

    final int channels() {
        return channels;
    }

    final int size() {
        return size;
    }

    final NDArray effectiveBias(NDManager manager) {
        return PlainLayers.copy(bias, manager);
    }

    /** A stock convolution, not yet initialised, with its arrays; the bias may be null. */
    static Conv2d conv2d(NDArray kernel, NDArray bias, int stride, int padding) {
        Shape shape = kernel.getShape();
        Conv2d plain =
                Conv2d.builder()
                        .setKernelShape(shape.slice(2))
                        .setFilters((int) shape.get(0))
                        .optStride(new Shape(stride, stride))
                        .optPadding(new Shape(padding, padding))
                        .optBias(bias != null)
                        .build();
        plain.getParameters().get("weight").setArray(kernel);
        if (bias != null) {
            plain.getParameters().get("bias").setArray(bias);
        }
        return plain;
    }

    /**
     * Builds a {@link KernelLayer}. With {@link Parametrization#INITIAL} the parameter is the
     * kernel itself, otherwise the matrices that it is made of.
     *
     * @param <T> the concrete builder
     */
    public abstract static class Builder<T extends Builder<T>> extends LayerBuilder<T> {

        private int channels;
        private int filters;
        private int size;
        private int stride = 1;

        Builder(float bias) {
            super(bias);
        }

        final int channels() {
            return channels;
        }

        final int filters() {
            return filters;
        }

        final void filters(int filters) {
            this.filters = filters;
        }

        final int size() {
            return size;
        }

        final int stride() {
            return stride;
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
            requirePositive("number of channels", channels);
            requirePositive("number of filters", filters);
            requirePositive("size of the kernel", size);
            requirePositive("stride", stride);
            checkBias();
        }

        private static void requirePositive(String what, int value) {
            if (value < 1) {
                throw new IllegalArgumentException(
                        "The " + what + " must be at least 1, was " + value);
            }
        }
    }
}
