package io.github.djlspectral.layers.isometry;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.ConstantInitializer;
import ai.djl.training.initializer.NormalInitializer;
import io.github.djlspectral.torch.TorchScript;
import java.util.List;
import java.util.function.Supplier;

/**
 * A matrix [rows, columns] with orthonormal rows, or orthonormal columns if there are more rows
 * than columns, behind the parameters that it is made from.
 */
final class OrthogonalWeight {

    static final TorchScript KERNELS =
            TorchScript.ofResources(OrthogonalWeight.class, "isometry.py");

    // Largest entry of W W^T - I after which a weight counts as moved: a few rounding errors.
    private static final double FLOAT32_TOLERANCE = 1e-6;
    private static final double FLOAT64_TOLERANCE = 1e-14;

    private final Parametrization parametrization;
    private final List<Parameter> parameters;

    OrthogonalWeight(Parametrization parametrization, int rows, int columns) {
        this("", parametrization, rows, columns);
    }

    /** The prefix keeps the names of several weights of one block apart. */
    OrthogonalWeight(String prefix, Parametrization parametrization, int rows, int columns) {
        this(prefix, parametrization);
        setShape(rows, columns);
    }

    /** A matrix whose shape is to be set. */
    OrthogonalWeight(String prefix, Parametrization parametrization) {
        this.parametrization = parametrization;
        Parameter.Builder weight = Parameter.builder().optInitializer(new OrthogonalInitializer());
        Parameter.Builder free = Parameter.builder().setType(Parameter.Type.OTHER);
        parameters =
                switch (parametrization) {
                    case RETRACTION, INITIAL ->
                            List.of(
                                    weight.setName(prefix + "weight")
                                            .setType(Parameter.Type.WEIGHT)
                                            .build());
                    case CAYLEY, EXPONENTIAL ->
                            List.of(
                                    free.setName(prefix + "skew")
                                            .optInitializer(new ConstantInitializer(0))
                                            .build(),
                                    base(weight, prefix));
                    case HOUSEHOLDER ->
                            List.of(
                                    free.setName(prefix + "reflectors")
                                            .optInitializer(new NormalInitializer(1))
                                            .build(),
                                    base(weight, prefix));
                };
    }

    private static Parameter base(Parameter.Builder weight, String prefix) {
        return weight.setName(prefix + "base")
                .setType(Parameter.Type.OTHER)
                .optRequiresGrad(false)
                .build();
    }

    /** Sets the shape, once, before initialisation. */
    void setShape(long rows, long columns) {
        Parameter first = parameters.get(0);
        Shape shape = new Shape(rows, columns);
        if (!isDerived()) {
            first.setShape(shape);
            return;
        }
        long n = Math.max(rows, columns);
        boolean reflected = parametrization == Parametrization.HOUSEHOLDER;
        first.setShape(new Shape(reflected ? rows * columns : n * n));
        parameters.get(1).setShape(shape);
    }

    List<Parameter> parameters() {
        return parameters;
    }

    /**
     * Returns the matrix on a device, with a graph if training. The caller closes it if {@link
     * #isDerived}, else it is the parameter's own.
     */
    NDArray value(ParameterStore store, NDArray activation, boolean training) {
        if (isDerived()) {
            return derived(store, activation, training);
        }
        NDArray weight = store.getValue(parameters.get(0), activation.getDevice(), training);
        if (parametrization == Parametrization.RETRACTION) {
            retract(weight);
        }
        return weight;
    }

    private NDArray derived(ParameterStore store, NDArray activation, boolean training) {
        String function =
                switch (parametrization) {
                    case CAYLEY -> "cayley";
                    case EXPONENTIAL -> "exponential";
                    default -> "householder";
                };
        Object[] factors = factors(store, activation, training).toArray();
        Supplier<NDList> call =
                () -> KERNELS.callWithGradient(activation.getManager(), function, factors);
        return (training ? call.get() : TorchScript.withAutograd(false, call)).singletonOrThrow();
    }

    /** Returns what a derived matrix is made from, on a device: free entries and base. */
    NDList factors(ParameterStore store, NDArray activation, boolean training) {
        Parameter base = parameters.get(1);
        if (training && base.requiresGradient()) {
            base.freeze(true); // the trainer of a loaded model thaws all parameters
        }
        NDList factors = new NDList();
        for (Parameter parameter : parameters) {
            factors.add(store.getValue(parameter, activation.getDevice(), training));
        }
        return factors;
    }

    /** Tells whether products with so few rows are cheaper without the matrix being made. */
    boolean isBetterImplicit(long rows) {
        return parametrization == Parametrization.CAYLEY
                && rows < parameters.get(1).getArray().getShape().get(1);
    }

    /** Tells whether {@link #value} makes a new array each time. */
    boolean isDerived() {
        return parameters.size() > 1;
    }

    /** Returns a copy of the matrix as it is, without a graph. */
    NDArray copy(NDManager manager) {
        NDArray first = parameters.get(0).getArray();
        try (NDArray like = manager.zeros(new Shape(1), first.getDataType())) {
            NDArray value = value(new ParameterStore(manager, false), like, false);
            NDArray copy = value.duplicate();
            copy.attach(manager);
            if (isDerived()) {
                value.close();
            }
            return copy;
        }
    }

    /** Threads that predict wait until the first has done what the last step of training left. */
    private synchronized void retract(NDArray weight) {
        double tolerance =
                weight.getDataType() == DataType.FLOAT64 ? FLOAT64_TOLERANCE : FLOAT32_TOLERANCE;
        Shape shape = weight.getShape();
        double rounding = tolerance * Math.sqrt(Math.max(shape.get(0), shape.get(1)));
        if (!KERNELS.callBoolean(weight.getManager(), "retract", weight, rounding)) {
            throw new IllegalStateException(
                    "A step has moved an orthogonal weight "
                            + shape
                            + " so far, or to NaN, that its nearest orthogonal matrix is not clear:"
                            + " lower the learning rate, and set no other initializer for it");
        }
    }
}
