package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import io.github.djlspectral.torch.TorchScript;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * A kernel [m, c, k, k] that makes an orthogonal convolution, behind the parameters that it is made
 * from. With more filters than channels its columns are orthonormal, else its rows are.
 *
 * <p>A circular kernel is the block convolution of an orthogonal matrix with k - 1 pairs of factors
 * {@code P + (I - P) z}, P a projection onto half of the channels, z the shift by a pixel down or
 * to the right: Li et al., "Preventing gradient attenuation in Lipschitz constrained convolutional
 * networks", NeurIPS 2019. All of these are {@link OrthogonalWeight}s, so whatever keeps them
 * orthogonal keeps the convolution so. With {@link Parametrization#INITIAL} the kernel itself is
 * the parameter, orthogonal at the beginning.
 */
final class OrthogonalKernel {

    private static final Map<Integer, TorchScript> KERNELS = new ConcurrentHashMap<>();

    private final Shape shape;
    private final List<OrthogonalWeight> factors = new ArrayList<>();
    private final List<Parameter> parameters = new ArrayList<>();
    private Initializer initializer; // of the kernel itself, where that is the parameter

    private OrthogonalKernel(Shape shape) {
        this.shape = shape;
    }

    /** A kernel whose convolution on a torus, at stride 1, is orthogonal. */
    static OrthogonalKernel circular(
            Parametrization parametrization, int filters, int channels, int size) {
        int larger = Math.max(filters, channels);
        String rule =
                "An orthogonal kernel of size %s for 1 channel can only shift the image: set the"
                        + " kernel to 1, or take space to depth first";
        require(larger > 1 || size == 1, rule, size);
        OrthogonalKernel kernel = new OrthogonalKernel(new Shape(filters, channels, size, size));
        if (parametrization == Parametrization.INITIAL) {
            return kernel.free(circular(Parametrization.RETRACTION, filters, channels, size));
        }
        kernel.add("pointwise_", parametrization, Math.min(filters, channels), larger);
        for (int i = 1; i < size; i++) {
            kernel.add("vertical" + i + "_", parametrization, larger / 2, larger);
            kernel.add("horizontal" + i + "_", parametrization, larger / 2, larger);
        }
        return kernel;
    }

    /** A kernel whose convolution at a stride of its size is orthogonal: any orthogonal matrix. */
    static OrthogonalKernel ofPatches(
            Parametrization parametrization, int filters, int channels, int size) {
        OrthogonalKernel kernel = new OrthogonalKernel(new Shape(filters, channels, size, size));
        if (parametrization == Parametrization.INITIAL) {
            return kernel.free(ofPatches(Parametrization.RETRACTION, filters, channels, size));
        }
        int entries = channels * size * size;
        int larger = Math.max(filters, entries);
        kernel.add("patch_", parametrization, Math.min(filters, entries), larger);
        return kernel;
    }

    /** The native functions at a stride. */
    static TorchScript kernels(int stride) {
        Class<?> here = OrthogonalKernel.class;
        return KERNELS.computeIfAbsent(
                stride, s -> TorchScript.ofResources(here, Map.of("STRIDE", s), "convolution.py"));
    }

    private void add(String prefix, Parametrization parametrization, int rows, int columns) {
        OrthogonalWeight factor = new OrthogonalWeight(prefix, parametrization, rows, columns);
        factors.add(factor);
        parameters.addAll(factor.parameters());
    }

    private OrthogonalKernel free(OrthogonalKernel beginning) {
        initializer = (manager, s, type) -> beginning.draw(manager, type);
        Parameter.Builder kernel = Parameter.builder().setName("kernel").optShape(shape);
        kernel.setType(Parameter.Type.WEIGHT).optInitializer(initializer);
        parameters.add(kernel.build());
        return this;
    }

    /** Begins with a kernel, where that is the parameter. */
    void beginWith(NDArray kernel) {
        initializer = new OrthogonalWeight.Copy(kernel);
    }

    /** Keeps an initializer that was set from outside from making another convolution of it. */
    void keepOrthogonal() {
        if (isDerived()) {
            factors.forEach(OrthogonalWeight::keepOrthonormal);
        } else {
            parameters.get(0).setInitializer(initializer);
        }
    }

    private NDArray draw(NDManager manager, DataType type) {
        try (NDManager scratch = manager.newSubManager()) {
            parameters.forEach(p -> p.initialize(scratch, DataType.FLOAT64));
            NDArray drawn = copy(scratch).toType(type, true);
            parameters.forEach(Parameter::close);
            drawn.attach(manager);
            return drawn;
        }
    }

    List<Parameter> parameters() {
        return parameters;
    }

    /** Returns the kernel on a device, with a graph if training; the caller releases it. */
    NDArray value(ParameterStore store, NDArray activation, boolean training) {
        if (!isDerived()) {
            return store.getValue(parameters.get(0), activation.getDevice(), training);
        }
        NDList weights = new NDList();
        for (OrthogonalWeight factor : factors) {
            weights.add(factor.value(store, activation, training));
        }
        NDArray kernel = call(activation.getManager(), weights, training);
        for (int i = 0; i < factors.size(); i++) {
            factors.get(i).release(weights.get(i));
        }
        if (kernel.getShape().equals(shape)) {
            return kernel;
        }
        try (kernel) { // of patches: a matrix so far
            return kernel.reshape(shape);
        }
    }

    private NDArray call(NDManager manager, NDList weights, boolean training) {
        boolean expanding = shape.get(0) > weights.get(0).getShape().get(0);
        String function = expanding ? "expanding_kernel" : "kernel";
        Supplier<NDList> call = () -> kernels(1).callWithGradient(manager, function, weights);
        return (training ? call.get() : TorchScript.withAutograd(false, call)).singletonOrThrow();
    }

    /** Tells whether {@link #value} makes a new array each time. */
    private boolean isDerived() {
        return !factors.isEmpty();
    }

    /** Closes what {@link #value} has returned, unless it is the parameter's own. */
    void release(NDArray value) {
        if (isDerived()) {
            value.close();
        }
    }

    /** Returns a copy of the kernel. */
    NDArray copy(NDManager manager) {
        ParameterStore store = new ParameterStore(manager, false);
        DataType type = parameters.get(0).getArray().getDataType();
        try (NDArray like = manager.zeros(new Shape(1), type)) {
            NDArray value = value(store, like, false);
            NDArray copy = value.duplicate(); // one of size 1 has its parameter's memory
            copy.attach(manager);
            release(value);
            return copy;
        }
    }
}
