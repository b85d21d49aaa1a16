package io.github.djlspectral.layers.isometry;

import static io.github.djlspectral.layers.Require.require;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.training.initializer.NormalInitializer;
import io.github.djlspectral.layers.isometry.initializer.OrthogonalInitializer;
import io.github.djlspectral.torch.TorchScript;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
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
    private final Map<Device, Retraction> retractions = new HashMap<>();

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
        if (parametrization == Parametrization.RETRACTION
                || parametrization == Parametrization.INITIAL) {
            weight.setName(prefix + "weight").setType(Parameter.Type.WEIGHT);
            parameters = List.of(weight.build());
            return;
        }
        if (parametrization == Parametrization.HOUSEHOLDER) {
            free.setName(prefix + "reflectors").optInitializer(new NormalInitializer(1));
        } else {
            free.setName(prefix + "skew").optInitializer(Initializer.ZEROS);
        }
        weight.setName(prefix + "base").setType(Parameter.Type.OTHER).optRequiresGrad(false);
        parameters = List.of(free.build(), weight.build());
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

    /**
     * Makes whatever an initializer that was set from outside draws the nearest matrix with
     * orthonormal rows or columns. Called before each initialisation.
     */
    void keepOrthonormal() {
        Parameter matrix = parameters.get(parameters.size() - 1);
        Initializer given = matrix.getInitializer();
        boolean kept = given instanceof Nearest || given instanceof Copy;
        if (!kept && !(given instanceof OrthogonalInitializer)) {
            matrix.setInitializer(new Nearest(matrix.getName(), given));
        }
    }

    /** What an array holds, which draws no random numbers. */
    record Copy(NDArray value) implements Initializer {
        @Override
        public NDArray initialize(NDManager manager, Shape shape, DataType type) {
            String rule = "The initial value must be %s, was %s";
            require(value.getShape().equals(shape), rule, shape, value.getShape());
            NDArray typed = value.toType(type, false);
            NDArray copy = typed == value ? value.duplicate() : typed;
            copy.attach(manager);
            return copy;
        }
    }

    /** The polar factor of what another initializer draws. */
    private record Nearest(String parameter, Initializer given) implements Initializer {
        @Override
        public NDArray initialize(NDManager manager, Shape shape, DataType type) {
            NDArray drawn = given.initialize(manager, shape, type);
            requireNearest(parameter, drawn, drawn);
            return drawn;
        }
    }

    /** Makes target, which may be the weight, the orthonormal matrix nearest to the weight. */
    private static void requireNearest(String parameter, NDArray weight, NDArray target) {
        if (!KERNELS.callBoolean(
                weight.getManager(), "retract", weight, target, rounding(weight))) {
            throw new IllegalStateException(
                    ("Parameter %s %s must have a nearest matrix with orthonormal rows or columns,"
                                    + " but a step or an initializer has made it NaN, infinite, or"
                                    + " of less than full rank: lower the learning rate, or choose"
                                    + " another initializer")
                            .formatted(parameter, weight.getShape()));
        }
    }

    private static double rounding(NDArray weight) {
        boolean exact = weight.getDataType() == DataType.FLOAT64;
        Shape shape = weight.getShape();
        return (exact ? FLOAT64_TOLERANCE : FLOAT32_TOLERANCE)
                * Math.sqrt(Math.max(shape.get(0), shape.get(1)));
    }

    List<Parameter> parameters() {
        return parameters;
    }

    /**
     * Returns the matrix on a device, with a graph if training. The caller releases it. Only
     * training changes a parameter.
     */
    NDArray value(ParameterStore store, NDArray activation, boolean training) {
        if (isDerived()) {
            return derived(store, activation, training);
        }
        NDArray weight = store.getValue(parameters.get(0), activation.getDevice(), training);
        return parametrization == Parametrization.RETRACTION ? retracted(weight, training) : weight;
    }

    private NDArray derived(ParameterStore store, NDArray activation, boolean training) {
        String function = parametrization.name().toLowerCase(Locale.ROOT);
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
    private boolean isDerived() {
        return parameters.size() > 1;
    }

    /** Closes what {@link #value} has returned, unless it is kept here. */
    void release(NDArray value) {
        if (isDerived()) {
            value.close();
        }
    }

    /** A copy of a parameter's value, without a graph. */
    static NDArray copy(Parameter parameter, NDManager manager) {
        NDArray copy = parameter.getArray().duplicate();
        copy.attach(manager);
        return copy;
    }

    /** Begins with what is nearest to a given matrix; unless that is null. */
    void beginNear(NDArray given) {
        if (given != null) {
            String rule =
                    "optInitialWeight and %s, whose reflections are random, exclude each other";
            require(parametrization != Parametrization.HOUSEHOLDER, rule, parametrization);
            Parameter matrix = parameters.get(parameters.size() - 1);
            matrix.setInitializer(new Nearest(matrix.getName(), new Copy(given)));
        }
    }

    /** Begins with another's matrix; this one must be its own parameter. */
    void beginWith(OrthogonalWeight other, NDManager scratch) {
        parameters.get(0).setInitializer(new Copy(other.copy(scratch)));
    }

    static void beginWith(Parameter parameter, Parameter other) {
        parameter.setInitializer(new Copy(other.getArray()));
    }

    /** Returns a copy of the matrix as it is, without a graph. */
    NDArray copy(NDManager manager) {
        NDArray first = parameters.get(0).getArray();
        try (NDArray like = manager.zeros(new Shape(1), first.getDataType())) {
            NDArray value = value(new ParameterStore(manager, false), like, false);
            NDArray copy = value.duplicate();
            copy.attach(manager);
            release(value);
            return copy;
        }
    }

    /**
     * Returns the nearest matrix with orthonormal rows: in training the weight itself, changed if a
     * step has moved it; otherwise the weight if it is orthonormal, or a copy that is, kept until
     * the weight moves again. Threads that predict wait for the first.
     */
    private synchronized NDArray retracted(NDArray weight, boolean training) {
        Retraction known = retractions.get(weight.getDevice());
        if (known == null || known.weight != weight) {
            known = new Retraction(weight);
            retractions.put(weight.getDevice(), known);
        }
        double now = fingerprint(weight);
        if (now == known.orthonormal) {
            return weight;
        }
        String name = parameters.get(0).getName();
        if (training) {
            requireNearest(name, weight, weight);
            known.orthonormal = fingerprint(weight);
            return weight;
        }
        if (now == known.moved) {
            return known.nearest;
        }
        if (known.nearest == null) {
            known.nearest = weight.duplicate();
            NDScope.unregister(known.nearest); // a scope around the pass must not free it
        }
        requireNearest(name, weight, known.nearest);
        if (fingerprint(known.nearest) == now) { // nothing to change
            known.nearest.close();
            known.nearest = null;
            known.orthonormal = now;
            return weight;
        }
        known.moved = now;
        return known.nearest;
    }

    private static double fingerprint(NDArray weight) {
        return KERNELS.callDouble(weight.getManager(), "fingerprint", weight);
    }

    /** What is known of a weight on a device; NaN is no fingerprint. */
    private static final class Retraction {
        private final NDArray weight;
        // the weight's when it was last seen orthonormal
        private double orthonormal = Double.NaN;
        // the weight's when inference last saw it when it was not
        private double moved = Double.NaN;
        // the orthonormal matrix nearest to that; it lives as long as the weight's manager
        private NDArray nearest;

        private Retraction(NDArray weight) {
            this.weight = weight;
        }
    }
}
