package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.ConstantInitializer;
import java.util.Objects;

/**
 * What the builders of layers with an orthogonal weight and a bias have in common.
 *
 * @param <T> the concrete builder
 */
abstract class LayerBuilder<T extends LayerBuilder<T>> {

    Parametrization parametrization = Parametrization.RETRACTION;
    private float bias;

    LayerBuilder(float bias) {
        this.bias = bias;
    }

    @SuppressWarnings("unchecked") // T is the class of this
    final T self() {
        return (T) this;
    }

    final float bias() {
        return bias;
    }

    /** Makes the bias, one for each row or filter. */
    final Parameter bias(int size) {
        return bias("bias", size, bias);
    }

    static Parameter bias(String name, int size, float value) {
        return Parameter.builder()
                .setName(name)
                .setType(Parameter.Type.BIAS)
                .optShape(new Shape(size))
                .optInitializer(new ConstantInitializer(value))
                .build();
    }

    /**
     * Sets how the weight is kept orthogonal. Default: {@link Parametrization#RETRACTION}.
     *
     * @param parametrization the way
     * @return this builder
     */
    public T optParametrization(Parametrization parametrization) {
        this.parametrization = Objects.requireNonNull(parametrization, "parametrization");
        return self();
    }

    /**
     * Sets the initial bias of every row or filter.
     *
     * @param bias finite
     * @return this builder
     */
    public T optInitialBias(float bias) {
        this.bias = bias;
        return self();
    }

    final void checkBias() {
        require(Float.isFinite(bias), "The bias must be finite, was %s", bias);
    }
}
